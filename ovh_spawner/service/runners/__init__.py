"""Where data syncs run, and where the truth about running notebooks comes from.

Here: ``base`` (what every runner can do) and one module per place: ``local`` (processes of this machine) and
``kubernetes`` (pods and Jobs of a cluster). The only room that speaks to a cluster in the service: ``cluster`` is the
door, ``pod_watch`` the picture of our pods, ``run_objects`` and ``cluster_syncs`` what is made, ``pod_facts`` and
``job_facts`` what records mean.
Not here: decisions about notebooks (``operations``); the transfer itself, which is a program of its own.
"""
