"""All tests; ``python3 installers/dev.py test`` runs them, in this order.

architecture/   what holds for the code: imports, sizes, linters, types
golden/         files that the tests compare with
unit/           the parts by themselves, with real programs where they are small
gui/            the window, on a scripted stand-in for the supervisor
e2e/            everything with the real machine, engine and docker command
bench/          figures beside those of peers; no tests
localhost.py    ports of the host for tests to use
"""
