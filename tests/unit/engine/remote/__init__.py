"""Mirrors engine/remote."""
