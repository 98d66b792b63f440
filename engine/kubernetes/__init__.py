"""The cluster in the machine, seen from the host.

cluster.py          starts and stops it by the link, and follows its status
kubeconfig.py       the user's kubeconfig       kubeconfig_text.py   our entries in the text of one
backups.py          the backups of its state
client/             the Kubernetes API, for the window
"""
