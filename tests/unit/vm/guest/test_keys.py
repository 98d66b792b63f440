"""The installation's keys: made once, private, understood by OpenSSH, never overwritten."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from vm.errors import MachineError
from vm.guest.keys import ensure_keys, write_known_hosts


def test_keys_are_made_once(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path / "keys")
    contents = {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    assert len(contents) == 4
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in contents)
    assert keys.client_public.read_text().startswith("ssh-ed25519 AAAA")
    assert keys.client_private.read_bytes() != keys.host_private.read_bytes()
    assert ensure_keys(tmp_path / "keys") == keys
    assert {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == contents


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH is not installed here")
def test_openssh_reads_them(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path)
    for private, public in ((keys.client_private, keys.client_public), (keys.host_private, keys.host_public)):
        shown = subprocess.run(
            ["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True
        ).stdout
        assert shown.split()[:2] == public.read_text().split()[:2]


def test_a_lost_public_half_is_made_again(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path)
    line = keys.host_public.read_bytes()
    keys.host_public.unlink()
    keys.client_public.write_text("something else\n")
    ensure_keys(tmp_path)
    assert keys.host_public.read_bytes() == line
    assert keys.client_public.read_text().startswith("ssh-ed25519 ")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_broken_key_is_reported_and_kept(tmp_path: Path, content: bytes) -> None:
    keys = ensure_keys(tmp_path)
    keys.client_private.write_bytes(content)
    with pytest.raises(MachineError, match="cannot be read") as caught:
        ensure_keys(tmp_path)
    assert "Move client" in caught.value.hint
    assert keys.client_private.read_bytes() == content


def test_permissions_that_grew_are_narrowed_again(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path)
    keys.client_private.chmod(0o644)
    ensure_keys(tmp_path)
    assert keys.client_private.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file is in the way")
    with pytest.raises(MachineError, match="cannot be used"):
        ensure_keys(tmp_path / "keys")


def test_known_hosts_pins_address_port_and_key(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path)
    known = tmp_path / "known_hosts"
    write_known_hosts(known, keys.host_public, 40022)
    write_known_hosts(known, keys.host_public, 40023)
    kind, blob = keys.host_public.read_text().split()[:2]
    assert known.read_text() == f"[127.0.0.1]:40023 {kind} {blob}\n"
