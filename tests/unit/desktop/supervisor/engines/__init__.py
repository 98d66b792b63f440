"""Unit tests of desktop.supervisor.engines."""
