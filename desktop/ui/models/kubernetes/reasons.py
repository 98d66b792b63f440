"""The messages of kubelet, scheduler and dockerd in a few words, for a list; the tooltip has the whole message."""

from __future__ import annotations

import re

from desktop.ui.models.exits import WORDS

PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"no matching manifest for|does not match the specified platform", "not for this processor"),
        (r"manifest unknown|manifest for \S+ not found", "no such tag"),
        (r"repository does not exist|pull access denied|insufficient_scope", "no such image, or it needs a login"),
        (r"unauthorized|authentication required", "the registry wants a login"),
        (r"toomanyrequests|429 Too Many", "the registry allows no more pulls now"),
        (
            r"no such host|connection refused|i/o timeout|TLS handshake timeout|network is unreachable",
            "the registry cannot be reached",
        ),
        (r"couldn't parse image|invalid reference format", "not the name of an image"),
        (r"is not present with pull policy of Never", "the image is not here, and may not be pulled"),
        (r"couldn't find key (\S+) in (ConfigMap|Secret) \S*?/?([\w.-]+)$", r"no key “\1” in \2 “\3”"),
        (r"(configmap|secret|serviceaccount) \"(\S+)\" not found", r"no \1 “\2”"),
        (r"executable file not found|no such file or directory: unknown", "its command is not in the image"),
        (r"permission denied: unknown", "its command may not be run"),
        (r"unbound immediate PersistentVolumeClaims", "a volume claim of it is not bound"),
        (r"persistentvolumeclaim \"(\S+)\" not found", r"no volume claim “\1”"),
        (r"Insufficient memory", "not enough memory"),
        (r"Insufficient cpu", "not enough CPU"),
        (r"Insufficient ephemeral-storage", "not enough disk"),
        (r"Too many pods", "too many pods on the node"),
        (r"didn't have free ports", "its host port is in use"),
        (r"didn't match Pod's node affinity/selector", "no node fits its selector"),
        (r"untolerated taint", "no node accepts it"),
        (r"exceeded quota", "over the namespace's quota"),
    )
)
"""What a message contains → the words; the first that fits."""

KINDS = {"configmap": "ConfigMap", "secret": "Secret", "serviceaccount": "ServiceAccount"}


def short(message: str) -> str:
    """A message in a few words; empty where it is not known."""
    for pattern, words in PATTERNS:
        found = pattern.search(message)
        if found is not None:
            text = found.expand(words)
            return re.sub(r"\b(configmap|secret|serviceaccount)\b", lambda one: KINDS[one[0]], text)
    return ""


def exit_words(code: int, reason: str = "") -> str:
    """How a container has ended. :param reason: the API's, such as ``OOMKilled``"""
    if reason == "OOMKilled":
        return "memory ran out"
    known = f" ({WORDS[code][0]})" if code in WORDS else ""
    return f"exited with {code}{known}"
