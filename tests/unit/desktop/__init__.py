"""Tests of desktop/, in its own folders."""
