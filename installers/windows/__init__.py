"""What Slipway's package for Windows holds; it is made on Debian, from what registries have, by their own clients.

    payload.py     all of it in one folder: what the installer installs
    python.py      the Python for Windows, trimmed, with ``python3.dll``
    forwarders.py  writes ``python3.dll``, which hands every call on to ``python313.dll``
    launcher/      ``slipway.exe`` and ``Slipway.exe``, which run that Python
    product.py     what Windows is told about Slipway
    wheels.py      what pip brings: the libraries of the app, and QEMU
    signing.py     signs what is ours
    nsis/          the installer .exe
    msi/           the package for administrators
    command.py     ``python3 -m installers.windows build`` makes both; __main__.py: in which Python

The lock files hold versions and hashes, no addresses: pip, Maven and Go take things from wherever this user has
set them up to. Each piece is kept in the cache under the hash of what it is made from (common/store.py).
"""
