"""What the pages of Kubernetes share: the cluster and its lists.

cluster.py   whether it is on, how it is, and calls to it       objects.py   a list that is kept current
applying.py  manifests out of files                              forwards.py  ports of pods on this computer
usage.py     what nodes and pods use                             revisions.py what a workload was before
"""
