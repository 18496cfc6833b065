"""What the JSON beside this cannot say. JupyterLab runs this file and gives it ``c``."""
# ruff: noqa: INP001, F821
# mypy: ignore-errors

import os

# A login shell, JupyterLab's own choice, begins with the system's PATH and forgets the framework's.
c.ServerApp.terminado_settings = {"shell_command": [os.environ.get("SHELL") or "sh"]}
