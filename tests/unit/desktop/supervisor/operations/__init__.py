"""Unit tests of desktop.supervisor.operations."""
