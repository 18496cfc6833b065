"""What JupyterHub loads: spawners, authenticator, spawn page and the local hub's configuration.

Here: translation between JupyterHub and the hub service (``service_client``), the processes of a local
notebook, the pages that JupyterHub renders.
Not here: rules (``domain``), quota and ledger (``service``), SQL.
Entry points: ``local_spawner.OVHLocalSpawner``, ``authenticator.OVHAuthenticator``,
``configuration.read_deployment`` (used by ``jupyterhub_config.py``).
JupyterHub 5 and 6 differ in a few names; ``compat`` is the only file that knows.
"""
