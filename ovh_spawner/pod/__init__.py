"""From a notebook's spec to the objects that a Kubernetes cluster is given, and back from what a cluster reports.

Here: pure functions. Values in, plain JSON-able dicts out: the pod, its claim, its Secrets, the data sync's Job, the
NetworkPolicy; names, labels, paths and image names; what a cluster would refuse; what a pod's record means.
What a person typed is put into dicts as it is and never passes a string template.
Not here: calls to a cluster (``hub`` makes the pod, ``service`` everything else), clocks, files, tokens of our own.
Start reading at ``plan``.
"""
