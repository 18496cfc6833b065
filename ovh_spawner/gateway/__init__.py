"""The program in front of each editor: the notebook's only listener.

Here: who may come in (``access``, ``policy``, ``sign_in``, ``cookies``, ``origins``), carrying HTTP and
websockets to the unmodified editor and back (``editor_client``, ``proxying``, ``websockets``, ``headers``,
``paths``), the editor as a child process (``editor``, ``strays``, ``editor_log``), when it is ready
(``readiness``) and proofs of life (``heartbeat``).
Not here: deciding who belongs to a notebook (the service does, this asks), files and data (``datasync``),
anything that knows one editor from another.
Start reading at ``program`` (the life of the process) and ``door`` (the way of a request).
"""
