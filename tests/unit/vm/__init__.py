"""Tests of the machine: its life, its faults, its disk; on a stand-in for QEMU."""
