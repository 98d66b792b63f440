"""QEMU: from a frozen spec to a watched process.

command.py       spec → argv, a pure function with golden files
accelerator.py   which accelerator works here, proven by a short boot
process.py       finding the program; starting, recording, watching and ending its process
monitor.py       its monitor protocol (QMP), over the qemu.qmp library
usernet.py       UDP ports that QEMU carries into the machine
"""
