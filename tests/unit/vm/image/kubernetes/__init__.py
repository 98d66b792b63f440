"""The Kubernetes image, and what is ours in it."""
