"""Backends: engines that can be brought up and reached, behind one interface. No caller asks which one it is.

base.py         Backend, and what it reports      features.py     what an engine can do, as data
linux_guest.py  Moby in the Linux machine
native.py       a dockerd of this computer, which is a service: the engine of Windows containers
"""
