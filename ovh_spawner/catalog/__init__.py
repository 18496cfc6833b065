"""What a deployment offers, as data: editors, frameworks, flavors with prices, regions.

Here: the shipped YAML files, the operator's overrides, the settings file, and what is installed on this
machine in local mode. A mistake stops the start with file, line and the nearest valid key.
Not here: rules about a request (``domain``), images and pods.
Start reading at ``loader``.
"""
