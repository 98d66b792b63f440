"""The stand-in's Kubernetes cluster: objects in memory behind the API, over TLS as the real one.

door.py          where it answers, and the kubeconfig for it
api.py           the calls: list, watch, read, change, delete, logs
pod_streams.py   commands in pods, and their ports
store.py         the objects, their versions and what has changed
controllers.py   what a cluster does by itself: pods for what wants some
catalogue.py     what it is furnished with at first
"""
