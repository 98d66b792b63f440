"""Images: ``/images`` and ``/build`` of the Docker Engine API v1.51."""

from __future__ import annotations

import builtins
import json
import tarfile
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

from engine.client.models import Found, Image, Layer, Progress, Pruned
from engine.client.progress import Credentials, registry_auth, steps
from engine.client.system import Filters
from engine.client.transport import Transport, query

TAR = {"Content-Type": "application/x-tar"}


class Images:
    """The engine's images. Names are references (``alpine:3.22``, ``name@sha256:…``) or IDs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

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
        """All about one, as the engine tells it.

        :raise NotFound: there is none.
        """
        values: dict[str, Any] = await self._transport.json("GET", f"/images/{name}/json")
        return values

    async def distribution(self, name: str) -> dict[str, Any]:
        """What the image's registry tells of it: ``Descriptor`` and ``Platforms``.

        :raise Denied, NotFound: the registry does not tell.
        """
        values: dict[str, Any] = await self._transport.json("GET", f"/distribution/{name}/json")
        return values

    async def history(self, name: str) -> builtins.list[Layer]:
        """The steps that made it, newest first."""
        return [Layer.of(item) for item in await self._transport.json("GET", f"/images/{name}/history")]

    async def pull(
        self, name: str, *, platform: str | None = None, credentials: Credentials | None = None
    ) -> AsyncIterator[Progress]:
        """Fetch an image; leaving the iteration cancels it.

        :param name: with tag or digest; without either, ``latest``.    :param platform: such as ``linux/arm64``.
        :raise ProgressError: it failed on its way.    :raise NotFound: no such image.
        """
        repository, tag = split_reference(name)
        params = query(fromImage=repository, tag=tag, platform=platform)
        headers = registry_auth(credentials)
        async with self._transport.stream("POST", "/images/create", params, headers=headers) as reply:
            async for step in steps(reply):
                yield step

    async def push(self, name: str, *, credentials: Credentials | None = None) -> AsyncIterator[Progress]:
        """Send an image to its registry.

        :raise ProgressError: it failed on its way.
        """
        repository, tag = split_reference(name)
        headers = registry_auth(credentials)
        async with self._transport.stream(
            "POST", f"/images/{repository}/push", query(tag=tag), headers=headers
        ) as reply:
            async for step in steps(reply):
                yield step

    async def build(
        self,
        context: AsyncIterable[bytes] | bytes,
        *,
        tag: str | None = None,
        dockerfile: str = "Dockerfile",
        arguments: Mapping[str, str] | None = None,
        platform: str | None = None,
        cache: bool = True,
    ) -> AsyncIterator[Progress]:
        """Build an image with the engine's classic builder.

        :param context: the folder as a tar archive.
        :raise ProgressError: a step failed.
        """
        params = query(
            t=tag, dockerfile=dockerfile, buildargs=arguments, platform=platform, nocache=not cache, rm=True
        )
        async with self._transport.stream("POST", "/build", params, content=context, headers=TAR) as reply:
            async for step in steps(reply):
                yield step

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
        """Search Docker Hub."""
        filters = {"is-official": ["true"]} if official else None
        found = await self._transport.json("GET", "/images/search", query(term=term, limit=limit, filters=filters))
        return [Found.of(item) for item in found]

    async def save(self, *names: str) -> AsyncIterator[bytes]:
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
