"""Valid inputs of each parser in C, for the fuzzer to start from: made by the peers that the programs have."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path

import dns.message
import dns.rrset
from h2.config import H2Configuration
from h2.connection import H2Connection

from engine.folders.sftp import INODES, LSTAT, READLINK, REALPATH, RMDIR, SftpServer, text
from engine.folders.tree_posix import PosixTree
from engine.folders.wire import FRAME, HELLO, MAGIC
from vm.guest.capsules import capsule, number
from vm.host import host

PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
NANOSECONDS = 1_790_000_000 * 10**9
"""Some time of today."""


def dns_message() -> list[bytes]:
    """Queries and answers, after the number of addresses."""
    query = dns.message.make_query("Host.docker.internal", "A")
    large = dns.message.make_query("a." * 100 + "example", "AAAA", use_edns=0, payload=1232)
    answer = dns.message.make_response(query)
    answer.answer.append(dns.rrset.from_text("host.docker.internal.", 5, "IN", "A", "10.0.2.2", "10.0.2.3"))
    return [b"\x03" + message.to_wire() for message in (query, large, answer)]


def dns_peer() -> list[bytes]:
    """Messages with their lengths, after the length of the pieces. The target closes at a byte of 0xee."""
    messages = [struct.pack(">H", len(message) - 1) + message[1:] for message in dns_message()]
    closing = messages[0][:4] + b"\xee" + messages[0][5:]
    return [b"\x05" + messages[0], b"\xff" + closing * 3, b"\xff" + b"".join(messages), b"\x40" + messages[0] * 3]


def dns_hosts() -> list[bytes]:
    """A hosts file."""
    return [
        b"127.0.0.1 localhost\n10.0.2.2\thost.docker.internal gateway # here\n::1 ip6\n",
        b"10.0.2.2 host.docker.internal\n" * 20,
    ]


def datagrams() -> list[bytes]:
    """Capsules: datagrams, other types, another context, lengths in more bytes than they need."""
    one, unknown, context = capsule(b"one"), number(77) + number(3) + b"abc", b"\0" + number(2) + b"\1x"
    wide = b"\x40\x00" + b"\xc0" + (4).to_bytes(7, "big") + b"\0two"
    return [one, one + unknown + context + wide, capsule(b""), capsule(bytes(3000)), one[:-1]]


def runc_mounts() -> list[bytes]:
    """A container's configuration, a volume's options, and an escaped path."""
    mounts = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/x", "type": "bind", "source": "/home/\u00fc \U0001f433", "options": ["rbind"]},
    ]
    config = {
        "ociVersion": "1.2.0",
        "process": {"args": ["sh"], "n": -1.5e3, "t": True},
        "mounts": mounts,
        "z": None,
    }
    options = {"MountType": "none", "MountOpts": "bind", "MountDevice": "/home/x", "Quota": {"Size": 0}}
    return [json.dumps(config).encode(), json.dumps(options, ensure_ascii=False).encode(), rb"/a\040b\134"]


def session() -> list[bytes]:
    """A client's frames, after its preface: each kind of request, data, half-closes, resets."""

    def extended(protocol: str, path: str) -> list[tuple[str, str]]:
        return [(":protocol", protocol), (":scheme", "https"), (":authority", "guest"), (":path", path)]

    masque = "/.well-known/masque/udp/{}/53/"
    requests: list[list[tuple[str, str]]] = [
        [(":authority", "127.0.0.1:80")],
        [(":authority", "[fd00::1]:2")],
        [(":authority", "10.0.0.1:3")],
        extended("unix", "/run/docker.sock"),
        extended("accept", "/run/slipway/sockets/agent"),
        [*extended("exec", "/"), ("command", "true")],
        extended("connect-udp", masque.format("127.0.0.1")),
        extended("connect-udp", masque.format("fd00%3A%3A1")),
        extended("connect-udp", masque.format("%3A" * 45)),
        extended("unknown", "/"),
    ]
    return [_client(chosen) for chosen in ([[one] for one in requests] + [requests])]


def _client(requests: list[list[tuple[str, str]]]) -> bytes:
    config = H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False)
    http = H2Connection(config)
    http.initiate_connection()
    for identity, fields in zip(itertools.count(1, 2), requests):
        http.send_headers(identity, [(":method", "CONNECT"), *fields])
        http.send_data(identity, capsule(b"a datagram"))
    for identity in range(1, 2 * len(requests), 2):
        http.send_data(identity, b"more", end_stream=identity % 4 == 1)
        if identity % 4 == 3:
            http.reset_stream(identity)
    http.ping(b"12345678")
    return http.data_to_send()[PREFACE:]


def sftp_answers() -> list[bytes]:
    """Answers of the server's after the length of the pieces: its version, refusals, attributes, a long one."""
    server = SftpServer(PosixTree(Path("/"), host().open_folder))
    requests = [
        bytes([1]) + (3).to_bytes(4, "big") + text(INODES) + text(b"1"),
        bytes([RMDIR]) + bytes(4) + text(b"/.."),
        bytes([READLINK]) + bytes(4) + text(b"/"),
        bytes([LSTAT]) + bytes(4) + text(b"/"),
        bytes([REALPATH]) + bytes(4) + text(b"/a" * 1000),
    ]
    answers = [server.answer(len(request).to_bytes(4, "big") + request) for request in requests]
    return [b"\x02" + b"".join(answers), b"\xff" + b"".join(answers[1:3] * 4), *(b"\x10" + one for one in answers)]


def sftp_session() -> list[bytes]:
    """Steps: the call in the upper two bits of a byte, the number of the bytes that it takes in the others."""
    receive, send, write, connect = 0x00, 0x40, 0x80, 0xC0
    hello = bytes([receive | HELLO.size]) + HELLO.pack(MAGIC, 7, 0)
    again = bytes([receive | HELLO.size]) + HELLO.pack(MAGIC, 7, 60)
    frame = bytes([receive | (FRAME.size + 3)]) + FRAME.pack(3, 20) + b"abc"
    out = bytes([send | 3]) + b"xyz" + bytes([write | 9])
    return [hello + out + frame, out + hello + out + bytes([connect]) + again + out + frame, hello + frame * 4]


def owners() -> list[bytes]:
    """Logs: owners, moves, removals; a record that was cut off."""
    log = b"=1000 1000 37777777777\0/a/b\0=0 5 10644\0/a/fifo\0>/a\0/c/d\0=7 7 644\0/a\0-/c/d/b\0"
    return [log, log * 2, log[:-3], b">/a\0/a/b\0" + log, b"=1 1 777\0/a/b\0>/a/b\0/a\0"]


def watches() -> list[bytes]:
    """Lines of fdinfo: a FUSE file system's, another's."""
    line = b"inotify wd:1 ino:7 sdev:2a mask:2 ignored_mask:0 fhandle-bytes:c"
    handles = ((b"81", b"0123456789abcdef01234567"), (b"1", b"00" * 8))
    return [b"%s fhandle-type:%s f_handle:%s" % (line, *handle) for handle in handles] + [line]


def replay() -> list[bytes]:
    """Events of each kind, on time and late."""
    late = NANOSECONDS - 10**9
    events = [
        event("create", "dir", mode="40755"),
        event("write", "dir/file", sent=late),
        event("modify", "dir/file", sent=late),
        event("move", "dir/file", "dir/other"),
        event("delete", "dir/other", changed="0"),
        event("lease", "", size="20"),
        event("lease", "", size="0", sent=late),
        event("create", "link", mode="120777"),
        event("delete", "dir", mode="40755", sent=late),
        event("modify", "a"),
        event("modify", "old", modified="-5000000001"),
    ]
    return [*events, b"".join(events), b"".join(events * 2), events[1] + events[1][:-9]]


def event(
    kind: str,
    path: str,
    other: str = "",
    *,
    mode: str = "100644",
    size: str = "3",
    modified: str = str(NANOSECONDS),
    changed: str = str(NANOSECONDS),
    sent: int = NANOSECONDS,
) -> bytes:
    """One event of the host's."""
    fields = (kind, "/m", path, other, mode, size, modified, changed, str(sent), "1")
    return b"".join(field.encode() + b"\0" for field in fields)


def listening() -> list[bytes]:
    """Lines of the host's, a NUL byte, lines of /proc/net/tcp and udp6."""
    lines = f"+{'0a' * 32}\n+{'0b' * 32}\n-{'0a' * 32}\n".encode()
    tcp = b"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 9 1\n"
    udp = b"  1: %s:0035 %s:0000 07 00000000:00000000 00:00000000 00000000 0 0 77 2\n" % (b"0" * 32, b"0" * 32)
    many = b"".join(b"+%x\n" % number for number in range(140))
    return [lines + b"\0" + tcp + udp, lines, many, b"\0" + tcp * 3, b"\0" + tcp.replace(b"1F", b"-F")]


def publish() -> list[bytes]:
    """Arguments of docker-proxy, and an answer of the host's at their end."""
    options = {
        "-proto": "tcp",
        "-host-ip": "::",
        "-host-port": "80",
        "-container-ip": "fd00::2",
        "-container-port": "8",
    }
    words = ["docker-proxy", *itertools.chain(*options.items()), "-use-listen-fd"]
    arguments = b"".join(word.encode() + b"\0" for word in words)
    return [arguments + answer for answer in (b"ok\n\0", b"port 80 is taken by nginx\n\0", b"\0")]
