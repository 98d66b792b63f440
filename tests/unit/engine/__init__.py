"""Tests of the engine package, in the folders of its sources."""
