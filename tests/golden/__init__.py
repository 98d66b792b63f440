"""What tests compare with, such as QEMU's arguments on every kind of host; ``--update-golden`` rewrites it."""
