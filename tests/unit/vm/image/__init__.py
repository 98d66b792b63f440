"""Tests of the system image: recipe, parts, store, sources."""
