"""A real Kubernetes on this machine, for tests and for a developer to try things on.

One control plane (etcd, API server, controller manager, scheduler), one real node (containerd, kubelet, a bridge
of its own) and, when wanted, fake nodes (kwok). All of it lives in one folder, and nothing of
it stays when it ends.

    programs       the programs, built from Go modules and kept in the cache
    images         the images that pods run, built here: no registry is needed
    certificates   who is who
    daemons        a program that runs until it is told to stop
    control_plane  etcd, API server, controller manager, scheduler
    network        the bridge between this machine and the pods
    node           containerd and kubelet
    storage        claims become folders
    fake_nodes     kwok
    api            speaks to the API server, whoever started it
    leftovers      removes what an earlier run left behind
    cluster        puts the parts together
"""
