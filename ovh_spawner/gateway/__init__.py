"""The program in front of each editor: the notebook's only listener.

Here: who may come in (``access``, ``policy``, ``tokens``, ``cookies``, ``origins``), how they sign in (``sign_in``,
``token_sign_in``, ``admitting``) or are told why not (``turning_away``, ``pages``), carrying HTTP and websockets to
the unmodified editor or another program and back (``targets``, ``editor_client``, ``proxying``, ``websockets``,
``headers``, ``paths``), what is open and must close when a right is lost (``living``), when it was last used
(``activity``), the editor as a child process (``editor``, ``strays``, ``editor_log``), when it is ready
(``readiness``) and proofs of life (``heartbeat``).
Not here: deciding who belongs to a notebook (the service does, this asks), files and data (``datasync``),
anything that knows one editor from another.
Start reading at ``program`` (the life of the process) and ``door`` (the way of a request).
"""
