"""A corporate network on the host's loopback: name servers, and a proxy that records the requests it gets."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.message
import dns.rcode
import dns.rrset


@contextmanager
def name_server(address: str, records: Mapping[tuple[str, str], str]) -> Iterator[None]:
    """Answer on UDP port 53 of a loopback address; ``records``: (name, type) → value. Needs an administrator."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        server.settimeout(0.1)
        ended = threading.Event()
        thread = threading.Thread(target=_serve_names, args=(server, records, ended))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(10)


def _serve_names(server: socket.socket, records: Mapping[tuple[str, str], str], ended: threading.Event) -> None:
    names = {name for name, _ in records}
    while not ended.is_set():
        try:
            data, where = server.recvfrom(4096)
        except TimeoutError:
            continue
        query = dns.message.from_wire(data)
        asked = query.question[0]
        name, kind = asked.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(asked.rdtype)
        reply = dns.message.make_response(query, recursion_available=True)
        if (value := records.get((name, kind))) is not None:
            reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, value))
        elif name not in names:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        server.sendto(reply.to_wire(), where)


@dataclass
class Proxy:
    """A running proxy. :ivar asked: the first line of each request."""

    port: int
    asked: list[str] = field(default_factory=list)


@contextmanager
def http_proxy() -> Iterator[Proxy]:
    """An HTTP proxy (absolute addresses, and CONNECT) that resolves every name to the host."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        proxy, ended = Proxy(server.getsockname()[1]), threading.Event()

        def accept() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    client, _ = server.accept()
                    threading.Thread(target=_carry, args=(client, proxy), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield proxy
        finally:
            ended.set()
            thread.join(10)


def _carry(client: socket.socket, proxy: Proxy) -> None:
    with client, contextlib.suppress(OSError):
        client.settimeout(30)
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65536)
            if not data:
                return
            head += data
        line = head.split(b"\r\n", 1)[0].decode()
        proxy.asked.append(line)
        method, target, _ = line.split(" ")
        place = target.partition("://")[2].partition("/")[0] if "://" in target else target
        with socket.create_connection(("127.0.0.1", int(place.partition(":")[2] or 80)), 30) as upstream:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:  # one request for each connection keeps it simple
                path = "/" + target.partition("://")[2].partition("/")[2]
                head = head.replace(target.encode(), path.encode(), 1)
                upstream.sendall(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
            _copy(client, upstream)


def _copy(one: socket.socket, other: socket.socket) -> None:
    peers = {one: other, other: one}
    while peers:
        ready, _, _ = select.select(list(peers), [], [], 60)
        if not ready:
            return
        for source in ready:
            data = source.recv(65536)
            if data:
                peers[source].sendall(data)
            else:
                return
