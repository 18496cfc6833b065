"""What the service does, one file per noun; the doors call these methods and nothing else.

Here: use cases, each one unit of work on the ledger, calls to hub and runner outside of transactions, and the
background work that finishes what a request began.
Not here: HTTP shapes and statuses (``api``), SQL (``db``), rules that need no I/O (``domain``).
Start reading at ``notebooks`` (the public door's use cases), ``runs`` (the hub's) and ``reconcile``.
"""
