"""AI notebooks on JupyterHub.

A folder directly under this package is either a program (a process of its own) or common ground that
programs import.
Programs: ``hub`` (loaded by JupyterHub), ``service``, ``gateway``, ``ssh``, ``datasync``, ``cli``.
Common ground: ``domain``, ``catalog``, ``contract``, ``telemetry`` and the modules beside this file.
Programs never import one another; what passes between them is a message defined in ``contract``.
"""

__version__ = "0.1.0"
