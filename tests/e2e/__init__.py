"""Tests with the real parts: QEMU, the real image, the real dockerd, the real clients.

    conftest.py      the machine, started once for the session, and what the tests need around it
    cli.py           runs the docker CLI and Slipway's own
    terminal.py      a terminal that can be closed under a command
    images.py        small images made here, since no public registry is needed or asked
    registry.py      Debian's docker-registry on the host's loopback
    user.py          a user at the window: a screen reader, a mouse and a keyboard
    corporate_network.py   name servers and a proxy
    cache.py         what tests fetch once and keep
    leftovers.py     what a stopped machine must not leave behind
    peers/           other programs that use the engine; test_peers_*.py runs them
    test_docker_*.py the docker CLI as a user runs it
    dockerpy/, peers/      other people's clients, with their own tests or by their own APIs

``SLIPWAY_TEST_SOCKET=/path/to/docker.sock`` runs the suite against that dockerd instead of our machine: a failure
there too is not ours but Docker's, or the test's.
"""
