"""A small Kubernetes API server that misbehaves on request, with a kubelet's simulation behind it.

``objects`` keeps what was written and tells watchers, ``requests`` is the HTTP side, ``misfortunes`` what can go wrong
between the two, ``pods`` brings pods up and takes them down, ``server`` puts it on a thread of its own.
"""
