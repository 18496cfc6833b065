"""Remote editors over SSH: one endpoint for all notebooks, and the SSH server inside each of them.

Here: the endpoint, a process of its own, that people's SSH clients connect to. Their user name is a notebook's id,
their key one of that notebook's (``visit``); what they ask for goes through the notebook's gateway (``tunnel``) to
the SSH server in the notebook and back (``relay``). That server (``inside_listener``, ``inside_session``) runs in
notebooks' images, which hold these two files and nothing else of ours.
Not here: which keys count (the service knows), files, accounts, passwords. There is no way in but a key.
Start reading at ``program``.
"""
