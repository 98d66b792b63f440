"""What the packages of all systems are made with; it runs in the virtual environment.

store.py    what a package is made of, kept in the cache folder under a hash of what it is made from
tree.py     folders as values: copied, and compared by a hash of their content
"""
