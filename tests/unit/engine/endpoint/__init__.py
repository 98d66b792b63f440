"""Tests of the endpoint; carriers.py of tests/unit plays the guest."""
