"""Pages that the service renders: the usage page, the sign-in step of a gateway.

Here: handlers that only read, and their templates, in JupyterHub's own look.
Not here: decisions, the list of notebooks (that is the hub's home page), anything that changes something (a forged
request has nothing to aim at).
"""
