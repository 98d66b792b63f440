"""Unit tests of desktop.supervisor."""
