"""Unit tests of desktop.supervisor.parts."""
