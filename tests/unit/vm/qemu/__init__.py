"""Tests of the command line, the process and the accelerators of QEMU."""
