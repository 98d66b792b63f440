"""The Kubernetes image: a read-only disk that the machine is given when Kubernetes is on, and not before.

recipe.toml   what goes in                    recipe.py   reads it; its hash is the image's version
program/      one Go program: all parts of Kubernetes, and ours, which makes certificates and supervises
cri_dockerd/  the adapter between kubelet and dockerd
pause.c       what every pod begins with      rootfs/     configuration, and the machine's service
compile.py    the programs                    build.py    all of it, step by step
"""
