"""Reads Windows' registry, as Windows' own program shows it."""

from __future__ import annotations

import re

from tests.wine.system import WineSystem

WINES = re.compile(
    r"\\Software\\Wine\\|\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\|\\SystemCertificates\\"
)
"""Keys in which Wine itself notes what happens: menu entries, files that were opened, and authorities."""

EXPORTED = r"C:\exported.reg"


def registry(wine: WineSystem, *roots: str) -> set[str]:
    """The texts ``KEY: NAME=VALUE`` of all values below some roots, without what is Wine's own.

    Keys without values, which programs make on the way to theirs, are left out, but for those named after Slipway.
    """
    found: set[str] = set()
    for root in roots:
        for place in ("Software", "Environment", r"System\CurrentControlSet\Control\Session Manager\Environment"):
            done = wine.run(["reg", "export", rf"{root}\{place}", EXPORTED, "/y"])
            if done.code == 0:
                found |= _entries(wine.host_path(EXPORTED).read_text(encoding="utf-16"))
    wine.host_path(EXPORTED).unlink(missing_ok=True)
    return found


def _entries(text: str) -> set[str]:
    found, key = set(), ""
    for line in text.replace("\\\n", "").splitlines():
        if line.startswith("["):
            key = line.strip("[]")
            if "slipway" in key.lower():
                found.add(key)
        elif line and not line.startswith("Windows Registry"):
            found.add(f"{key}: {line}")
    return {entry for entry in found if not WINES.search(f"{entry}\\")}


def value(wine: WineSystem, root: str, key: str, name: str) -> str:
    """A value as a text.

    :raise AssertionError: there is none.
    """
    done = wine.run(["reg", "query", rf"{root}\{key}", "/v", name])
    assert done.code == 0, done
    match = re.search(rf"^\s+{re.escape(name)}\s+REG_\w+\s+(.*)$", done.output, re.MULTILINE)
    assert match is not None, done
    return match[1].strip()
