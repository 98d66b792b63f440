"""What the engine has, as rows of tables.

records.py       the one Qt model: rows with columns, one level of groups, changed in place
collections.py   what the engine has now, refetched when its events say so
containers.py    images.py    others.py     rows and columns of each kind
settings.py      the draft of the settings, checked and applied
format.py        sizes, ages and IDs as the docker command writes them
"""
