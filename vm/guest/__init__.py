"""Links into a running machine.

stream.py     Stream and Carrier: what any link offers (the endpoint knows only these)
link.py       the fast link: HTTP/2 over a virtio-serial port to the guest's agent
run.py        a command in the guest, to its end
ssh.py        the SSH carrier, for when there is no fast link
shell.py      a shell in the guest for the user's own terminal; this and ssh.py know paramiko
control.py    the line protocol on the virtio-serial port org.slipway.control
names.py      the host's end of the machine's name server
clock.py      the guest's clock at the host's
memory.py     how much memory the guest has left
link_task.py  a task that runs while there is a link
forward.py    a port of the host's that the guest asks for
hostpath.py   a path of the host in the machine's spelling, and what cannot be shared
keys.py       the per-installation keys both sides pin
readiness.py  the checks that make "the guest is up" a fact
"""
