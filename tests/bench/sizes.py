"""How much each part of the benchmark does: enough for steady figures, or just enough to see that it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Numbers of rounds, calls and files; the defaults give figures worth comparing.

    :ivar boots: of each machine.
    :ivar calls: API calls of each kind on each way, in blocks of ``block``; ``image_mib`` is the size of the image
        that is saved and loaded ``image_rounds`` times.
    :ivar port_mib: of one transfer; each of the parts of ``ports`` is done ``port_rounds`` times, with
        ``round_trips`` on one connection, ``connections`` in turn, and ``bursts`` of several at once.
    :ivar megabytes, files, tree: of the large file, of the small files, of the repository.
    :ivar changes: of each kind; ``many`` files are made at once.
    :ivar settle, watch: seconds before and while an idle machine is watched.
    :ivar paints: of each window; ``window_pace`` shortens what the window is watched for (1 is all of it).
    """

    boots: int = 3
    calls: int = 200
    block: int = 20
    image_mib: int = 128
    image_rounds: int = 2
    port_mib: int = 64
    port_rounds: int = 3
    round_trips: int = 66
    connections: int = 60
    bursts: int = 10
    megabytes: int = 64
    files: int = 10_000
    tree: int = 10_000
    changes: int = 100
    many: int = 2000
    settle: float = 20.0
    watch: float = 60.0
    paints: int = 7
    window_pace: float = 1.0


FULL = Sizes()

QUICK = Sizes(
    boots=1,
    calls=4,
    block=2,
    image_mib=2,
    image_rounds=1,
    port_mib=1,
    port_rounds=1,
    round_trips=3,
    connections=3,
    bursts=1,
    megabytes=1,
    files=20,
    tree=50,
    changes=2,
    many=50,
    settle=0.1,
    watch=1.0,
    paints=1,
    window_pace=0.04,
)
"""For a test that every part works; its figures say nothing."""
