"""An engine over SSH, as docker does it: ``docker system dial-stdio`` on the other computer, by OpenSSH's program.

Where there are Unix sockets, one ssh process logs in and carries several channels (ControlMaster, ssh_config(5)),
so that a connection costs milliseconds and a hardware key is touched once. A server allows ten channels by default
(MaxSessions, sshd_config(5)), so there is another such process for each eight, if it can log in without a
question.

Who is trusted is known_hosts' business. A computer that is not in there is asked about, whatever ssh is set to
accept; one whose key has changed is refused by ssh itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from engine.client.errors import HostKeyUnknown, LoginNeeded, SshFailed
from engine.remote.askpass import AskpassServer
from engine.remote.endpoints import Endpoint
from engine.remote.ssh_stream import SshStream
from vm.errors import EngineError, HostError, LinkError
from vm.guest.stream import Stream
from vm.host.paths import PIPES, SOCKET_PATH_LIMIT, Paths
from vm.host.programs import NO_WINDOW

OPTIONS = {
    "ConnectTimeout": "30",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
}
"""What the user's configuration may say for a terminal and is of no use here. Everything else is theirs."""

STRICT = ("yes", "true")
"""Values of StrictHostKeyChecking that ask nothing and trust nobody new."""

SESSIONS = 8
"""Channels of one ssh process, its own apart."""

SUFFIX = 18
"""Bytes that OpenSSH adds to the path of a control socket while it makes one (muxserver_listen)."""

PING = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"
FAILED = 255
"""ssh's exit code for failures of its own; any other is that of the command (ssh(1))."""


class _Master:
    """An ssh process that has logged in. :ivar used: its channels."""

    def __init__(self, stream: SshStream, control: Path | None) -> None:
        self.stream, self.control = stream, control
        self.used: list[SshStream] = []

    @property
    def alive(self) -> bool:
        return not self.stream.ended

    @property
    def free(self) -> int:
        self.used = [stream for stream in self.used if not stream.ended]
        return SESSIONS - len(self.used)


class SshRoute:
    """The way to one endpoint; :attr:`questions` has who answers what ssh asks.

    :ivar host: the computer's name, which ssh's configuration may say; the endpoint has what ssh is asked for.
    :param paths: where its sockets are.
    """

    def __init__(self, endpoint: Endpoint, paths: Paths, environment: Mapping[str, str] | None = None) -> None:
        key = secrets.token_hex(4)
        self._endpoint = endpoint
        self.host = endpoint.host
        self._folder = paths.ssh(key)
        socket = paths.ask_socket(key)
        self._shared = not str(socket).startswith(PIPES)
        self._environment = dict(os.environ if environment is None else environment)
        self.questions = AskpassServer(self._folder, socket)
        self._masters: list[_Master] = []
        self._lock = asyncio.Lock()
        self._alone = False  # a second process could not log in without a question
        self._numbers = 0
        self._argv: list[str] = []

    async def log_in(self) -> None:
        """See that it is logged in, however long the user takes to answer. :raise SshFailed: see :meth:`open`."""
        await (await self.open()).close()

    async def open(self) -> Stream:
        """See :class:`engine.client.link_transport.Route`.

        :raise SshFailed: ssh cannot log in, or there is no engine.    :raise HostKeyUnknown: see there.
        :raise LoginNeeded: see there.
        """
        try:
            async with self._lock:
                master = await self._master()
            stream = await self._start(master.control, own=False)
        except OSError as error:
            raise SshFailed("ssh cannot be run", INSTALL, str(error)) from error
        except (HostError, EngineError) as error:
            if isinstance(error, SshFailed):
                raise
            raise SshFailed(error.message, error.hint, error.detail) from error
        master.used.append(stream)
        return stream

    def streams(self) -> list[SshStream]:
        """All that are open, those that log in among them."""
        return [stream for master in self._masters for stream in (master.stream, *master.used)]

    async def close(self) -> None:
        """End all that was started. Never raises."""
        streams, self._masters = self.streams(), []
        for stream in reversed(streams):
            await stream.close()
        await self.questions.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    # -- processes ------------------------------------------------------------------------------------------------

    async def _master(self) -> _Master:
        """One that has room; log in if there is none."""
        for gone in [master for master in self._masters if not master.alive]:
            self._masters.remove(gone)
            await gone.stream.close()
        if not self._masters:
            self._alone = False
        for master in self._masters:
            if master.free > 0 or not self._shared or self._alone:
                return master
        asker = self.questions.asker
        try:
            if self._masters:
                self.questions.asker = None  # the user has answered for this computer already
            made = await self._log_in()
        except SshFailed:
            if not self._masters:
                raise
            self._alone = True
            return self._masters[0]
        finally:
            self.questions.asker = asker
        self._masters.append(made)
        return made

    async def _log_in(self) -> _Master:
        self.questions.reset()
        self._numbers += 1
        control = self._folder / f"m{self._numbers}" if self._shared else None
        if control is not None and len(os.fsencode(control)) + SUFFIX > SOCKET_PATH_LIMIT:
            control = None
        stream = await self._start(control, own=True)
        try:
            await _ping(stream)
        except LinkError as error:
            await stream.close()
            raise SshFailed(f"The connection to “{self._endpoint.host}” broke", "", error.detail) from error
        except BaseException:
            await stream.close()
            raise
        return _Master(stream, control)

    async def _start(self, control: Path | None, *, own: bool) -> SshStream:
        environment = self._environment | await self.questions.open()
        if own:  # read anew at each login; a connection within it takes no time for that
            self._argv = await self._command(environment)
        argv = [*self._argv]
        if control is not None:
            argv += ["-o", f"ControlMaster={'yes' if own else 'no'}", "-o", f"ControlPath={_escaped(control)}"]
            argv += ["-o", "ControlPersist=no"]
        else:
            argv += ["-o", "ControlPath=none"]
        return await SshStream.start(
            [*argv, "--", self._endpoint.host, self._remote()], environment, self._explain
        )

    async def _command(self, environment: Mapping[str, str]) -> list[str]:
        """ssh and its options, without the host."""
        program = shutil.which("ssh", path=environment.get("PATH"))
        if program is None:
            raise SshFailed("ssh is not installed", INSTALL)
        argv = [program, "-T"]
        for name, value in OPTIONS.items():
            argv += ["-o", f"{name}={value}"]
        if self._endpoint.user:
            argv += ["-l", self._endpoint.user]
        if self._endpoint.port:
            argv += ["-p", str(self._endpoint.port)]
        found = await _configured([*argv, "-G", "--", self._endpoint.host], environment)
        self.host = found.get("hostname") or self._endpoint.host
        if found.get("stricthostkeychecking") not in STRICT:
            argv += ["-o", "StrictHostKeyChecking=ask"]
        return argv

    def _remote(self) -> str:
        """The command for the other side's shell."""
        at = ["--host", f"unix://{self._endpoint.path}"] if self._endpoint.path else []
        return shlex.join(["docker", *at, "system", "dial-stdio"])

    def _explain(self, code: int, said: str) -> SshFailed:
        name, asked = self._endpoint.host, self.questions.declined
        if code != FAILED:
            last = said.splitlines()[-1] if said else f"its exit code is {code}"
            return SshFailed(
                f"ssh reaches “{name}”, but docker does not answer there: {last}",
                "The user who logs in needs the docker command and access to the engine: the group “docker”.",
                said,
            )
        if asked is not None and asked.host_key:
            found = asked.fingerprint
            return HostKeyUnknown(
                f"“{name}” is not known yet" + (f": its key is {found}" if found else ""),
                f"Compare the fingerprint with what its administrator says, then confirm it: ssh {name}",
                asked.text,
                found,
            )
        if asked is not None:
            return LoginNeeded(
                f"“{name}” wants to be logged in to", "Try again, and answer what ssh asks.", asked.text
            )
        last = said.splitlines()[-1] if said else "it gives no reason"
        return SshFailed(f"ssh cannot connect to “{name}”: {last}", f"Try it in a terminal: ssh {name}", said)


INSTALL = "Slipway uses your ssh, with all that you have set up for it. Install OpenSSH's client."


async def _ping(stream: SshStream) -> None:
    """Have the engine answer once. :raise UserError: it does not."""
    with contextlib.suppress(LinkError):  # it has ended already; reading says why
        await stream.write(PING)
    head = b""
    while b"\r\n\r\n" not in head:
        data = await stream.read(4096)
        if not data:
            raise LinkError("The connection over ssh ended", detail=repr(head))
        head += data


async def _configured(argv: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    """What the user's configuration says about a host (``ssh -G``, ssh(1)): the last value of each option."""
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=null, stdout=pipe, stderr=null, env=dict(environment), creationflags=NO_WINDOW
    )
    output, _ = await process.communicate()
    lines = (line.partition(" ") for line in output.decode(errors="replace").splitlines())
    return {name: value for name, _, value in lines}


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
