"""Tests of what the host offers, for all three systems on one."""
