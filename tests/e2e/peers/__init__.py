"""Other people's clients of Docker's API, run against our socket as suites of their own.

    node.py            fetches Node with its clients, runs tests written for Node and reads their results
    node.lock          Node itself, with hashes; made from node.in
    package-lock.json  the clients (dockerode, testcontainers, the Dev Containers CLI), with hashes
    dockerode/         tests by dockerode's API, for its package comes without its own
    testcontainers/    tests by testcontainers' API
    differences.py     compares what came out with what a plain dockerd does, by name
    differences.toml   the tests that have to fail here, each with the line of README.md that says so
    devcontainers.py   projects for the Dev Containers CLI
    programs.py        an image with a program that busybox does not have
    restored.py        removes from the engine what a suite left there

``SLIPWAY_TEST_SOCKET`` runs the same tests against a plain dockerd, where all of them have to pass.
"""
