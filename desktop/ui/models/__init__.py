"""The engine's objects as rows of tables.

records.py       the one Qt model: rows with columns, one level of groups, changed in place
filters.py       which records a search and a filter show
collections.py   the engine's lists, fetched again when its events require it
containers.py    images.py    volumes.py    networks.py    rows and columns of each kind
image_filters.py the filters of the docker command in the search field
layers.py        an image's layers, and what removing images frees
builds.py        a build as its steps               run.py      what "Run" asks for, checked
disk.py          disk use by kind                   events.py   sentences for the engine's events
states.py        names of Slipway's states          format.py   sizes, ages and IDs
kubernetes/      a cluster's objects
settings.py      the draft of the settings, checked and applied
work.py          what Home shows of containers and images
logs/            lines of logs: read, merged, filtered, searched     colours.py  made readable on a ground
"""
