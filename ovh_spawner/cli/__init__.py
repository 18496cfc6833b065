"""The command line ``ovh-spawner``: one file per noun.

Here: reading arguments, printing, starting programs. ``local`` is the supervisor that runs the whole service on one
machine. Not here: rules, SQL, HTTP handlers.
"""
