"""The read-only system that the machine boots: made from a recipe, the same bytes each time.

recipe.toml   what goes in                    recipe.py   reads it; its hash is the image's version
fetch.py      Debian's packages               modules.py, elf.py   what of them is needed
compile.py    our own programs (native/)      tree.py     the root, put together; rootfs/ holds our files
cpio.py       the initramfs                   erofs.py       a folder as a read-only file system
build.py      all of it, step by step         kubernetes/    the second image, for Kubernetes
store.py      the folder of finished images
source.py     where an image comes from          download.py   from a server, verified
"""
