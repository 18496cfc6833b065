"""What the programs tell about themselves: logging now, metrics and dashboards to come.

Here: how a log line looks and what never gets into one. Not here: what is worth logging (the rooms decide).
"""
