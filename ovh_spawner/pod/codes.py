"""Why a run on a cluster did not start, or ended: a word for programs, beside the sentence for people."""

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "image_pull": "An image does not exist, may not be pulled, or cannot be reached.",
    "image_broken": "The editor's image cannot be run.",
    "claim_lost": "The disk with the notebook's files is gone.",
    "no_disk": "The cluster has not made the notebook's disk.",
    "disk_held": "Another machine still holds the disk with the notebook's files.",
    "volume_place": "A volume's folder cannot be where a file of the user is.",
    "set_up": "The node cannot set the notebook's containers up.",
    "no_node": "No node that may run the flavor is in service.",
    "too_big": "No node has as much as the notebook asks for.",
    "queued": "The notebook waits for its turn in a queue of the cluster.",
    "pull_failed": "The data before the start could not be brought.",
    "editor_ended": "The editor ended by itself, with an error.",
    "gateway_ended": "The gateway beside the editor ended by itself.",
    "out_of_memory": "The notebook used more memory than its flavor has.",
    "disk_full": "The notebook used more of the node's disk than its flavor has.",
    "evicted": "The node ran short of resources.",
    "preempted": "It had to make room for one with a higher priority.",
    "drained": "Its node was taken out of service.",
    "node_lost": "Its node does not answer any more, or is gone.",
    "node_shutdown": "Its node was shut down.",
    "node_refused": "Its node did not take it.",
    "pod_failed": "It ended, and the cluster does not say why.",
    "pod_lost": "Its pod is gone, and nobody saw it end.",
    "hub_restarted": "JupyterHub was restarted before the notebook was up.",
    "cancelled": "The start was cancelled.",
}
