"""Tests of desktop/cli/."""
