"""Tests of engine/tls."""
