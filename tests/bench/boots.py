"""Cold boots, from ``slipway start`` to the first answered call, in turns with the stock machine."""

from __future__ import annotations

import time

from tests.bench import stock
from tests.bench.attempts import Say, attempt
from tests.bench.raw import Connection
from tests.bench.report import Aim, Report, Row
from tests.bench.stats import median
from tests.bench.subject import Subject

AIM = Aim(3.0, at_least=True)


def measure(subject: Subject, report: Report, repeat: int, say: Say) -> None:
    """Boot both machines ``repeat`` times each. Without the stock machine there are our figures alone.

    The subject has been started once before: its disk is made, its image and its verdict are cached. Its time is
    that of the whole command, supervisor and all; the stock machine's begins with QEMU.
    """
    argv = subject.qemu.cmdline()
    ours: list[float] = []
    theirs: list[float] = []
    images: list[stock.StockImage] = []
    attempt("boot, the stock machine's image", lambda: images.append(stock.find_or_build(argv, say)), report, say)

    def boot_stock() -> None:
        with stock.StockMachine(images[0], argv) as machine:
            theirs.append(machine.await_api())

    for number in range(repeat):
        say(f"boot {number + 1} of {repeat}: Slipway")
        subject.slipway("stop")
        began = time.monotonic()
        subject.slipway("start")
        with Connection(subject.socket) as connection:
            connection.ask("GET", "/_ping")
        ours.append(time.monotonic() - began)
        subject.slipway("stop")
        if images:
            say(f"boot {number + 1} of {repeat}: stock Debian")
            attempt(f"boot {number + 1} of stock Debian", boot_stock, report, say, tries=3)
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
            median(theirs) if theirs else None,
            "Debian with systemd" if theirs else "",
            AIM,
            inverse=True,
            our_samples=ours,
            their_samples=theirs,
        )
    )
