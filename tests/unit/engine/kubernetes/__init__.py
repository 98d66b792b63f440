"""The cluster in the machine, and the user's kubeconfig."""
