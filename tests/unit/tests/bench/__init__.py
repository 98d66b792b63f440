"""Tests of the benchmark: how it fails, and that every part works."""
