"""Logs of several containers."""
