"""Tests of the ways into the guest."""
