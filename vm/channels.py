"""The local channels that QEMU listens on: its monitor, and the host's ends of the guest's serial ports.

A channel is named by a path in the run folder. Where Python and QEMU both have Unix sockets, that is a socket.
Elsewhere (Windows) it is a small file with the number of a TCP port of 127.0.0.1. Every program of the computer
reaches such a port, so QEMU asks for a key there: TLS 1.3 with a pre-shared key (RFC 8446, 4.2.11; QEMU's
``tls-creds-psk``), made for each start, in a folder that only the user reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CREDENTIALS = "keys"
"""The name of QEMU's object with the key."""


def quote(value: str | Path) -> str:
    """Escape a value of a comma-separated option: QEMU reads two commas as one."""
    return str(value).replace(",", ",,")


@dataclass(frozen=True)
class Channels:
    """How one QEMU listens.

    :ivar keys: the folder of the key; None where channels are Unix sockets.
    :ivar ports: channel → its TCP port, where they are not.
    """

    keys: Path | None = None
    ports: Mapping[Path, int] = field(default_factory=dict)

    def credentials(self) -> list[str]:
        """QEMU's arguments that read the key; they go before the channels."""
        if self.keys is None:
            return []
        return ["-object", f"tls-creds-psk,id={CREDENTIALS},dir={quote(self.keys)},endpoint=server"]

    def listen(self, identity: str, channel: Path) -> list[str]:
        """QEMU's arguments for a character device that listens at ``channel`` for one client at a time."""
        if self.keys is None:
            place = f"path={quote(channel)}"
        else:
            place = f"host=127.0.0.1,port={self.ports[channel]},ipv4=on,ipv6=off,tls-creds={CREDENTIALS}"
        return ["-chardev", f"socket,id={identity},{place},server=on,wait=off"]
