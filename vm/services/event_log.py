"""Windows' event log, as far as one source has written to it; read by ``wevtutil``, which every user may run.

Moby's dockerd writes there when it runs as a service: the message, and behind it its fields in a second string
(``cmd/dockerd/service_windows.go``). Both are in the events themselves. So they are read as XML, whose names are
the same in every language of Windows, and without the program that has texts for them.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from xml.etree import ElementTree

from vm.errors import HostError
from vm.host.programs import NO_WINDOW

LOG = "Application"
NAMESPACE = "{http://schemas.microsoft.com/win/2004/08/events/event}"
LEVELS = {"1": "fatal", "2": "error", "3": "warning", "5": "debug"}
"""Of an event (winmeta.xml), as dockerd calls them; all others are information."""

SECONDS = 20.0
"""For ``wevtutil`` to answer."""

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What an event may have and XML may not (XML 1.0, 2.2)."""


@dataclass(frozen=True)
class LoggedEvent:
    """One event.

    :ivar number: of the record, which grows with each event of the log.
    :ivar time: in UTC (ISO 8601).    :ivar message: what the program has written.
    """

    number: int
    time: str
    level: str
    message: str

    def __str__(self) -> str:
        return f"{self.time} {self.level:<7} {self.message}"


def read_events(source: str, after: int = 0, newest: int = 2000) -> list[LoggedEvent]:
    """The newest events of a source, in the order in which they were written. Blocks.

    :param source: a provider of events, which for a service is its name.
    :param after: only those with a greater record number.    :param newest: at most so many.
    :raise HostError: they cannot be read.
    """
    query = f"*[System[Provider[@Name='{source}'] and EventRecordID>{after}]]"
    argv = ["wevtutil", "qe", LOG, f"/q:{query}", f"/c:{newest}", "/rd:true", "/f:xml", "/e:Events", "/uni:true"]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            creationflags=NO_WINDOW,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostError("Windows' event log cannot be read", "", repr(error)) from error
    if done.returncode != 0:
        said = _text(done.stderr) or _text(done.stdout)
        raise HostError(f"Windows' event log cannot be read (error {done.returncode})", "", said.strip())
    return parse_events(_text(done.stdout))


def parse_events(text: str) -> list[LoggedEvent]:
    """What ``wevtutil`` has printed, the newest first; returned with the oldest first.

    :raise HostError: it cannot be understood.
    """
    if not text.strip():
        return []
    try:
        found = ElementTree.fromstring(_NOT_XML.sub("\ufffd", text.lstrip("\ufeff")))
        return [_event(element) for element in reversed(found.findall(f"{NAMESPACE}Event"))]
    except (ElementTree.ParseError, ValueError) as error:
        raise HostError("Windows' event log cannot be understood", "", f"{error!r}\n{text[:500]}") from error


def _event(element: ElementTree.Element) -> LoggedEvent:
    system = f"{NAMESPACE}System/{NAMESPACE}"
    created = element.find(f"{system}TimeCreated")
    time = created.get("SystemTime", "") if created is not None else ""
    parts = [part.text or "" for part in element.findall(f"{NAMESPACE}EventData/{NAMESPACE}Data")]
    return LoggedEvent(
        int(element.findtext(f"{system}EventRecordID", "")),
        f"{time[:23]}Z" if len(time) > 23 else time,
        LEVELS.get(element.findtext(f"{system}Level", ""), "info"),
        " ".join(" ".join(filter(None, parts)).split()),
    )


def _text(output: bytes) -> str:
    """UTF-16 as ``/uni`` has it; what a program prints before it heeds that is of one byte for each letter."""
    if output.startswith(b"\xff\xfe") or output[1:2] == b"\0":
        return output.decode("utf-16-le", "replace")
    return output.decode(errors="replace")
