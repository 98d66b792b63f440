"""Errors by their Linux numbers: this system's own, and those of systems that number them otherwise."""

from __future__ import annotations

import errno
import sys

import pytest

from engine.folders.errors import LINUX, linux_number, tag

DARWIN = {
    1: "EPERM",
    11: "EDEADLK",
    35: "EAGAIN",
    45: "ENOTSUP",
    62: "ELOOP",
    63: "ENAMETOOLONG",
    66: "ENOTEMPTY",
    69: "EDQUOT",
    70: "ESTALE",
    78: "ENOSYS",
    79: "EFTYPE",
    93: "ENOATTR",
    102: "EOPNOTSUPP",
}
"""Of sys/errno.h."""

WINDOWS = {13: "EACCES", 22: "EINVAL", 36: "EDEADLOCK", 38: "ENAMETOOLONG", 41: "ENOTEMPTY", 10035: "EWOULDBLOCK"}
"""Of errno.h in the C runtime, and one of Winsock's."""


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers of Linux")
def test_the_table_is_the_kernels() -> None:
    assert {name: getattr(errno, name) for name in LINUX if hasattr(errno, name)}.items() <= LINUX.items()
    own = set(errno.errorcode) - {errno.ENOSYS}
    assert {code: linux_number(code) for code in own} == {code: code for code in own}


@pytest.mark.parametrize("system", [DARWIN, WINDOWS])
def test_other_systems_have_other_numbers(system: dict[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errno, "errorcode", system)
    expected = {"ENOTSUP": 95, "EOPNOTSUPP": 95, "ENOATTR": 61, "EFTYPE": 5, "EWOULDBLOCK": 11, "EDEADLOCK": 35}
    expected["ENOSYS"] = 95  # the kernel would never ask again
    assert {name: linux_number(code) for code, name in system.items()} == {
        name: expected.get(name, LINUX.get(name)) for name in system.values()
    }
    assert linux_number(None) == linux_number(9999) == 5, "EIO"


def test_the_tag() -> None:
    assert tag(linux_number(errno.ENOTEMPTY)) == b"x-errno-39"
