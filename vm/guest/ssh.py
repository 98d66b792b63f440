"""SshLink: one SSH connection into the guest that carries all streams; the only way to paramiko.

paramiko does what needs an SSH implementation: key exchange, encryption, authentication, re-keying. It has no
Unix-socket forwarding, reads in a thread of its own and blocks in writes, so its channels are not used: a
packetizer of ours (``ssh_wire.py``, with this module the only one that knows paramiko) diverts the messages of the
connection protocol to the event loop, where ``ssh_stream.py`` turns them into streams, and it queues what is to be
sent, so that the loop never waits for the socket.

    loop ── submit() ──► encrypt ──► outbox ──► socket        socket ──► paramiko's thread ──► decrypt ──► loop

Both keys are of this installation and pinned: there is no trust on first use, no agent, no password.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import socket
import struct
from collections import deque
from functools import partial
from pathlib import Path
from typing import cast

import paramiko

from vm.errors import LinkError
from vm.guest.run import run
from vm.guest.ssh_stream import Channel, Channels, text
from vm.guest.ssh_wire import HIGH_WATER, LoopPacketizer, Packet
from vm.guest.stream import Completed, Link

log = logging.getLogger(__name__)

CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr")
KEY_EXCHANGES = ("curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")
IDLE_WAKE = 60.0
"""Seconds paramiko's thread sleeps in the socket before it looks around; closing wakes it at once."""


class SshLink:
    """A :class:`vm.guest.stream.Carrier` over one SSH connection; it belongs to the loop that connected it."""

    def __init__(self, transport: paramiko.Transport) -> None:
        """Use :meth:`connect`."""
        self.closed = asyncio.Event()
        """Set once the connection is gone, for whatever reason; then ``failure`` says why."""
        self.failure: LinkError | None = None
        self._transport = transport
        self._packetizer = cast("LoopPacketizer", transport.packetizer)
        self._held: deque[bytes] = deque()
        self._held_size = 0
        self._channels = Channels(self)
        self._packetizer.divert(asyncio.get_running_loop(), self._received, self._rekeyed, self._lost)

    @classmethod
    async def connect(
        cls, host: str, port: int, *, user: str, key: Path, host_key: Path, timeout: float
    ) -> SshLink:
        """Connect and authenticate within ``timeout`` seconds.

        :param key: our private key, ed25519, OpenSSH format
        :param host_key: the guest's public key file (``ssh-ed25519 BASE64 …``); no other key is accepted
        :raise LinkError: refused, timed out, another host key, key not accepted, or a key file cannot be used
        """
        identity, pinned = load_identity(key), _load_pinned(host_key)
        where = f"{host}:{port}"
        try:
            async with asyncio.timeout(timeout):
                sock = await _dial(host, port, timeout)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                transport = _transport(sock, timeout)
                try:
                    await asyncio.to_thread(sign_in, transport, user, identity, pinned, timeout)
                    transport.sock.settimeout(IDLE_WAKE)
                    return cls(transport)
                except BaseException:
                    _hang_up(transport)
                    raise
        except TimeoutError as error:
            raise LinkError(
                f"The machine's SSH server did not answer within {timeout:g} seconds",
                "The machine may still be starting, or it is overloaded.",
                where,
            ) from error
        except paramiko.AuthenticationException as error:
            raise LinkError(
                "The machine does not accept Slipway's key",
                "Restart the machine: it receives the key when it starts.",
                f"{user}@{where}: {error}",
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise LinkError(
                "The machine's SSH server cannot be reached",
                "The machine may still be starting; see its console log.",
                f"{where}: {error or type(error).__name__}",
            ) from error

    # -- what callers use -----------------------------------------------------------------------------------------

    async def open_unix(self, path: str) -> Channel:
        """Connect to the guest's Unix socket ``path``.

        :raise LinkError: the link is down, or nothing listens there
        """
        try:
            return await self._channels.open("direct-streamlocal@openssh.com", text(path) + text("") + bytes(4))
        except LinkError as error:
            if self.closed.is_set():
                raise
            raise LinkError(f"Nothing answers at {path} in the machine", detail=error.detail) from error

    async def open_tcp(self, address: str, port: int) -> Channel:
        """Connect to a TCP port the guest can reach (``direct-tcpip``, RFC 4254 section 7.2).

        :raise LinkError: the link is down, or nothing listens there
        """
        origin = text("127.0.0.1") + struct.pack(">I", 0)
        try:
            return await self._channels.open("direct-tcpip", text(address) + struct.pack(">I", port) + origin)
        except LinkError as error:
            if self.closed.is_set():
                raise
            raise LinkError(
                f"Nothing answers at {address} port {port} in the machine", detail=error.detail
            ) from error

    async def open_udp(self, address: str, port: int) -> Channel:
        """SSH has no datagrams. :raise LinkError: always."""
        raise LinkError("SSH carries no datagrams", detail=f"{address} port {port}")

    async def open_accept(self, path: str) -> Channel:
        """Not by SSH. :raise LinkError: always."""
        raise LinkError("SSH does not listen in the machine", detail=path)

    async def open_exec(self, command: str) -> Channel:
        """Run ``command`` by the guest's shell; the stream is its standard input and output (RFC 4254, 6.5).

        :raise LinkError: the link is down, or the guest refuses
        """
        channel = await self._channels.open("session")
        try:
            await channel.request("exec", text(command))
        except BaseException:
            await channel.close()
            raise
        return channel

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Completed:
        """Run ``command`` by the guest user's shell; both outputs are kept in memory.

        :raise LinkError: the link broke, or the command did not end within ``timeout`` seconds
        """
        return await run(self, command, input, timeout)

    async def ping(self, timeout: float) -> None:
        """One round trip to the guest's SSH server. :raise LinkError: no answer within ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._channels.ping()
        except TimeoutError as error:
            raise LinkError(
                f"The machine's SSH server has not answered for {timeout:g} seconds",
                "The machine may be suspended or overloaded.",
            ) from error

    async def close(self) -> None:
        """Close the connection and all its streams. Idempotent, never raises."""
        self._lost(LinkError("The link to the machine was closed"))
        _hang_up(self._transport)
        if self._transport.is_alive():
            await asyncio.to_thread(self._transport.join, 5.0)
        await self._packetizer.settled()

    @property
    def streams(self) -> int:
        """Channels in use, those just closing included."""
        return len(self._channels)

    @property
    def buffered(self) -> int:
        """Bytes that have arrived on all streams and are not read yet."""
        return self._channels.buffered

    @property
    def queued(self) -> int:
        """Bytes that wait to be sent."""
        return self._packetizer.queued + self._held_size

    # -- the Wire of ssh_stream -----------------------------------------------------------------------------------

    def submit(self, payload: bytes) -> None:
        """Send one message, or keep it until a key exchange under way is over (RFC 4253 section 7.1)."""
        if self.failure is None and (self._held or not self._send(payload)):
            self._held.append(payload)
            self._held_size += len(payload)

    async def room(self) -> None:
        """Wait until the connection can take more data. :raise LinkError: it is gone."""
        while self.failure is None and self.queued > HIGH_WATER:
            await self._packetizer.drained()
        if self.failure is not None:
            raise self.failure.copy()

    def _send(self, payload: bytes) -> bool:
        transport = self._transport
        with transport.clear_to_send_lock:  # held by paramiko's thread for a flag's flip only
            if not transport.clear_to_send.is_set():
                return False
            transport.packetizer.send_message(cast("paramiko.Message", Packet(payload)))
        return True

    # -- called in the loop by the packetizer ---------------------------------------------------------------------

    def _received(self, kind: int, payload: bytes) -> None:
        if self.failure is not None:
            return
        try:
            self._channels.dispatch(kind, payload)
        except LinkError as error:
            self._lost(error)
            _hang_up(self._transport)

    def _rekeyed(self) -> None:
        while self._held and self._send(self._held[0]):
            self._held_size -= len(self._held.popleft())

    def _lost(self, reason: LinkError | None = None) -> None:
        if self.failure is not None:
            return
        why = self._transport.get_exception()
        detail = "" if why is None else f"{type(why).__name__}: {why}".rstrip(": ")
        self.failure = reason or LinkError("The link to the machine broke", "", detail or "the peer hung up")
        log.info("link lost: %s (%s)", self.failure, self.failure.detail)
        self._held.clear()
        self._held_size = 0
        self._channels.lose(self.failure)
        self._packetizer.release()
        self.closed.set()


def load_identity(key: Path) -> paramiko.Ed25519Key:
    """Our private key. :raise LinkError: it cannot be read."""
    try:
        return paramiko.Ed25519Key.from_private_key_file(str(key))
    except (OSError, paramiko.SSHException) as error:
        raise LinkError("Slipway's private key for the machine cannot be read", "", f"{key}: {error}") from error


def _load_pinned(host_key: Path) -> bytes:
    """The key blob of a public key file: ``TYPE BASE64 COMMENT``."""
    try:
        return base64.b64decode(host_key.read_text(encoding="utf-8").split()[1], validate=True)
    except (OSError, ValueError, IndexError, binascii.Error) as error:
        raise LinkError("The machine's pinned host key cannot be read", "", f"{host_key}: {error}") from error


async def _dial(host: str, port: int, timeout: float) -> socket.socket:
    """Connect in a thread: the socket must not be tied to the loop's completion port, which Windows would do."""
    loop = asyncio.get_running_loop()
    dialing = loop.run_in_executor(None, partial(socket.create_connection, (host, port), timeout))
    try:
        return await asyncio.shield(dialing)
    except asyncio.CancelledError:
        dialing.add_done_callback(_discard)
        raise


def _discard(dialing: asyncio.Future[socket.socket]) -> None:
    if not dialing.cancelled() and dialing.exception() is None:
        dialing.result().close()


def _transport(sock: socket.socket, timeout: float) -> paramiko.Transport:
    transport = paramiko.Transport(sock, packetizer_class=LoopPacketizer)
    transport.set_log_channel("slipway.paramiko")
    logging.getLogger("slipway.paramiko").setLevel(logging.CRITICAL)  # its failures reach us as exceptions
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout
    options = transport.get_security_options()
    options.ciphers = CIPHERS
    options.kex = KEY_EXCHANGES
    options.key_types = ("ssh-ed25519",)
    return transport


def sign_in(
    transport: paramiko.Transport, user: str, identity: paramiko.PKey, pinned: bytes, timeout: float
) -> None:
    """The part that blocks: keys, the host's identity, then ours; a wrong host learns nothing.

    :raise LinkError: it is another host.    :raise paramiko.SSHException, EOFError, OSError: it failed.
    """
    transport.start_client(timeout=timeout)
    offered = transport.get_remote_server_key()
    if offered.asbytes() != pinned:
        raise LinkError(
            "Another program answers on the machine's port: its host key is wrong",
            "Another program may use the port. Restart the machine; if it persists, reset it.",
            f"offered {offered.get_name()} {offered.get_base64()}",
        )
    transport.auth_publickey(user, identity)


def _hang_up(transport: paramiko.Transport) -> None:
    """End the connection from any thread: shutting down wakes paramiko's thread, which closing alone would not.

    paramiko closes nothing when the handshake has not begun, so the socket is closed here as well.
    """
    try:
        transport.sock.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        log.debug("socket already down: %s", error)
    transport.close()
    transport.sock.close()


def _check_protocol(link: SshLink) -> Link:
    """Let the type checker prove that it is a Link."""
    return link
