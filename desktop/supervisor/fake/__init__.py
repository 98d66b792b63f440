"""A scripted stand-in for the supervisor and the engine, for designing the window and for its tests.

``SLIPWAY_FAKE=SCENARIO[,SCENARIO…]`` starts it in the supervisor's place: it handles the same calls of the control
API, work takes scripted moments, and an engine in memory answers on the socket. Nothing is booted.

scenario.py     what the variable can say
supervisor.py   puts the parts together; what handles each call
lifecycle.py    start, stop, restart and status, on a script
operations.py   disk, images, folders, ports, context, diagnosis and reset
world.py        the engine's objects and what happens to them
catalogue.py    what the world is furnished with at first
engine.py       the Docker Engine API in front of the world
streams.py      its long answers: events, logs, stats, terminals, pulls
swarm.py        a swarm's services, tasks and nodes
kubernetes.py   the switch of Kubernetes        cluster/   its API and objects
building.py     BuildKit
files.py        what is in containers and volumes
"""
