"""The data sync: clones, pulls and pushes beside a notebook's files.

Here: one program, started per sync with a job file, that drives git and rclone and says how far it is.
Not here: when to sync and what a failure means for the notebook (the service), where a store's credentials
are kept (the service), the shape of job, progress and report (``contract/sync.py``).

A job is worked off by :mod:`program`, one volume at a time by :mod:`pull`, :mod:`push` or
:mod:`repositories`. These decide from three listings: what the store holds (:mod:`rclone`), what the folder
holds (:mod:`folders`), and what both held at the end of the last verified sync (:mod:`manifests`).
"""
