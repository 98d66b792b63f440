"""Names as the host resolves them, in DNS messages: for a machine whose queries its host answers.

Addresses come from the system's own resolver (``getaddrinfo``), so that the hosts file, split DNS, a VPN and mDNS
count, each as it is at that moment. What that resolver cannot be asked (MX, TXT, SRV, PTR …) goes as it is to the
name servers the system has then.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import dns.asyncquery
import dns.exception
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

log = logging.getLogger(__name__)

TTL = 5
"""Seconds an answer may be kept: the network may change at any time."""

LOOKUP_SECONDS = 12.0
"""For an answer at all; a system with one dead name server of two takes 5 s to find that out."""

SERVER_SECONDS = 4.0
"""For one name server's answer."""

LOOKUPS = 64
"""Lookups at the same time: each blocks a thread."""

FAMILIES = {dns.rdatatype.A: socket.AF_INET, dns.rdatatype.AAAA: socket.AF_INET6}
HOST_NAME = re.compile(r"(?i)[a-z0-9_-]+(\.[a-z0-9_-]+)*")
NUMBER = re.compile(r"(?i)(\d+|0x[0-9a-f]*)")
"""A last label that makes the system's resolver read a name as an address (WHATWG URL, "ends in a number")."""

NO_DATA = frozenset(
    getattr(socket, name) for name in ("EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
) | {11004}
NO_NAME = frozenset({socket.EAI_NONAME, 11001})
"""What ``getaddrinfo`` says when the name has no such address, and when there is no such name; 11004 and 11001 are
Windows' WSANO_DATA and WSAHOST_NOT_FOUND. Some systems have but one word for both."""

Lookup = Callable[[str, socket.AddressFamily], list[str]]
Servers = Callable[[str], tuple[str, ...]]


class NoSuchName(Exception):
    """The system says that there is no such name."""


def look_up(name: str, family: socket.AddressFamily) -> list[str]:
    """The addresses of a name, by the system's resolver; blocks.

    :raise NoSuchName: there is none of that name.    :raise OSError: no server answered.
    """
    try:
        found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in NO_DATA - NO_NAME:
            return []
        if error.errno in NO_NAME:
            raise NoSuchName(name) from error
        raise
    except UnicodeError as error:  # a label that Python's encoding of host names refuses
        raise NoSuchName(name) from error
    return list(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))


class Resolver:
    """Answers DNS queries; belongs to the loop that uses it.

    :param servers: the name servers the host asks about a name, found freshly, best first.
    :ivar port: where they listen.
    """

    def __init__(self, servers: Servers, lookup: Lookup = look_up, *, port: int = 53) -> None:
        self._servers = servers
        self._lookup = lookup
        self.port = port
        self._threads = ThreadPoolExecutor(LOOKUPS, "names")
        self._under_way: dict[tuple[str, socket.AddressFamily], asyncio.Future[list[str]]] = {}

    def close(self) -> None:
        """Begin no lookup any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def answer(self, wire: bytes) -> bytes | None:
        """The answer to a query, both as they go over the wire; None to what is no query. Never raises."""
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError) as error:
            log.debug("not a query: %r", error)
            return _refusal(wire)
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await self._answer(query, wire)
        except (OSError, TimeoutError, dns.exception.DNSException, ValueError, RuntimeError) as error:
            log.info("no answer for %s: %r", " ".join(map(str, query.question)), error)
            return _coded(query, dns.rcode.SERVFAIL)

    async def _answer(self, query: dns.message.Message, wire: bytes) -> bytes:
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            return _coded(query, dns.rcode.NOTIMP)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        family = FAMILIES.get(question.rdtype)
        plain = HOST_NAME.fullmatch(name) and not NUMBER.fullmatch(name.rpartition(".")[2])
        if family is None or question.rdclass != dns.rdataclass.IN or not plain:
            return await self._forward(query, name)
        try:
            addresses = await self._addresses(name, family)
        except NoSuchName:
            return _coded(query, await self._absence(query, name, family))
        reply = dns.message.make_response(query, recursion_available=True)
        if addresses:
            reply.answer.append(
                dns.rrset.from_text_list(question.name, TTL, question.rdclass, question.rdtype, addresses)
            )
        return reply.to_wire()

    async def _addresses(self, name: str, family: socket.AddressFamily) -> list[str]:
        """Ask the system; those who ask the same at the same time share one lookup."""
        key = name.lower(), family
        future = self._under_way.get(key)
        if future is None:
            future = asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, name, family)
            self._under_way[key] = future
            future.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(future)

    def _finished(self, key: tuple[str, socket.AddressFamily], done: asyncio.Future[list[str]]) -> None:
        self._under_way.pop(key, None)
        if not done.cancelled():
            done.exception()  # the caller may have given up

    async def _absence(
        self, query: dns.message.Message, name: str, family: socket.AddressFamily
    ) -> dns.rcode.Rcode:
        """Whether there is no such name, or only no such address: some systems do not distinguish these."""
        if NO_DATA - NO_NAME - {11004}:
            return dns.rcode.NXDOMAIN
        other = socket.AF_INET6 if family == socket.AF_INET else socket.AF_INET
        try:
            if await self._addresses(name, other):
                return dns.rcode.NOERROR
        except NoSuchName:
            log.debug("%s has no address of either family", name)
        try:
            told = dns.message.from_wire(await self._forward(query, name))
        except (OSError, TimeoutError, dns.exception.DNSException):
            return dns.rcode.NXDOMAIN
        return dns.rcode.NOERROR if told.rcode() == dns.rcode.NOERROR else dns.rcode.NXDOMAIN

    async def _forward(self, query: dns.message.Message, name: str) -> bytes:
        """Ask the system's name servers, one after the other; TCP where an answer does not fit.

        :raise OSError: there is none, or none answers.
        """
        failure: Exception = OSError("the host has no name server")
        for server in await asyncio.to_thread(self._servers, name):
            try:
                told, _ = await dns.asyncquery.udp_with_fallback(query, server, SERVER_SECONDS, self.port)
            except (OSError, dns.exception.DNSException) as error:
                failure = error
                continue
            if told.rcode() not in (dns.rcode.SERVFAIL, dns.rcode.REFUSED):
                return told.to_wire(max_size=65535)
            failure = OSError(f"{server} answers {dns.rcode.to_text(told.rcode())}")
        raise failure


def _coded(query: dns.message.Message, code: dns.rcode.Rcode) -> bytes:
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(code)
    return reply.to_wire()


def _refusal(wire: bytes) -> bytes | None:
    """An answer to what cannot be understood: its number, and FORMERR (RFC 1035 section 4.1.1)."""
    if len(wire) < 12 or wire[2] & 0x80:
        return None
    return wire[:2] + bytes([0x80 | wire[2] & 0x79, 0x80 | dns.rcode.FORMERR]) + bytes(8)
