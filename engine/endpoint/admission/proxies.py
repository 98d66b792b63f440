"""The proxy of a container that is to be created, as the docker command sets it from its own configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.endpoint.admission.documents import JsonObject
from engine.endpoint.admission.pipeline import Step
from engine.proxies import variables
from vm.host.proxies import Proxies


class ProxyVariables(Step):
    """Adds the proxy to a container's environment; what the request sets itself stays.

    :param proxies: returns those in use, as the machine calls them; may block
    """

    def __init__(self, proxies: Callable[[], Proxies]) -> None:
        self._proxies = proxies

    async def create_container(self, body: JsonObject) -> None:
        """Add the variables that the body does not set, in either case."""
        wanted = variables(await asyncio.to_thread(self._proxies))
        given = body.get("Env")
        if not isinstance(given, list | None) or not all(isinstance(one, str) for one in given or ()):
            return
        set_already = {one.partition("=")[0].upper() for one in given or ()}
        added = [f"{name}={value}" for name, value in wanted.items() if name.upper() not in set_already]
        if added:
            body["Env"] = [*(given or ()), *added]
