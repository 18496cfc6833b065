"""Where data syncs run, and where the truth about running notebooks comes from.

Here: ``base`` (what every runner can do) and one module per place: ``local`` (processes of this machine).
Not here: decisions about notebooks (``operations``); the transfer itself, which is a program of its own.
"""
