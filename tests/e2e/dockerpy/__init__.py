"""docker-py's own integration tests, run as a suite against our socket.

suite.py            fetches docker-py 6.1.3 with its tests, gives it an environment of its own, runs it
verdict.py          compares what came out with what a plain dockerd does, by name
patience.py         a plugin of the suite's pytest: its time limits, stretched for an emulated processor
expected.toml       which tests are left out, which fail or skip on every dockerd, and why
requirements.in     what the suite needs; requirements.lock is made from it, with hashes
"""
