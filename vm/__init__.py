"""A Linux machine on any host; knows nothing of Docker.

The map, in the order data flows:

    spec.py      what a machine is (frozen values)            host/     what this computer can do
    image/       the read-only system it boots                disk.py   the disk that keeps the user's data
    qemu/        spec → argv, the process, the monitor        guest/    the ways into the running machine
    machine.py   the life cycle: the only writer of state.py's MachineState
    tasks.py     background tasks that are restarted      errors.py    the one error tree
"""
