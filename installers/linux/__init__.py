"""Slipway's packages for Linux; made on Debian and Ubuntu, from what registries have, by their own clients.

    payload.py     what every package has, in one folder that works wherever it is
    python.py      the Python that comes along        wheels.py   the libraries of the app
    share.py       menu, icons, manual page, completions; manual.py writes that page
    deb.py         the Debian package; debian/ has its fields and scripts
    tarball.py     the one that needs nothing installed; bundle.py, bundle.toml: what of Debian it has
    archive.py     writes archives that are the same each time
    files/         the launcher, the unit of systemd, the description for software centres
    command.py     ``python3 -m installers.linux deb`` and ``tarball`` make them; __main__.py: in which Python

Lock files and sources hold versions and hashes, no addresses (installers/common).
"""
