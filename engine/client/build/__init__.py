"""Builds with BuildKit, as the docker command does them: a tar of the folder, a session, and a trace of the steps.

build.py      the call that builds, its options, and how it is cancelled
context.py    the folder as a tar, made while it is sent           ignore.py   what .dockerignore leaves out
session.py    answers what BuildKit asks back: credentials         trace.py    what BuildKit reports of its steps
history.py    the builds that the engine remembers                  grpc.py     calls on one connection, both sides
wire.py       Protocol Buffers' wire format, as far as these need it
"""
