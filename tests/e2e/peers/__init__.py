"""Other people's clients of Docker's API and their tools, run against our socket as their users run them.

    node.py            fetches Node with its clients, runs tests written for Node and reads their results
    node.lock          Node itself, with hashes; made from node.in
    package-lock.json  the clients (dockerode, testcontainers, the Dev Containers CLI), with hashes
    dockerode/         tests by dockerode's API, for its package comes without its own
    testcontainers/    tests by testcontainers' API
    devcontainers.py   projects for the Dev Containers CLI
    python.py          gives testcontainers and Kubernetes' client (Python) an environment, and runs their cases
    python_testcontainers.py   these cases; they run in that environment, not in ours
    python.in          what they need; python.lock is made from it, with hashes
    compose.py         a Compose project of a test's own
    buildx.py          builds of a test's own
    differences.py     compares what came out with what a plain dockerd does, by name
    differences.toml   the tests that have to fail here, each with the line of README.md that says so
    programs.py        an image with a program that busybox does not have
    restored.py        removes from the engine what a suite left there

``SLIPWAY_TEST_SOCKET`` runs the same tests against a plain dockerd, where all of them have to pass.
"""
