"""QEMU: from a frozen spec to a watched process.

command.py       spec → argv, a pure function with golden files
accelerator.py   which accelerator works here, proven by a short boot
process.py       finding the program; starting, watching and ending its process
record.py        what the next supervisor has to know about it
failures.py      why it ended, as an error with a type
work_clock.py    a clock for deadlines that goes as fast as QEMU is given the processor
monitor.py       its monitor protocol (QMP), over the qemu.qmp library
usernet.py       UDP ports that QEMU carries into the machine
slot.py          a disk that QEMU is given while it runs
"""
