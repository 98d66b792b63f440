"""The packages for Linux, in fresh roots of Debian 12 and 13, used by an ordinary user there.

roots.py       a Debian of its own: made by mmdebstrap, kept, copied for each use
enter.sh       its mounts
conftest.py    the packages, and the roots that they are installed in
"""
