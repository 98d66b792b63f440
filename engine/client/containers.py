"""Containers: ``/containers`` and ``/exec`` of the Docker Engine API v1.51."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from typing import Any

from engine.client.errors import ApiError
from engine.client.models import Container, Pruned
from engine.client.streams import Duplex, Frame, frames
from engine.client.system import Filters
from engine.client.transport import Transport, query

Json = Mapping[str, Any]


class Containers:
    """The engine's containers, by name or ID."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, *, all: bool = False, filters: Filters | None = None) -> list[Container]:
        """The running ones, or ``all``."""
        found = await self._transport.json("GET", "/containers/json", query(all=all, filters=filters))
        return [Container.of(item) for item in found]

    async def inspect(self, name: str, *, size: bool = False) -> dict[str, Any]:
        """All about one, as the engine's own JSON."""
        values: dict[str, Any] = await self._transport.json("GET", f"/containers/{name}/json", query(size=size))
        return values

    async def create(self, config: Json, *, name: str | None = None, platform: str | None = None) -> str:
        """Make a container.

        :param config: ContainerConfig with HostConfig and NetworkingConfig, as the API has them.
        :return: its ID.    :raise NotFound: there is no such image.    :raise Conflict: the name is taken.
        """
        params = query(name=name, platform=platform)
        values = await self._transport.json("POST", "/containers/create", params, body=dict(config))
        return str(values["Id"])

    async def start(self, name: str) -> None:
        """Start it; one that runs is left as it is."""
        await self._post(name, "start")

    async def stop(self, name: str, timeout: int | None = None) -> None:
        """Ask it to end, and kill it ``timeout`` seconds later."""
        await self._post(name, "stop", query(t=timeout))

    async def restart(self, name: str, timeout: int | None = None) -> None:
        """Stop and start it."""
        await self._post(name, "restart", query(t=timeout))

    async def kill(self, name: str, signal: str = "SIGKILL") -> None:
        """Send it a signal."""
        await self._post(name, "kill", query(signal=signal))

    async def pause(self, name: str) -> None:
        """Freeze its processes."""
        await self._post(name, "pause")

    async def unpause(self, name: str) -> None:
        """Let them run again."""
        await self._post(name, "unpause")

    async def rename(self, name: str, new: str) -> None:
        """Give it another name."""
        await self._post(name, "rename", query(name=new))

    async def update(self, name: str, values: Json) -> None:
        """Change limits or the restart policy (API: ContainerUpdate)."""
        await self._transport.json("POST", f"/containers/{name}/update", body=dict(values))

    async def changes(self, name: str) -> dict[str, int]:
        """The files that differ from its image and are in no volume: 0 changed, 1 added, 2 deleted."""
        found = await self._transport.json("GET", f"/containers/{name}/changes") or ()
        return {str(item["Path"]): int(item["Kind"]) for item in found}

    async def remove(self, name: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove it; with ``force`` also one that runs, with ``volumes`` also its anonymous volumes."""
        await self._transport.call("DELETE", f"/containers/{name}", query(force=force, v=volumes))

    async def prune(self, filters: Filters | None = None) -> Pruned:
        """Remove all that do not run."""
        values = await self._transport.json("POST", "/containers/prune", query(filters=filters))
        return Pruned(tuple(values.get("ContainersDeleted") or ()), int(values.get("SpaceReclaimed") or 0))

    async def wait(self, name: str, condition: str = "not-running") -> int:
        """Wait until it has ended (or ``next-exit``, ``removed``).

        :return: its exit code.
        """
        path = f"/containers/{name}/wait"
        reply = await self._transport.call("POST", path, query(condition=condition), timeout=0)
        return int(reply.json()["StatusCode"])

    async def top(self, name: str) -> dict[str, Any]:
        """Its processes: ``Titles`` and ``Processes``."""
        values: dict[str, Any] = await self._transport.json("GET", f"/containers/{name}/top")
        return values

    async def logs(
        self,
        name: str,
        *,
        follow: bool = False,
        tail: int | None = None,
        since: float | None = None,
        until: float | None = None,
        timestamps: bool = False,
        stdout: bool = True,
        stderr: bool = True,
    ) -> AsyncIterator[Frame]:
        """What it has printed, and with ``follow`` what it prints.

        :param tail: the last so many lines.    :param since, until: seconds since 1970.
        """
        params = query(
            stdout=stdout,
            stderr=stderr,
            follow=follow,
            tail=tail,
            since=since,
            until=until,
            timestamps=timestamps,
        )
        async with self._transport.stream("GET", f"/containers/{name}/logs", params) as reply:
            async for frame in frames(reply.aiter_raw(), reply.headers.get("Content-Type", "")):
                yield frame

    async def sample(self, name: str) -> dict[str, Any]:
        """What it has used until now, answered at once: without the values of a second before."""
        params = {"stream": "false", "one-shot": "true"}
        values: dict[str, Any] = await self._transport.json("GET", f"/containers/{name}/stats", params)
        return values

    async def attach(self, name: str, *, stdin: bool = True, logs: bool = False) -> Duplex:
        """Connect to its input and output.

        :param logs: begin with what it has printed.
        """
        params = query(stream=True, stdin=stdin, stdout=True, stderr=True, logs=logs)
        return await self._transport.upgrade(f"/containers/{name}/attach", params)

    async def resize(self, name: str, rows: int, columns: int) -> None:
        """Tell its terminal's size."""
        await self._post(name, "resize", query(h=rows, w=columns))

    async def exec(self, name: str, command: Sequence[str], **config: Any) -> Exec:
        """Prepare a command in it; see :class:`Exec`.

        :param config: more of the API's ExecConfig, such as ``Tty=True`` or ``User="nobody"``.
        :raise Conflict: the container does not run.
        """
        streams = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True}
        body = {**streams, **config, "Cmd": list(command)}
        values = await self._transport.json("POST", f"/containers/{name}/exec", body=body)
        return Exec(self._transport, str(values["Id"]), bool(config.get("Tty")))

    async def get_archive(self, name: str, path: str) -> AsyncIterator[bytes]:
        """A file or folder of it as a tar archive, piece by piece."""
        async with self._transport.stream("GET", f"/containers/{name}/archive", query(path=path)) as reply:
            async for chunk in reply.aiter_raw():
                yield chunk

    async def put_archive(self, name: str, path: str, archive: AsyncIterable[bytes] | bytes) -> None:
        """Unpack a tar archive into a folder of it."""
        headers = {"Content-Type": "application/x-tar"}
        params = query(path=path)
        await self._transport.call(
            "PUT", f"/containers/{name}/archive", params, content=archive, headers=headers, timeout=0
        )

    async def _post(self, name: str, action: str, params: Mapping[str, str] | None = None) -> None:
        await self._transport.call("POST", f"/containers/{name}/{action}", params, timeout=0)


class Exec:
    """A command in a container.

    :ivar id: the engine's name for it.
    """

    def __init__(self, transport: Transport, id: str, tty: bool) -> None:
        self._transport = transport
        self._tty = tty
        self.id = id

    async def start(self) -> Duplex:
        """Run it, connected to its input and output."""
        return await self._transport.upgrade(f"/exec/{self.id}/start", body={"Detach": False, "Tty": self._tty})

    async def resize(self, rows: int, columns: int) -> None:
        """Tell its terminal's size; too late is no error."""
        try:
            await self._transport.call("POST", f"/exec/{self.id}/resize", query(h=rows, w=columns))
        except ApiError:
            if (await self.inspect()).get("Running"):
                raise

    async def inspect(self) -> dict[str, Any]:
        """Its state as the engine reports it: ``Running``, ``ExitCode``, ``Pid``."""
        values: dict[str, Any] = await self._transport.json("GET", f"/exec/{self.id}/json")
        return values
