"""Tests of the host's sockets in containers."""
