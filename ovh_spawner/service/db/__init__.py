"""The ledger, and the only room that knows SQL.

Here: tables, migrations, one repository per noun, and the unit of work that every use case runs in.
Not here: decisions; a repository finds and stores, it refuses nothing.
Entry points: :class:`ledger.Ledger` (``reading()``, ``writing()``) and the values in ``records``.
"""
