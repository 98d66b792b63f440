"""What the packages of all systems are made with and of; it runs in the virtual environment.

store.py      what a package is made of, kept in the cache folder under a hash of what it is made from
tree.py       folders as values: copied, and compared by a hash of their content
layout.py     where a package of each system has what
product.py    name, version and metadata
icon.py       draws the icon
sources.py    reads sources.toml: what is not pip's, with hashes
packages.py   fetches by pip: libraries, and the Go toolchain
maven.py      fetches a Python for Windows or Linux; stdlib.py: what of it comes along
bytecode.py   compiles Python's files
docker.py     the docker command with its plugins, compiled from their Go modules; two files .go go with it
image.py      the machine's system image
licences.py   the licences of all parts
contents.py   what makes up the size
"""
