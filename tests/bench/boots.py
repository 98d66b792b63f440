"""Cold boots, from ``slipway start`` to the first answered call, in turns with the stock machine."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.bench import stock
from tests.bench.raw import Connection
from tests.bench.report import Aim, Report, Row
from tests.bench.stats import median
from tests.bench.subject import Subject

AIM = Aim(3.0, at_least=True)


def measure(subject: Subject, report: Report, repeat: int, say: Callable[[str], None]) -> None:
    """Boot both machines ``repeat`` times each.

    The subject has been started once before: its disk is made, its image and its verdict are cached. Its time is
    that of the whole command, supervisor and all; the stock machine's begins with QEMU.
    """
    argv = subject.qemu.cmdline()
    image = stock.find_or_build(argv, say)
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(repeat):
        say(f"boot {number + 1} of {repeat}: Slipway")
        subject.slipway("stop")
        began = time.monotonic()
        subject.slipway("start")
        with Connection(subject.socket) as connection:
            connection.ask("GET", "/_ping")
        ours.append(time.monotonic() - began)
        subject.slipway("stop")
        say(f"boot {number + 1} of {repeat}: stock Debian")
        with stock.StockMachine(image, argv) as machine:
            theirs.append(machine.await_api())
    subject.slipway("start")
    boots = subject.status()["boots"][-repeat - 1 : -1]
    middle = sorted(boots, key=lambda boot: boot["total"])[len(boots) // 2]
    report.waterfall = [(stage["name"], stage["seconds"], stage["took"]) for stage in middle["stages"]]
    report.rows.append(
        Row(
            "boot",
            "cold boot to API",
            "s",
            median(ours),
            median(theirs),
            "Debian with systemd",
            AIM,
            inverse=True,
            our_samples=ours,
            their_samples=theirs,
        )
    )
