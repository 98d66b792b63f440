"""Who the user is at a registry, out of the docker command's configuration and its helpers."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from engine.client.credentials import UserKeys
from engine.client.errors import ProgressError
from engine.client.registry import RegistryError, explain, registry_of
from tests.unit.broken_files import KINDS, broken, roomy_folder

HELPER = """#!/bin/sh
[ "$1" = get ] || exit 9
read -r key
case "$key" in
  token.example) echo '{"ServerURL": "x", "Username": "<token>", "Secret": "t0ken"}' ;;
  https://index.docker.io/v1/) echo '{"Username": "hub", "Secret": "s"}' ;;
  *) echo "credentials not found in native keychain"; exit 1 ;;
esac
"""


def keys(folder: Path, **settings: Any) -> UserKeys:
    (folder / "config.json").write_text(json.dumps(settings))
    helper = folder / "docker-credential-test"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    return UserKeys({"DOCKER_CONFIG": str(folder), "PATH": f"{folder}:/usr/bin:/bin"})


def auth(name: str, secret: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:{secret}".encode()).decode()}


async def test_what_the_file_has(tmp_path: Path) -> None:
    auths = {"r.example:5000": auth("ada", "p:w"), "https://old.example/v1/": auth("bob", "x")}
    found = keys(tmp_path, auths={**auths, "id.example": {"identitytoken": "i"}})
    assert await found.look("r.example:5000") == {
        "username": "ada",
        "password": "p:w",
        "serveraddress": "r.example:5000",
    }
    assert (await found.look("old.example"))["username"] == "bob"
    assert (await found.look("id.example"))["identitytoken"] == "i"
    assert await found.look("other.example") == {}


async def test_helpers(tmp_path: Path) -> None:
    found = keys(
        tmp_path, credsStore="absent", credHelpers={"token.example": "test", "https://index.docker.io/v1/": "test"}
    )
    assert (await found.look("token.example"))["identitytoken"] == "t0ken"
    for host in ("docker.io", "registry-1.docker.io"):
        hub = await found.look(host)
        assert (hub["username"], hub["serveraddress"]) == ("hub", "https://index.docker.io/v1/")
    everywhere = keys(tmp_path, credsStore="test", auths={"r.example": auth("ada", "pw")})
    assert (await everywhere.look("r.example"))["username"] == "ada"  # the helper has none


@pytest.mark.parametrize(
    "text", ["", " \n", "{", "[]", '{"auths": {"r.example": {"auth": "%"}}}', '{"credsStore": "absent"}']
)
async def test_what_is_broken_counts_as_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    environment = {"DOCKER_CONFIG": str(tmp_path), "PATH": str(tmp_path)}
    assert await UserKeys(environment).look("r.example") == {}
    assert await UserKeys({"DOCKER_CONFIG": str(tmp_path / "none"), "PATH": ""}).look("r.example") == {}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_cannot_be_read_counts_as_nobody(kind: str) -> None:
    with roomy_folder() as folder, broken(folder / "docker" / "config.json", kind) as path:
        assert await UserKeys({"DOCKER_CONFIG": str(path.parent), "PATH": ""}).look("r.example") == {}


@pytest.mark.parametrize(
    ("said", "name", "message"),
    [
        ("manifest for r:5/a:latest not found: manifest unknown", "r:5/a", "There is no “latest” of r:5/a"),
        ("manifest for r:5/a:9 not found: manifest unknown", "r:5/a:9", "The registry has no r:5/a:9"),
        ('Head "http://r:5/v2/a/manifests/1": no basic auth credentials', "r:5/a:1", "r:5 denied access to r:5/a"),
        ('Get "https://registry-1.docker.io/v2/": no such host', "alpine", "docker.io cannot be reached"),
        ("dial tcp 10.0.2.2:5: connect: connection refused", "r:5/a", "r:5 refuses connections"),
        ("no matching manifest for linux/s390x in the manifest list", "a", "a is not available for this platform"),
        ('image operating system "windows" cannot be used on', "a", "a is for another operating system (windows)"),
    ],
)
def test_refusals_are_explained(said: str, name: str, message: str) -> None:
    error = explain(ProgressError(said), name)
    assert isinstance(error, RegistryError)
    assert error.message.startswith(message)
    assert error.hint
    assert said in error.detail


def test_what_is_not_known_stays() -> None:
    error = ProgressError("something else")
    assert explain(error, "a") is error
    assert registry_of("localhost/a") == "localhost"
    assert registry_of("library/a") == "docker.io"
