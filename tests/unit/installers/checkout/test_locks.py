"""The lock for Windows agrees with the checkout's, but for what it has a version of its own of."""

from __future__ import annotations

from installers.checkout.locks import UNLIKE_THE_CHECKOUT, constraints

LOCK = """# made by a program
aiohttp==3.14.5 \\
    --hash=sha256:00
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:01
uvloop==0.23.0 ; sys_platform != 'win32' \\
    --hash=sha256:02
"""


def test_versions_without_hashes() -> None:
    assert constraints(LOCK, UNLIKE_THE_CHECKOUT) == "aiohttp==3.14.5\nuvloop==0.23.0 ; sys_platform != 'win32'\n"


def test_all_versions() -> None:
    assert "numpy==2.4.6 ; python_full_version < '3.12'\n" in constraints(LOCK)
