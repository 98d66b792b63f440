"""Tests of forwarding changes of files."""
