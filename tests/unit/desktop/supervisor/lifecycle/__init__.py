"""Unit tests of desktop.supervisor.lifecycle."""
