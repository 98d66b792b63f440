"""Removes secrets from a text that others will read: by their form, and by their value where it is known.

In doubt it removes a harmless word rather than keep a secret. The text around a secret stays readable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit

REDACTED = "[redacted]"

SECRET_NAME = r"""[\w.-]{0,64}(?:pass(?:word|wd|phrase)?|pwd|secret|token|credential|authorization|x-registry-auth|
    api[_-]?key|access[_-]?key|private[_-]?key|secret[_-]?key|account[_-]?key|signature|cookie)s?"""
_NAME = rf"(?:{SECRET_NAME}|[\w.-]{{0,64}}[_.-]auth|auth|sig)"

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.VERBOSE | re.MULTILINE | re.DOTALL), replacement)
    for pattern, replacement in (
        # keys in PEM (RFC 7468), also on one line with \n
        (
            r"-----BEGIN\ (?P<what>[A-Z0-9 ]*PRIVATE\ KEY[A-Z0-9 ]*)-----.*?(?:-----END\ (?P=what)-----|\Z)",
            REDACTED,
        ),
        # user:password@ in a URL (RFC 3986, 3.2.1); the password may contain an unescaped @
        (r"(?<=://)[^\s/\"'<>]+(?=@)", REDACTED),
        # headers, to the end of their line
        (
            r"(\b(?:(?:proxy-)?authorization|x-registry-(?:auth|config)|(?:set-)?cookie)\s*[:=]\s*)[^\s\"'][^\n]*",
            rf"\1{REDACTED}",
        ),
        # "name": "value" in JSON, also escaped within a string
        (rf"(\\?[\"']{_NAME}\\?[\"']\s*:\s*\\?[\"'])(?:[^\"'\\]|\\[^\"'])+", rf"\1{REDACTED}"),
        # NAME=value, --name value, name: value
        (rf"(\b{_NAME}\s*=\s*)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'&;,]+)", rf"\1{REDACTED}"),
        (rf"(--{_NAME}\s+)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"']+)", rf"\1{REDACTED}"),
        (rf"(^\s*-?\s*{_NAME}:[ ]+)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'\[{{]+)", rf"\1{REDACTED}"),
        # Bearer and Basic, anywhere
        (r"\b((?:Bearer|Basic)\s+)[A-Za-z0-9._~+/-]{8,}=*", rf"\1{REDACTED}"),
        # tokens of a known form: JWT (RFC 7519), GitHub, GitLab, Docker, npm, Slack, AWS
        (r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){0,3}", REDACTED),
        (
            r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|dckr_(?:pat|oat)_[\w-]{16,}|npm_\w{20,}"
            r"|xox[abprs]-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16})\b",
            REDACTED,
        ),
    )
)

_SECRET = re.compile(_NAME, re.IGNORECASE | re.VERBOSE)
_NOT_SECRET = {"", "0", "1", "true", "false", "yes", "no", "none", "null"}
MIN_LENGTH = 4
"""Least length in characters of a known secret to search for; a shorter one occurs in ordinary words."""


class Redactor:
    """Removes text in the form of a secret, and the given ``secrets`` wherever they occur."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {item for item in secrets if len(item) >= MIN_LENGTH and item.lower() not in _NOT_SECRET}
        longest_first = sorted(known, key=lambda item: (-len(item), item))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    @classmethod
    def of(cls, environment: Mapping[str, str], *addresses: str) -> Redactor:
        """A redactor for the secrets of an environment, and the passwords in its URLs and in ``addresses``."""
        secrets = {value for name, value in environment.items() if _SECRET.fullmatch(name)}
        for value in (*environment.values(), *addresses):
            secrets |= _password(value)
        return cls(secrets)

    def __call__(self, text: str) -> str:
        """``text`` without secrets."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        for pattern, replacement in _SHAPES:
            text = pattern.sub(replacement, text)
        return text


def _password(value: str) -> set[str]:
    if "@" not in value or "://" not in value:
        return set()
    try:
        found = urlsplit(value).password
    except ValueError:
        return set()
    return {found, unquote(found)} if found else set()
