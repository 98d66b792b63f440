"""Which requests are checked, in whatever way they are written."""

from __future__ import annotations

import pytest

from engine.endpoint.admission.framing import Head, UnclearError
from engine.endpoint.admission.requests import Checked, Kind, checked


def found(target: str, method: str = "POST") -> Checked | None:
    return checked(Head.parse(f"{method} {target} HTTP/1.1\r\nHost: d\r\n\r\n".encode()))


@pytest.mark.parametrize(
    "target",
    [
        "/containers/create",
        "/v1.51/containers/create?name=x",
        "/v1/containers/create",
        "/containers/%63reate",
        "/%63%6F%6e%74ainers/create",
        "/containers%2fcreate",
        "/v1%2E51/containers/create?a=%zz",
        "http://localhost/containers/create",
        "HTTPS://d:1/v1.51/containers/create?name=x",
    ],
)
def test_the_same_request_in_other_ways(target: str) -> None:
    assert found(target) == Checked(Kind.CREATE_CONTAINER)


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("/containers/web/start", Checked(Kind.START_CONTAINER, "web")),
        ("/v1.51/containers/web/restart?t=0", Checked(Kind.START_CONTAINER, "web")),
        ("/containers/a%20b/st%61rt", Checked(Kind.START_CONTAINER, "a b")),
        ("/containers/a%2Fb/start", Checked(Kind.START_CONTAINER, "a/b")),
        ("/containers/%C3%BC/start", Checked(Kind.START_CONTAINER, "ü")),
        ("/containers/%FF/start", Checked(Kind.START_CONTAINER, "\udcff")),
        ("/volumes/create", Checked(Kind.CREATE_VOLUME)),
        ("/services/create", Checked(Kind.CHANGE_SERVICE)),
        ("/v1.51/services/abc/update?version=3", Checked(Kind.CHANGE_SERVICE)),
        ("/plugins/a%2Fb/set", Checked(Kind.SET_PLUGIN, "a/b")),
        ("/v1.51/plugins/a/b:c/enable?timeout=0", Checked(Kind.ENABLE_PLUGIN, "a/b:c")),
        ("/v1.19/containers/a%20b/copy", Checked(Kind.COPY_FILES, "a b")),
    ],
)
def test_each_kind(target: str, wanted: Checked) -> None:
    assert found(target) == wanted


@pytest.mark.parametrize(
    "target",
    [
        "/_ping",
        "*",
        "/containers/json",
        "/containers/create/",
        "//containers/create",
        "/containers//create",
        "/containers/./create",
        "/containers/x/stop",
        "/images/create?fromImage=x",
        "/containers/%2563reate",
        "/containers/create%3Fname",
        "/v2x/containers/create",
        "http://d",
    ],
)
def test_what_is_none_of_them(target: str) -> None:
    """What has ``//`` or ``.`` in its path is redirected by dockerd, and does nothing."""
    assert found(target) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_files_are_copied_by_other_methods(method: str) -> None:
    request = found("/v1.51/containers/a%2Fb/%61rchive?path=/x", method)
    assert request == Checked(Kind.COPY_FILES, "a/b")
    assert request.streams
    assert found("/containers/x/export", method) is None
    assert found("/containers/x/changes", method) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "post", "DELETE"])
def test_other_methods_create_nothing(method: str) -> None:
    assert found("/containers/create", method) is None


@pytest.mark.parametrize("target", ["containers/create", "/containers/%6", "/%", "/%zz/x", "ftp://d/x", "d:1"])
def test_what_is_no_target(target: str) -> None:
    with pytest.raises(UnclearError):
        found(target)
