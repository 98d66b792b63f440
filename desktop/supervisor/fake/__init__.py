"""A scripted stand-in for the supervisor and the engine, for designing the window and for its tests.

``SLIPWAY_FAKE=SCENARIO[,SCENARIO…]`` makes whoever starts the supervisor start this one: the control API is the
real one's code, work takes scripted moments, and an engine in memory answers on the socket. Nothing is booted.

scenario.py     what the variable can say
supervisor.py   the supervisor with everything below the control API replaced
world.py        the engine's objects and what happens to them
catalogue.py    what the world is furnished with at first
engine.py       the Docker Engine API in front of the world
streams.py      its long answers: events, logs, stats, terminals, pulls
building.py     BuildKit
files.py        what is in containers and volumes
"""
