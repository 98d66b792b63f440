"""Unit tests of desktop.windows_engine."""
