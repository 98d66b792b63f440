"""Which files of Python's standard library the packages have: not its tests, Tk, and environments."""

from __future__ import annotations

from pathlib import Path

LEFT_OUT = (
    *(
        "test",
        "idlelib",
        "tkinter",
        "turtledemo",
        "turtle.py",
        "ensurepip",
        "pip",
        "venv",
        "lib2to3",
        "pydoc_data",
    ),
    *("__phello__", "site-packages", "tcl86t.dll", "tk86t.dll", "_tkinter.pyd", "pyshellext.dll"),
)
"""Parts of the standard library that Slipway has no use for: windows by Tk, tests, environments."""

LEFT_OUT_BEGINNINGS = ("_test", "_ctypes_test", "xxlimited", "pip-")


def is_wanted(path: Path) -> bool:
    """Say whether a file of the standard library comes along.

    :param path: below the library's folder.
    """
    top = path.parts[0]
    tests = any(part in ("test", "tests", "idle_test") for part in path.parts[:-1])
    return top not in LEFT_OUT and not top.startswith(LEFT_OUT_BEGINNINGS) and not tests
