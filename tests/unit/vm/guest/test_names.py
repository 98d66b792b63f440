"""The machine's name server and its host: who is asked, what is believed, and what happens while one is away."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest

from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.guest_program import compile_guest_program
from vm.errors import LinkError
from vm.guest import names as relay
from vm.guest.names import Names
from vm.guest.stream import Stream
from vm.host.common import name_servers
from vm.host.macos import resolvers
from vm.host.names import NO_DATA, NoSuchName, Resolver

ADDRESS, FALLBACK = "127.0.53.1", "127.0.53.2"
SECONDS = 20.0

Answer = Callable[[dns.message.Message], bytes | None]


def reply(query: dns.message.Message, *records: str, code: int = 0) -> bytes:
    """An answer with records like ``A 192.0.2.1`` for the name that was asked."""
    made = dns.message.make_response(query, recursion_available=True)
    made.set_rcode(dns.rcode.Rcode(code))
    for record in records:
        kind, _, value = record.partition(" ")
        made.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, value))
    return made.to_wire(max_size=65535)


@asynccontextmanager
async def server(address: str, port: int, answer: Answer) -> AsyncIterator[list[dns.message.Message]]:
    """A name server for UDP; yields what it was asked."""
    asked: list[dns.message.Message] = []

    class Protocol(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.DatagramTransport", transport)

        def datagram_received(self, data: bytes, where: tuple[str, int]) -> None:
            query = dns.message.from_wire(data)
            asked.append(query)
            told = answer(query)
            if told is not None:
                self.transport.sendto(told, where)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Protocol, (address, port))
    try:
        yield asked
    finally:
        transport.close()


def free_udp_port(address: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


# -- the host's resolver -----------------------------------------------------------------------------------------


def lookup(name: str, family: socket.AddressFamily) -> list[str]:
    """A system that knows one name, which has no IPv6 address."""
    if name != "known.example":
        raise NoSuchName(name)
    return ["192.0.2.7"] if family == socket.AF_INET else []


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    made = Resolver(lambda name: (FALLBACK,), lookup, port=free_udp_port(FALLBACK))
    yield made
    made.close()


async def ask(resolver: Resolver, name: str, kind: str) -> dns.message.Message:
    answer = await resolver.answer(dns.message.make_query(name, kind, id=77).to_wire())
    assert answer is not None
    told = dns.message.from_wire(answer)
    assert told.id == 77
    assert told.flags & dns.flags.RA
    return told


def values(message: dns.message.Message) -> list[str]:
    return [record.to_text() for group in message.answer for record in group]


async def test_addresses_are_the_systems(resolver: Resolver) -> None:
    assert values(await ask(resolver, "known.example", "A")) == ["192.0.2.7"]
    told = await ask(resolver, "KNOWN.example", "A")
    assert told.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)  # as the system sees capital letters


@pytest.mark.skipif(not NO_DATA - {11004}, reason="this system has one word for both")
async def test_no_such_name_is_not_no_such_address(resolver: Resolver) -> None:
    told = await ask(resolver, "known.example", "AAAA")
    assert (told.rcode(), told.answer) == (dns.rcode.NOERROR, [])
    assert (await ask(resolver, "unknown.example", "A")).rcode() == dns.rcode.NXDOMAIN


async def test_everything_else_is_asked_of_the_systems_servers(resolver: Resolver) -> None:
    def answer(query: dns.message.Message) -> bytes:
        return reply(query, "TXT hello") if query.question[0].rdtype == dns.rdatatype.TXT else reply(query, code=3)

    async with server(FALLBACK, resolver.port, answer) as asked:
        assert values(await ask(resolver, "x.example", "TXT")) == ['"hello"']
        assert (await ask(resolver, "7.2.0.192.in-addr.arpa", "PTR")).rcode() == dns.rcode.NXDOMAIN
        assert (await ask(resolver, "10.1", "A")).rcode() == dns.rcode.NXDOMAIN  # not read as 10.0.0.1
        assert len(asked) == 3


@pytest.mark.fast_clock
async def test_a_server_that_is_gone(resolver: Resolver) -> None:
    assert (await ask(resolver, "x.example", "MX")).rcode() == dns.rcode.SERVFAIL


async def test_the_same_question_is_one_lookup() -> None:
    calls: list[str] = []

    def slow(name: str, family: socket.AddressFamily) -> list[str]:
        calls.append(name)
        release.wait(SECONDS)
        return ["192.0.2.1"]

    import threading

    release = threading.Event()
    resolver = Resolver(lambda name: (), slow)
    asking = [asyncio.create_task(ask(resolver, "slow.example", "A")) for _ in range(50)]
    while not calls:
        await asyncio.sleep(0)
    release.set()
    assert all(values(told) == ["192.0.2.1"] for told in await asyncio.gather(*asking))
    assert len(calls) == 1
    resolver.close()


async def test_what_is_no_query(resolver: Resolver) -> None:
    assert await resolver.answer(b"") is None
    refused = await resolver.answer(b"\x00\x07\x01\x00" + b"\xff" * 20)
    assert refused is not None
    assert refused[:4] == b"\x00\x07\x81\x81"


def test_servers_are_read() -> None:
    assert name_servers("# x\nnameserver 192.0.2.1\nsearch a\nnameserver\t2001:db8::1 \n") == (
        "192.0.2.1",
        "2001:db8::1",
    )
    assert name_servers("") == ("127.0.0.1",)


SCUTIL = """DNS configuration

resolver #1
  nameserver[0] : 192.0.2.1
  nameserver[1] : 192.0.2.2
  if_index : 6 (en0)

resolver #2
  domain   : corp.example
  nameserver[0] : 10.9.0.1

resolver #3
  domain   : local
  options  : mdns

DNS configuration (for scoped queries)

resolver #1
  nameserver[0] : 198.51.100.1
"""


def test_the_servers_of_a_vpn() -> None:
    assert resolvers(SCUTIL, "www.example") == ("192.0.2.1", "192.0.2.2")
    assert resolvers(SCUTIL, "git.Corp.example") == ("10.9.0.1",)
    assert resolvers(SCUTIL, "notcorp.example") == ("192.0.2.1", "192.0.2.2")


# -- the guest's program -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guest's name server, compiled for the host."""
    return compile_guest_program("dns_proxy", tmp_path_factory.mktemp("names"))


class Guest:
    """The running program, and how to ask it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.socket, self.port = folder / "s", port
        self.hosts: list[Host] = []

    async def ask(self, name: str, kind: str = "A", *, tcp: bool = False, edns: int = -1) -> dns.message.Message:
        query = dns.message.make_query(name, kind, use_edns=edns, payload=4096)
        how = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
        return await how(query, ADDRESS, SECONDS, self.port)

    async def connect(self) -> Host:
        for _ in range(1000):
            try:
                made = Host(*await asyncio.open_unix_connection(self.socket))
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(0.01)
                continue
            self.hosts.append(made)
            return made
        raise AssertionError("the program does not listen")


class Host:
    """The host's end, by hand; also a Stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def query(self) -> dns.message.Message:
        (size,) = struct.unpack(">H", await asyncio.wait_for(self.reader.readexactly(2), SECONDS))
        return dns.message.from_wire(await self.reader.readexactly(size))

    def tell(self, answer: bytes) -> None:
        self.writer.write(struct.pack(">H", len(answer)) + answer)

    async def read(self, limit: int) -> bytes:
        return await self.reader.read(limit)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def write_eof(self) -> None:
        self.writer.write_eof()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@pytest.fixture
async def guest(program: Path, tmp_path: Path) -> AsyncIterator[Guest]:
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "127.0.0.1 localhost\n10.0.2.2\thost.docker.internal gateway.docker.internal # us\n::1 ip6-localhost\n"
    )
    made = Guest(tmp_path, free_udp_port(ADDRESS))
    process = subprocess.Popen([program, ADDRESS, str(made.port), made.socket, FALLBACK, hosts])
    try:
        await (await made.connect()).close()
        yield made
        assert process.poll() is None
    finally:
        for host in made.hosts:
            await host.close()
        process.terminate()
        process.wait(SECONDS)


@pytest.mark.parametrize("tcp", [False, True])
async def test_names_of_the_host(guest: Guest, tcp: bool) -> None:
    for name in ("host.docker.internal", "Gateway.Docker.Internal"):
        told = await guest.ask(name, tcp=tcp)
        assert values(told) == ["10.0.2.2"]
        assert told.answer[0].ttl <= 60
        absent = await guest.ask(name, "AAAA", tcp=tcp)
        assert (absent.rcode(), absent.answer) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize("tcp", [False, True])
async def test_the_host_answers_in_any_order(guest: Guest, tcp: bool) -> None:
    host = await guest.connect()
    asking = [asyncio.create_task(guest.ask(f"n{number}.example", tcp=tcp)) for number in range(100)]
    queries = [await host.query() for _ in asking]
    for query in reversed(queries):
        number = query.question[0].name.to_text().split(".")[0][1:]
        host.tell(reply(query, f"A 192.0.2.{number}"))
    told = await asyncio.gather(*asking)
    assert [values(one) for one in told] == [[f"192.0.2.{number}"] for number in range(100)]
    await host.close()


async def test_only_an_answer_to_the_question_counts(guest: Guest) -> None:
    host = await guest.connect()
    asking = asyncio.create_task(guest.ask("real.example"))
    query = await host.query()
    other = dns.message.make_query("other.example", "A", id=query.id)
    wrong_number = dns.message.make_query("real.example", "A", id=(query.id + 1) % 4096)
    for false in (reply(other, "A 203.0.113.1"), reply(wrong_number, "A 203.0.113.2"), query.to_wire()):
        host.tell(false)
    host.tell(reply(query, "A 192.0.2.1"))
    assert values(await asking) == ["192.0.2.1"]
    await host.close()


async def test_a_large_answer_goes_by_tcp(guest: Guest) -> None:
    host = await guest.connect()
    records = [f"A 192.0.2.{number}" for number in range(60)]

    async def answer() -> None:
        host.tell(reply(await host.query(), *records))

    for edns, tcp, whole in ((-1, False, False), (0, False, True), (-1, True, True)):
        answering = asyncio.create_task(answer())
        told = await guest.ask("large.example", tcp=tcp, edns=edns)
        await answering
        assert bool(told.flags & dns.flags.TC) != whole
        assert len(values(told)) == (60 if whole else 0)
    await host.close()


async def test_without_a_host_another_server_is_asked(guest: Guest) -> None:
    async with server(FALLBACK, guest.port, lambda query: reply(query, "A 198.51.100.1")) as asked:
        assert values(await guest.ask("away.example")) == ["198.51.100.1"]
        assert values(await guest.ask("away.example", tcp=True)) == ["198.51.100.1"]
        host = await guest.connect()
        asking = asyncio.create_task(guest.ask("cut.example"))
        await host.query()
        await host.close()  # with the query unanswered
        assert values(await asking) == ["198.51.100.1"]
        assert len(asked) == 3
        back = await guest.connect()
        asking = asyncio.create_task(guest.ask("back.example"))
        back.tell(reply(await back.query(), "A 192.0.2.9"))
        assert values(await asking) == ["192.0.2.9"]
        assert len(asked) == 3
        await back.close()


async def test_nobody_to_ask_is_told_at_once(guest: Guest) -> None:
    began = asyncio.get_running_loop().time()
    assert (await guest.ask("x.example")).rcode() == dns.rcode.SERVFAIL
    assert asyncio.get_running_loop().time() - began < 4


async def test_an_answer_of_a_stranger_does_not_count(guest: Guest) -> None:
    def wrong(query: dns.message.Message) -> bytes:
        query.id ^= 1
        return reply(query, "A 203.0.113.66")

    async with server(FALLBACK, guest.port, wrong):
        told = await guest.ask("poison.example")
        assert (told.rcode(), told.answer) == (dns.rcode.SERVFAIL, [])


async def test_nonsense_does_not_hurt(guest: Guest) -> None:
    host = await guest.connect()
    host.writer.write(b"\xff\xff" + b"\0" * 10)
    await host.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for junk in (b"", b"\0", b"\0" * 12, b"\0\1\1\0\0\1" + b"\xc0" * 40, b"\xff" * 600):
            sender.sendto(junk, (ADDRESS, guest.port))
    reader, writer = await asyncio.open_connection(ADDRESS, guest.port)
    writer.write(b"\0\2xx")
    assert await asyncio.wait_for(reader.read(), SECONDS) == b""
    writer.close()
    assert values(await guest.ask("host.docker.internal")) == ["10.0.2.2"]


# -- both together -----------------------------------------------------------------------------------------------


class Way:
    """A carrier that leads to the program."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    async def open_unix(self, path: str) -> Stream:
        assert path == relay.SOCKET
        return await self.guest.connect()

    async def open_tcp(self, address: str, port: int) -> Stream:
        raise AssertionError

    async def open_udp(self, address: str, port: int) -> Stream:
        raise AssertionError

    async def open_accept(self, path: str) -> Stream:
        raise AssertionError("not asked for")

    async def open_exec(self, command: str) -> Stream:
        raise AssertionError


@pytest.mark.both_loops
async def test_from_one_end_to_the_other(guest: Guest, resolver: Resolver) -> None:
    names = Names(resolver)
    names.use(Way(guest))
    async with server(FALLBACK, guest.port, lambda query: reply(query, "A 198.51.100.1")):
        while values(await guest.ask("known.example")) != ["192.0.2.7"]:
            await asyncio.sleep(0.01)  # until the host has been heard
    told = await asyncio.gather(*(guest.ask("known.example", tcp=bool(n % 2)) for n in range(200)))
    assert all(values(one) == ["192.0.2.7"] for one in told)
    await names.close()


async def cut(stream: MemoryStream) -> None:
    """A guest whose streams are cut before anything is read."""
    await stream.peer.break_off(LinkError("the link broke"))


async def test_a_stream_that_is_cut_is_opened_again(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(relay, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(relay, "LONGEST_PAUSE", 0.001)
    names, carrier = Names(resolver), MemoryCarrier(cut)
    names.use(carrier)
    async with asyncio.timeout(SECONDS):
        while carrier.attempts < 3:
            await asyncio.sleep(0.001)  # until it has tried again, twice
    await names.close()
    assert "Traceback" not in caplog.text
