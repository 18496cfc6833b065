"""The rules, pure: notebook spec, volumes, states and transitions, flavors, quota, billing, labels, names.

Here: functions of their arguments. Not here: I/O, async, the clock, randomness that is not an argument,
HTTP statuses, SQL.
Start reading at ``spec`` (what is asked), ``states`` (what is) and ``billing`` (what it costs).
"""
