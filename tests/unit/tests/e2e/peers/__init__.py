"""Tests of what runs and compares the suites of other people's clients."""
