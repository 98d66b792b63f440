"""A cluster's objects as records and rows: JSON of the Kubernetes API in, words for people out.

meta.py      what every object has            reasons.py   the API's messages in a few words
pods.py      workloads.py   services.py   config.py   storage.py   events.py   nodes.py   one list each
usage.py     what nodes and pods use
"""
