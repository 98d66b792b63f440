"""What to do about a pull that failed because the image is for another platform.

The engine's own words say which platform it looked for, not which ones there are. So its registry is asked, by the
engine and with the client's credentials. Where that cannot be known, nothing is said.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.client import EngineClient
from engine.client.link_transport import RouteDialler
from engine.client.progress import Credentials
from engine.endpoint.admission.pulls import Pull
from engine.endpoint.route import Route
from vm.errors import UserError

log = logging.getLogger(__name__)

SECONDS = 10.0
"""For all questions together; meanwhile the client waits for the engine's words."""

MOST_NAMED = 4
"""Platforms of an image that are listed; there may be a dozen."""

NO_MATCH = re.compile(r"no matching manifest for .+ in the manifest list entries")
OTHER_OS = re.compile(
    r'image(?: operating system| with operating system) "(\w+)" (?:cannot be used|when requesting)'
)
OS_ASKED = re.compile(r"operating system is not supported")
NEWER_WINDOWS = re.compile(r"a Windows version \S+-based image is incompatible with a \S+ host")
"""moby's words, of both image stores (pull_v2.go, pull_v2_windows.go and config.go; containerd/image_pull.go)."""

OLDER = "Pull one for the version of Windows that this engine runs on, or for an older one."

TITLES = {"linux": "Linux", "windows": "Windows"}

T = TypeVar("T")

UseOther = Callable[[str], Awaitable[str]]
"""An operating system, as Docker's API names it → what to do so that its containers can run; empty: nothing."""


@dataclass(frozen=True, order=True)
class Platform:
    """As Go and the OCI specification name its parts. :ivar version: of Windows; empty for others."""

    os: str
    architecture: str
    variant: str = ""
    version: str = ""

    @classmethod
    def listed(cls, values: Any) -> list[Platform]:
        """What a registry lists (``Platforms`` of the API), without what is no image, such as attestations."""
        found = []
        for one in values or ():
            names = ("os", "architecture", "variant", "os.version")
            parts = cls(*(str(one.get(name) or "") for name in names))
            if "unknown" not in (parts.os, parts.architecture) and parts.os:
                found.append(parts)
        return found

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


@dataclass(frozen=True)
class Engine:
    """What an engine runs. :ivar emulated: other architectures; None: not known."""

    platform: Platform
    emulated: frozenset[str] | None = None


class PlatformAdvice:
    """Asks the engine, and words the answer.

    :param use_other: for images of another operating system.
    """

    def __init__(self, use_other: UseOther) -> None:
        self._use_other = use_other

    async def advise(self, route: Route, pull: Pull, error: str) -> str:
        """What to do about ``error``; empty: it is another kind of error, or nothing is known.

        Takes up to 10 s; never raises.

        :param route: to the engine that has answered with it.
        """
        if NEWER_WINDOWS.search(error):
            return OLDER
        other = named_os(pull, error)
        if not other and not NO_MATCH.search(error):
            return ""
        try:
            async with asyncio.timeout(SECONDS):
                engine, offered = await ask(route, pull)
                if not offered and other:
                    offered = [Platform(other, "")]
                if not offered:
                    return ""
                if all(one.os != engine.platform.os for one in offered):
                    os = "windows" if any(one.os == "windows" for one in offered) else offered[0].os
                    return other_os(os, engine.platform.os, await self._use_other(os))
                return same_os(engine, offered, asked=bool(pull.platform))
        except (UserError, TimeoutError) as failure:
            log.info("which platforms %s has is not known: %s", pull.image, failure)
        except Exception:
            log.exception("which platforms %s has could not be asked", pull.image)
        return ""


def named_os(pull: Pull, error: str) -> str:
    """The operating system of an image, where an error names it, or says that the one asked for is another's."""
    if (found := OTHER_OS.search(error)) is not None:
        return found[1]
    return pull.platform.partition("/")[0] if OS_ASKED.fullmatch(error) else ""


async def ask(route: Route, pull: Pull) -> tuple[Engine, list[Platform]]:
    """The engine, and the platforms that there are of an image; none where that cannot be known.

    :raise UserError: the engine does not say what it is.
    """

    async def credentials(registry: str) -> Credentials:
        return decoded(pull.auth)

    async with EngineClient(RouteDialler(route), keys=credentials) as client:
        version = await client.version()
        engine = Engine(Platform(version.os, version.arch), await _known(route.emulated()))
        return engine, Platform.listed(
            (await _known(client.images.distribution(pull.image)) or {}).get("Platforms")
        )


async def _known(question: Awaitable[T]) -> T | None:
    try:
        return await question
    except UserError as failure:
        log.info("not known: %s %s", failure, failure.detail)
        return None


def decoded(header: str) -> Credentials:
    """The credentials in X-Registry-Auth; none where there are none, or nothing that could be read."""
    try:
        found = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def other_os(os: str, own: str, use_other: str) -> str:
    """Of an image for another operating system. :param own: what the engine runs."""
    parts = [f"This image is for {_title(os)}."]
    if not use_other or use_other.endswith("."):
        parts += [use_other, f"Here, pull another one for {_title(own)}."]
    else:
        parts.append(f"{use_other}; or pull another one for {_title(own)}.")
    return " ".join(filter(None, parts))


def same_os(engine: Engine, offered: Sequence[Platform], *, asked: bool) -> str:
    """Of an image that there is for this operating system, but not for the platform that was wanted.

    :param asked: the client has named one, and not left it to the engine.
    """
    own = engine.platform
    there = [one for one in offered if one.os == own.os]
    named = _list(there)
    if any(one.architecture == own.architecture for one in there):
        if asked:
            return f"This image is for {named}. Leave out --platform for {own}."
        if own.os == "windows" and all(one.version for one in there):
            versions = ", ".join(sorted({one.version for one in there}))
            return f"This image is for Windows {versions}. {OLDER}"
        return ""
    runnable = [one for one in there if one.architecture in (engine.emulated or ())]
    if runnable:
        return f"This image is for {named}. To run it by emulation: --platform {runnable[0]}"
    if engine.emulated is None:
        return f"This image is for {named}, and this engine runs {own}."
    able = " and ".join(f"{own.os}/{name}" for name in (own.architecture, *sorted(engine.emulated)))
    return f"This image is for {named}, and this engine runs {able}. It cannot run here: pull another one."


def _list(platforms: Iterable[Platform]) -> str:
    names = list(dict.fromkeys(map(str, platforms)))
    more = len(names) - MOST_NAMED
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def _title(os: str) -> str:
    return TITLES.get(os, os)
