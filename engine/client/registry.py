"""What registries refuse: turns dockerd's and the registries' words into a message and a hint for the user.

Met with dockerd 28.5 against docker-registry 2.8: absent, denied, refused, unknown host. The others are those of
moby/distribution's errors and of Go's net and crypto/x509.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.client.errors import WrongPlatform
from vm.errors import EngineError

HUB = "docker.io"

HUB_KEY = "https://index.docker.io/v1/"
"""How Docker Hub is called in the docker command's configuration."""


class RegistryError(EngineError):
    """A registry does not have it, does not give or take it, or cannot be reached."""


@dataclass(frozen=True)
class Refusal:
    """Words → what they mean. In message and hint ``{name}``, ``{repository}``, ``{tag}`` and ``{registry}``."""

    words: str
    message: str
    hint: str


LOGIN = "If it is private, log in first: docker login {registry}. Otherwise check the spelling."

REFUSALS = (
    Refusal(
        r"manifest for .*:latest not found|:latest: not found",
        "There is no “latest” of {repository}",
        "Use an existing tag, such as {repository}:1.0.",
    ),
    Refusal(
        r"no matching manifest for (?P<what>\S+)",
        "{name} is not available for this platform ({what})",
        "Choose another platform.",
    ),
    Refusal(
        r'image operating system "(?P<what>\w+)" cannot be used',
        "{name} is for another operating system ({what})",
        "Choose another image.",
    ),
    Refusal(
        r"manifest (for .* )?not found|manifest unknown|: not found$",
        "The registry has no {name}",
        "Check the spelling of the tag.",
    ),
    Refusal(
        r"repository does not exist|pull access denied|name unknown|repository .* not found",
        "{repository} does not exist, or you have no access to it",
        LOGIN,
    ),
    Refusal(r"toomanyrequests|rate limit", "Too many requests to {registry}", "Log in, or try later."),
    Refusal(
        r"no basic auth credentials|unauthorized|authentication required|denied|401|403 Forbidden",
        "{registry} denied access to {repository}",
        LOGIN,
    ),
    Refusal(
        r"no such host|server misbehaving|network is unreachable|i/o timeout|TLS handshake timeout"
        r"|Client\.Timeout|no route to host",
        "{registry} cannot be reached",
        "Check the name and your network connection. If you use a proxy, set it in Settings.",
    ),
    Refusal(
        r"connection refused|connection reset",
        "{registry} refuses connections",
        "Check that it is running, and the port. For a registry on your computer, use host.docker.internal.",
    ),
    Refusal(
        r"HTTP response to HTTPS client",
        "{registry} does not use HTTPS",
        "If you trust it, add it to the insecure registries in Settings.",
    ),
    Refusal(
        r"x509|certificate",
        "The certificate of {registry} is not trusted",
        "If you trust it, add it to the insecure registries in Settings.",
    ),
    Refusal(
        r"no space left on device",
        "The machine's disk is full",
        "Prune images and volumes, or enlarge the disk in Settings.",
    ),
    Refusal(r"invalid (reference|tag) format", "{name} is not a valid image name", "A valid one is nginx:1.29."),
)


def explain(error: EngineError, name: str) -> EngineError:
    """The same failure in words for the user, with the original words as its detail; unchanged if unknown.

    :param name: the image's reference.
    """
    said = f"{error.message}\n{error.detail}".strip()
    for refusal in REFUSALS:
        found = re.search(refusal.words, error.message, re.MULTILINE)
        if found is not None:
            repository, tag = split_reference(name)
            words = {"name": name, "repository": repository, "tag": tag or "", "registry": registry_of(name)}
            words.update(found.groupdict())
            hint = error.hint if isinstance(error, WrongPlatform) else refusal.hint.format(**words)
            return RegistryError(refusal.message.format(**words), hint, said)
    return error


def split_reference(name: str) -> tuple[str, str | None]:
    """Repository and tag or digest of a reference (distribution/reference); ``latest`` when it has neither.

    A colon before the last slash belongs to the registry's port.
    """
    repository, at, digest = name.partition("@")
    if at:
        return repository, digest
    head, slash, last = name.rpartition("/")
    base, colon, tag = last.partition(":")
    return f"{head}{slash}{base}", tag if colon else "latest"


def registry_of(name: str) -> str:
    """The registry's host in a reference, Docker Hub's when it names none (distribution/reference)."""
    first, slash, _ = name.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else HUB


def reference_trouble(text: str) -> str:
    """Why a text cannot name an image (distribution/reference); empty when it can."""
    if not text:
        return "Enter a name."
    if any(letter.isspace() for letter in text):
        return "A name cannot contain spaces."
    registry = registry_of(text)
    rest = text.removeprefix(f"{registry}/")
    path, _, digest = rest.partition("@")
    if digest and not re.fullmatch(r"[a-z0-9]+:[0-9a-f]{32,}", digest):
        return "A digest is “sha256:” and 64 hexadecimal digits."
    head, slash, last = path.rpartition("/")
    base, colon, tag = last.partition(":")
    if colon and not re.fullmatch(r"\w[\w.-]{0,127}", tag, re.ASCII):
        return "A tag has at most 128 letters, digits, “.”, “_” and “-”."
    repository = f"{head}{slash}{base}"
    if repository != repository.lower():
        return "A repository name cannot have capital letters."
    part = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
    if not re.fullmatch(rf"{part}(?:/{part})*", repository):
        return "A repository name has lower-case letters and digits, separated by “.”, “_”, “-” or “/”."
    return ""
