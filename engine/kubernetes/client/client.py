"""The calls: list, watch, read, change and delete objects; logs of pods, commands in them, and their ports.

Formats: the Kubernetes API's reference, "API concepts" (chunked lists, watch, bookmarks, dry run, apply).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from engine.cancellation import CancelSafeTransport
from engine.kubernetes.client.access import Access
from engine.kubernetes.client.channels import V4, V5, Command, PodPort, Query, Socket, open_channels
from engine.kubernetes.client.errors import ClusterUnreachable, Expired, NotFound, refused
from engine.kubernetes.client.kinds import BY_NAME, Kind
from engine.kubernetes.client.manifest import Json
from engine.kubernetes.client.transport import tls_transport

CONNECT_SECONDS = 10.0
REPLY_SECONDS = 30.0

WATCH_SECONDS = 240
"""After which the server ends a watch, and a new one goes on; a connection that is dead is noticed by then."""

CHUNK = 100
"""Objects in one answer of a list: a thousand pods at once would hold Python's lock for too long."""

MANAGER = "slipway"
"""The owner of fields that are changed here."""

MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
STRATEGIC, APPLY = "application/strategic-merge-patch+json", "application/apply-patch+yaml"
"""Kinds of patches."""

ADDED, MODIFIED, DELETED, BOOKMARK, ERROR = "ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"
LISTED = "LISTED"


@dataclass(frozen=True)
class Change:
    """What has happened to objects of a kind.

    :ivar type: ``LISTED`` (these and no others exist), ``ADDED``, ``MODIFIED`` or ``DELETED``.
    :ivar items: one object; of a list, all.
    """

    type: str
    items: tuple[Json, ...]


class KubernetesClient:
    """One cluster; use it as an async context manager. Made in a thread that may block for a moment.

    :raise AccessError: a certificate is damaged.
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self._tls = access.tls()
        headers = {"User-Agent": MANAGER, "Accept": "application/json", "Accept-Encoding": "identity"}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        self._http = httpx.AsyncClient(
            transport=CancelSafeTransport(tls_transport(self._tls)),
            base_url=access.server,
            timeout=httpx.Timeout(REPLY_SECONDS, connect=CONNECT_SECONDS),
            headers=headers,
        )
        self._headers = headers

    async def __aenter__(self) -> KubernetesClient:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    # -- reading --------------------------------------------------------------------------------------------------

    async def version(self) -> str:
        """The cluster's version, such as ``v1.37.2``."""
        return str((await self._json("GET", "/version")).get("gitVersion", ""))

    async def list(self, kind: Kind, namespace: str = "", **selectors: str) -> tuple[list[Json], str]:
        """All objects of a kind, and the version to watch from.

        :param namespace: empty for all.    :param selectors: such as ``fieldSelector``.
        """
        items: list[Json] = []
        params = {"limit": str(CHUNK), **selectors}
        while True:
            found = await self._json("GET", kind.path(namespace), params)
            # what all have in common is said once, of the list
            items += ({"apiVersion": kind.api, "kind": kind.name, **item} for item in found.get("items") or ())
            meta = found.get("metadata") or {}
            if not meta.get("continue"):
                return items, str(meta.get("resourceVersion") or "")
            params["continue"] = meta["continue"]

    async def watch(
        self, kind: Kind, version: str, namespace: str = "", **selectors: str
    ) -> AsyncIterator[tuple[str, Json]]:
        """Changes after a version: type and object. Ends when the server ends it, after some minutes.

        :raise Expired: the version is too old.    :raise ClusterUnreachable: it broke off.
        """
        params = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true", **selectors}
        params["timeoutSeconds"] = str(WATCH_SECONDS)
        path = kind.path(namespace)
        async with self._stream(path, params, 1.5 * WATCH_SECONDS) as reply:
            async for line in _lines(reply):
                found = json.loads(line)
                item = found["object"]
                if found["type"] == ERROR:
                    raise refused(int(item.get("code") or 500), str(item.get("message") or ""), f"watch {path}")
                yield found["type"], item

    async def follow(self, kind: Kind, namespace: str = "", **selectors: str) -> AsyncIterator[Change]:
        """A list and then its changes, for as long as the cluster answers; a new list where changes were missed.

        :raise ClusterUnreachable: there is no answer any more.    :raise Refused: it may not be read.
        """
        while True:
            try:
                items, version = await self.list(kind, namespace, **selectors)
                yield Change(LISTED, tuple(items))
                del items
                while True:
                    async for what, item in self.watch(kind, version, namespace, **selectors):
                        version = str(item["metadata"].get("resourceVersion") or version)
                        if what != BOOKMARK:
                            yield Change(what, (item,))
            except Expired:
                continue

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """One object. :raise NotFound: there is none."""
        return await self._json("GET", kind.path(namespace, name))

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        previous: bool = False,
        tail: int | None = None,
        timestamps: bool = False,
    ) -> AsyncIterator[bytes]:
        """What a container has printed, in pieces.

        :param previous: of its instance before the last restart.    :param tail: lines; None for all.
        :raise Invalid: it has not been started yet, or has no previous instance.
        """
        flags = {"follow": follow, "previous": previous, "timestamps": timestamps}
        params = {"container": container, **{name: "true" for name, on in flags.items() if on}}
        if tail is not None:
            params["tailLines"] = str(tail)
        async with self._stream(_pod_path(namespace, pod, "log"), params, None) as reply:
            async for piece in reply.aiter_bytes():
                yield piece

    # -- streams into pods ----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def exec(
        self, namespace: str, pod: str, container: str, command: Sequence[str]
    ) -> AsyncIterator[Command]:
        """Run a command in a container, with a terminal, for as long as the block lasts.

        :raise Refused: that is not possible.    :raise ClusterUnreachable: there is no answer.
        """
        flags = [(name, "true") for name in ("stdin", "stdout", "tty")]
        query = [("container", container), *flags, *(("command", word) for word in command)]
        async with self._channels(_pod_path(namespace, pod, "exec"), query, (V5, V4)) as socket:
            yield Command(socket)

    @asynccontextmanager
    async def connect(self, namespace: str, pod: str, port: int) -> AsyncIterator[PodPort]:
        """Connect to a port of a pod, for as long as the block lasts.

        :raise Refused: that is not possible.    :raise ClusterUnreachable: there is no answer.
        """
        query = [("ports", str(port))]
        async with self._channels(_pod_path(namespace, pod, "portforward"), query, (V4,)) as socket:
            yield PodPort(socket)

    def _channels(self, path: str, query: Query, protocols: Sequence[str]) -> AbstractAsyncContextManager[Socket]:
        return open_channels(self.access, self._tls, path, query, protocols, self._headers)

    # -- kinds ----------------------------------------------------------------------------------------------------

    async def kind(self, api: str, name: str) -> Kind:
        """A kind by its ``apiVersion`` and name, of those that this cluster has.

        :raise NotFound: it has none.
        """
        known = BY_NAME.get(name)
        if known is not None and known.api == api:
            return known
        unknown = NotFound(
            f"The cluster knows no {name} of {api}", "Install what defines it first.", f"{api} {name}", 404
        )
        try:
            found = await self._json("GET", f"/{'apis' if '/' in api else 'api'}/{api}")
        except NotFound as error:
            raise unknown from error
        for one in found.get("resources") or ():
            if one.get("kind") == name and "/" not in one["name"]:
                return Kind(name, api, str(one["name"]), bool(one.get("namespaced")))
        raise unknown

    # -- changing -------------------------------------------------------------------------------------------------

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object; what it owns is deleted after it. :raise NotFound: there is none."""
        body = {"propagationPolicy": "Background"}
        await self._json("DELETE", kind.path(namespace, name), body=json.dumps(body).encode())

    async def patch(
        self, kind: Kind, namespace: str, name: str, change: Any, *, how: str = MERGE, part: str = ""
    ) -> Json:
        """Change fields of an object.

        :param how: the kind of patch.    :param part: a subresource, such as ``scale``.
        :raise Conflict, Invalid, NotFound: it is refused.
        """
        params = {"fieldManager": MANAGER}
        path = kind.path(namespace, name, part)
        return await self._json("PATCH", path, params, body=json.dumps(change).encode(), kind=how)

    async def replace(self, kind: Kind, item: Json, *, dry_run: bool = False) -> Json:
        """Put an object in the place of the version that it was made from; what the server makes of it.

        :param dry_run: have the server check it, and change nothing.
        :raise Conflict: it has changed meanwhile.    :raise Invalid: it is not acceptable.
        """
        meta = item.get("metadata") or {}
        path = kind.path(str(meta.get("namespace") or ""), str(meta.get("name") or ""))
        return await self._json("PUT", path, _writing(dry_run), body=json.dumps(item).encode())

    async def apply(self, kind: Kind, item: Json, *, dry_run: bool = False, force: bool = False) -> Json:
        """Create an object or change it to what this says of it (server-side apply).

        :param force: take fields over from those who manage them.
        :raise Conflict: another manager has a field.    :raise Invalid: it is not acceptable.
        """
        meta = item.get("metadata") or {}
        path = kind.path(str(meta.get("namespace") or self.access.namespace), str(meta.get("name") or ""))
        params = {**_writing(dry_run), **({"force": "true"} if force else {})}
        return await self._json("PATCH", path, params, body=json.dumps(item).encode(), kind=APPLY)

    # -- HTTP -----------------------------------------------------------------------------------------------------

    async def _json(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None = None,
        *,
        body: bytes | None = None,
        kind: str = "application/json",
    ) -> Json:
        headers = {"Content-Type": kind} if body is not None else {}
        request = self._http.build_request(method, path, params=params, content=body, headers=headers)
        self._name_server(request)
        try:
            reply = await self._http.send(request)
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
        _require_success(reply, f"{method} {path}")
        try:
            found = reply.json()
        except ValueError as error:
            raise ClusterUnreachable("The server's answer is not that of Kubernetes", detail=str(error)) from error
        assert isinstance(found, dict)
        return found

    @asynccontextmanager
    async def _stream(
        self, path: str, params: dict[str, str], silence: float | None
    ) -> AsyncIterator[httpx.Response]:
        """A long answer; leaving the block ends it. :param silence: seconds until it counts as broken off."""
        times = httpx.Timeout(silence, connect=CONNECT_SECONDS)
        request = self._http.build_request("GET", path, params=params, timeout=times)
        self._name_server(request)
        try:
            reply = await self._http.send(request, stream=True)
            try:
                if reply.is_error:
                    await reply.aread()
                    _require_success(reply, f"GET {path}")
                yield reply
            finally:
                await reply.aclose()
        except httpx.HTTPError as error:
            raise _unreachable(error) from error

    def _name_server(self, request: httpx.Request) -> None:
        if self.access.server_name:
            request.extensions["sni_hostname"] = self.access.server_name


def _pod_path(namespace: str, pod: str, part: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{pod}/{part}"


def _writing(dry_run: bool) -> dict[str, str]:
    return {"fieldManager": MANAGER, **({"dryRun": "All"} if dry_run else {})}


async def _lines(reply: httpx.Response) -> AsyncIterator[bytes]:
    """Lines out of chunks; httpx's own splits at other characters as well, and copies long lines often."""
    rest: list[bytes] = []
    async for piece in reply.aiter_bytes():
        first, *others = piece.split(b"\n")
        rest.append(first)
        for line in others:
            whole = b"".join(rest)
            rest = [line]
            if whole.strip():
                yield whole


def _require_success(reply: httpx.Response, call: str) -> None:
    if reply.is_error:
        try:
            message = str(reply.json().get("message") or "")
        except (ValueError, AttributeError):
            message = reply.text.strip()[:500]
        raise refused(reply.status_code, message, call)


def _unreachable(error: httpx.HTTPError) -> ClusterUnreachable:
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, httpx.TimeoutException):
        return ClusterUnreachable("The cluster does not answer in time", "", detail)
    return ClusterUnreachable("The cluster cannot be reached", "Check that it runs.", detail)
