"""Images: ``/images`` of the Docker Engine API v1.51."""

from __future__ import annotations

import builtins
import json
import tarfile
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import urlencode

from engine.client.build.build import Build, run
from engine.client.build.history import PastBuild, past_builds, past_steps
from engine.client.build.trace import Trace
from engine.client.errors import ApiError, ProgressError, WrongPlatform
from engine.client.models import Found, Image, Layer, Progress, Pruned
from engine.client.progress import Lookup, registry_auth, steps
from engine.client.registry import HUB, explain, registry_of, split_reference
from engine.client.system import Filters
from engine.client.transport import Params, Transport, query

TAR = {"Content-Type": "application/x-tar"}


class Images:
    """The engine's images. Names are references (``alpine:3.22``, ``name@sha256:…``) or IDs."""

    def __init__(self, transport: Transport, keys: Lookup) -> None:
        self._transport = transport
        self._keys = keys

    async def list(
        self, *, all: bool = False, filters: Filters | None = None, shared: bool = False
    ) -> builtins.list[Image]:
        """The images.

        :param all: intermediate ones too.
        :param shared: count the bytes shared with others, which takes longer.
        """
        params = query(all=all, filters=filters, digests=True, **{"shared-size": shared})
        return [Image.of(item) for item in await self._transport.json("GET", "/images/json", params)]

    async def inspect(self, name: str) -> dict[str, Any]:
        """All about one, as the engine's own JSON.

        :raise NotFound: there is none.
        """
        values: dict[str, Any] = await self._transport.json("GET", f"/images/{name}/json")
        return values

    async def distribution(self, name: str) -> dict[str, Any]:
        """What the image's registry knows of it: ``Descriptor`` and ``Platforms``.

        :raise RegistryError: the registry does not answer.
        """
        headers = await self._who(name)
        try:
            reply = await self._transport.call("GET", f"/distribution/{name}/json", headers=headers)
        except ApiError as error:
            raise explain(error, name) from error
        values: dict[str, Any] = reply.json()
        return values

    async def history(self, name: str) -> builtins.list[Layer]:
        """The steps that made it, newest first."""
        return [Layer.of(item) for item in await self._transport.json("GET", f"/images/{name}/history")]

    async def pull(self, name: str, *, platform: str | None = None) -> AsyncIterator[Progress]:
        """Fetch an image; leaving the iteration cancels it.

        :param name: with tag or digest; without either, ``latest``.    :param platform: such as ``linux/arm64``.
        :raise RegistryError: its registry does not give it.    :raise ProgressError: it failed on its way.
        """
        repository, tag = split_reference(name)
        params = query(fromImage=repository, tag=tag, platform=platform)
        async with aclosing(self._moving(name, "/images/create", params)) as steps:
            async for step in steps:
                yield step

    async def push(self, name: str) -> AsyncIterator[Progress]:
        """Send an image to its registry; leaving the iteration cancels it.

        :raise RegistryError: its registry does not take it.    :raise ProgressError: it failed on its way.
        """
        repository, tag = split_reference(name)
        async with aclosing(self._moving(name, f"/images/{repository}/push", query(tag=tag))) as steps:
            async for step in steps:
                yield step

    async def _moving(self, name: str, path: str, params: Params) -> AsyncGenerator[Progress]:
        headers = await self._who(name)
        try:
            async with self._transport.stream("POST", path, params, headers=headers) as reply:
                async for step in steps(reply):
                    yield step
        except (ApiError, ProgressError, WrongPlatform) as error:
            raise explain(error, name) from error

    async def _who(self, name: str) -> dict[str, str]:
        return registry_auth(await self._keys(registry_of(name)))

    def build(self, build: Build) -> AsyncGenerator[Trace]:
        """Build an image with BuildKit; leaving the iteration cancels it (see engine/client/build/build.py).

        :raise ProgressError: a step failed.
        """
        return run(self._transport, build, self._keys)

    async def past_builds(self) -> builtins.list[PastBuild]:
        """The builds that the engine remembers, whoever began them (see engine/client/build/history.py).

        :raise EngineError: the engine keeps no history.
        """
        return await past_builds(self._transport)

    def past_steps(self, ref: str) -> AsyncGenerator[Trace]:
        """What such a build has reported. :raise EngineError: the engine has forgotten it."""
        return past_steps(self._transport, ref)

    async def tag(self, name: str, target: str) -> None:
        """Give an image one more name."""
        repository, tag = split_reference(target)
        await self._transport.call("POST", f"/images/{name}/tag", query(repo=repository, tag=tag))

    async def remove(self, name: str, *, force: bool = False) -> tuple[str, ...]:
        """Remove a name, and the image with its last one.

        :return: what was untagged and deleted.    :raise Conflict: a container uses it.
        """
        items = await self._transport.json("DELETE", f"/images/{name}", query(force=force))
        return tuple(str(value) for item in items for value in item.values())

    async def prune(self, *, all: bool = False, filters: Filters | None = None) -> Pruned:
        """Remove dangling images.

        :param all: all that no container uses.
        """
        wanted = {**(filters or {}), "dangling": ["false" if all else "true"]}
        values = await self._transport.json("POST", "/images/prune", query(filters=wanted))
        gone = [str(value) for item in values.get("ImagesDeleted") or () for value in item.values()]
        return Pruned(tuple(gone), int(values.get("SpaceReclaimed") or 0))

    async def search(self, term: str, *, limit: int = 25, official: bool = False) -> builtins.list[Found]:
        """Search Docker Hub.

        :raise RegistryError: it does not answer.
        """
        filters = {"is-official": ["true"]} if official else None
        params = query(term=term, limit=limit, filters=filters)
        try:
            reply = await self._transport.call(
                "GET", "/images/search", params, headers=registry_auth(await self._keys(HUB))
            )
        except ApiError as error:
            raise explain(error, term) from error
        return [Found.of(item) for item in reply.json()]

    async def save(self, *names: str) -> AsyncGenerator[bytes]:
        """Images as one tar archive for :meth:`load`, piece by piece."""
        params = "&".join(f"names={name}" for name in names)
        async with self._transport.stream("GET", f"/images/get?{params}") as reply:
            async for chunk in reply.aiter_raw():
                yield chunk

    async def make_empty(self, labels: Mapping[str, str]) -> str:
        """Make an image with nothing in it; its ID."""
        changes = [("changes", f"LABEL {name}={value}") for name, value in labels.items()]
        path = f"/images/create?{urlencode([('fromSrc', '-'), *changes])}"
        reply = await self._transport.call("POST", path, content=bytes(2 * tarfile.BLOCKSIZE), headers=TAR)
        return str(json.loads(reply.text.splitlines()[-1])["status"])

    async def load(self, archive: AsyncIterable[bytes] | bytes) -> AsyncIterator[Progress]:
        """Take in an archive that ``save`` made.

        :raise ProgressError: it is not one.
        """
        params = query(quiet=False)
        async with self._transport.stream("POST", "/images/load", params, content=archive, headers=TAR) as reply:
            async for step in steps(reply):
                yield step
