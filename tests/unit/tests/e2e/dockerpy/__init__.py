"""Tests of the verdict on docker-py's suite."""
