"""Gives builds in a running machine the proxy that is in use now; containers get it when they are created.

dockerd itself reads its proxy when it starts, and never again (Go's net/http).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from engine.proxies import json_variables
from vm.errors import LinkError
from vm.guest.link_task import LinkTask
from vm.guest.stream import Link
from vm.host.proxies import Proxies

log = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
PUSH_SECONDS = 30.0

COMMAND = "umask 077 && cat >/run/slipway/.proxy && mv -f /run/slipway/.proxy /run/slipway/proxy"
"""Replaces what usr/lib/slipway/build-runc reads, at once."""


class ProxyFollower(LinkTask[Link]):
    """:param now: returns the proxies in use, as the machine calls them."""

    def __init__(self, now: Callable[[], Awaitable[Proxies]]) -> None:
        self._now = now
        self._again = asyncio.Event()

    def look_again(self) -> None:
        """They may have just changed. Otherwise they are looked at each 15 s: not every system reports changes."""
        self._again.set()

    async def work(self, link: Link) -> None:
        """Hand the proxies over now and whenever they change.

        :raise LinkError: that failed; the task is started again, and tries again.
        """
        handed: Proxies | None = None
        while True:
            self._again.clear()
            proxies = await self._now()
            if proxies != handed:
                done = await link.run(COMMAND, input=in_machine(proxies), timeout=PUSH_SECONDS)
                if done.exit_code != 0:
                    text = done.stderr.decode(errors="replace").strip()
                    raise LinkError("The proxy could not be handed over", detail=text)
                handed = proxies
                log.info("builds use %s", "the proxy" if proxies else "no proxy")
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._again.wait()
            except TimeoutError:
                continue


def in_machine(proxies: Proxies) -> bytes:
    """The contents of the machine's ``/run/slipway/proxy``; empty when there is none."""
    return json_variables(proxies) + b"\n" if proxies else b""
