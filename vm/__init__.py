"""A Linux machine on any host; knows nothing of Docker.

The map, in the order data flows:

    spec.py      what a machine is (frozen values)            host/     what the host can do
    image/       the read-only system it boots                disk.py   the disk that keeps the user's data
    qemu/        spec → argv, the process, the monitor        guest/    links into the running machine
    machine.py   the life cycle: the only writer of state.py's MachineState
    boot.py      a start and its retries     session.py  one running QEMU     power.py  pause, resume, shut down
    watch.py     what happens to it          probe.py    its health           connector.py  the link into its guest
    tasks.py     background tasks that are restarted                          errors.py    the one error tree
"""
