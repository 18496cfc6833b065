"""What the hub's spawners and the gateways ask, under ``/internal/v1/``; the public proxy never routes here.

Here: routes for the messages of ``contract.runs``, ``contract.policy`` and ``contract.notebooks``.
Not here: decisions.
"""
