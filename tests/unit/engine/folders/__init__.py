"""Tests of shared folders."""
