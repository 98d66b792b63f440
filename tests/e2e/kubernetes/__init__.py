"""Kubernetes in the real machine: what a user does with it, and what survives."""
