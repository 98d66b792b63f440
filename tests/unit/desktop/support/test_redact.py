"""Secrets never reach a support bundle, in whatever clothes they come; what is no secret stays."""

from __future__ import annotations

import json
import time

import pytest

from desktop.support.redact import REDACTED, Redactor

SECRET = "hunter2-Sw0rdf1sh"


@pytest.mark.parametrize(
    "text",
    [
        f"http://me:{SECRET}@proxy.example:3128/",
        f"HTTPS_PROXY=https://me:{SECRET}@proxy:3128",
        f"socks5://me:p@{SECRET}@proxy:1080",
        f"https://{SECRET}@git.example/repo.git",
        f"ssh://me:{SECRET}@workstation",
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}==",
        f'"Authorization": "Bearer {SECRET}"',
        f"< Proxy-Authorization: Digest username=me, response={SECRET}",
        f"X-Registry-Auth: {SECRET}",
        f"X-Registry-Config: {SECRET}",
        f"Cookie: session={SECRET}; other={SECRET}",
        f'{{"auth": "{SECRET}"}}',
        f'{{"identitytoken":"{SECRET}"}}',
        f'{{"registrytoken": "{SECRET}", "serveraddress": "x"}}',
        f'msg="{{\\"password\\":\\"{SECRET}\\"}}"',
        f"POSTGRES_PASSWORD={SECRET}",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"MY_API_KEY='{SECRET}'",
        f'NPM_TOKEN="{SECRET} with spaces"',
        f"docker login -u me --password {SECRET} registry",
        f"docker login --password={SECRET}",
        f"password: {SECRET}",
        f"    client-secret: '{SECRET}'",
        f"GET /v2/?token={SECRET}&service=x",
        f"https://s3.example/layer?X-Amz-Signature={SECRET}&X-Amz-Credential={SECRET}",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET} and the log is cut here",
        f'"key": "-----BEGIN PRIVATE KEY-----\\n{SECRET}\\n-----END PRIVATE KEY-----"',
        f"curl -H 'Authorization: Bearer {SECRET}'",
    ],
)
def test_a_secret_by_its_looks(text: str) -> None:
    shown = Redactor()(text)
    assert SECRET not in shown
    assert REDACTED in shown


@pytest.mark.parametrize(
    "token",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "ghp_" + "a1B2" * 9,
        "github_pat_" + "a1B2" * 9,
        "glpat-" + "a1B2" * 5,
        "dckr_pat_" + "a1B2" * 6,
        "AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_a_token_that_tells_itself(token: str) -> None:
    assert Redactor()(f"it said {token} and went on") == f"it said {REDACTED} and went on"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24 23:00:01 INFO desktop.supervisor: machine: starting → running",
        'time="…" level=info msg="Loading containers: start."',
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "unix:///tmp/home/run/docker.sock",
        'Get "http://proxy:3128/v2/": dial tcp: lookup proxy: no such host',
        '{"auths": ["registry.example"], "currentContext": "slipway"}',
        "Docker's credential helpers are installed: none is set up",
        "ssh -p 2222 -i /home/me/.slipway/machine/keys/client root@127.0.0.1",
        "https://docs.docker.com/reference/cli/dockerd/",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor()(text) == text


def test_known_secrets_go_wherever_they_are() -> None:
    redact = Redactor.of(
        {"REGISTRY_TOKEN": "swordfish99", "HTTP_PROXY": "http://me:s%40fe-word@proxy", "DEBUG_TOKEN": "1"},
        "https://you:otherword@mirror.example",
    )
    text = redact("a swordfish99 b s@fe-word c s%40fe-word d otherword e 1")
    assert text == f"a {REDACTED} b {REDACTED} c {REDACTED} d {REDACTED} e 1"


def test_what_surrounds_a_secret_can_still_be_read() -> None:
    text = Redactor()('{"proxies": {"http-proxy": "http://me:pw@proxy:3128"}, "debug": true, "password": "x"}')
    assert json.loads(text) == {
        "proxies": {"http-proxy": f"http://{REDACTED}@proxy:3128"},
        "debug": True,
        "password": REDACTED,
    }


def test_twice_is_as_once() -> None:
    text = Redactor()(f"Authorization: Basic {SECRET}\nA_TOKEN={SECRET}\nhttp://a:{SECRET}@b\n--password {SECRET}")
    assert Redactor()(text) == text


@pytest.mark.parametrize("text", ["ab-" * 7000, "a" * 50_000, "-" * 50_000, "a.b" * 7000, 'x="' * 7000])
def test_odd_texts_take_no_longer(text: str) -> None:
    """A pattern that backtracks without bound would need minutes for these."""
    began = time.process_time()
    assert Redactor()(text) == text
    assert time.process_time() - began < 5
