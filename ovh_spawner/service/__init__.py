"""The hub service: the only writer of the database.

Here: doors (``api``, ``pages``), what the service does (``operations``), the ledger (``db``), where pushes
run (``runners``), the calls to JupyterHub (``hub_client``) and the one place that wires them (``factory``).
Not here: rules (``domain``), the catalog, anything that runs in the hub's or a notebook's process.
"""
