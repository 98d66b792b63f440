"""The wire probes: pass on our socket, and fail behind proxies that are broken on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import broken_proxies, wire

pytestmark = pytest.mark.machine


@pytest.mark.parametrize("probe", wire.PROBES, ids=lambda probe: probe.__name__)
def test_wire(probe: wire.Probe, docker_socket: Path, busybox: str) -> None:
    probe(wire.Api(docker_socket), busybox)


@pytest.mark.parametrize(
    ("flaw", "probe"),
    [
        (broken_proxies.closes_both_ways_at_the_first_end, wire.half_close_ends_stdin_only),
        (broken_proxies.closes_both_ways_at_the_first_end, wire.open_stdin_stays_open),
        (broken_proxies.forwards_no_end, wire.half_close_ends_stdin_only),
        (broken_proxies.forwards_no_end, wire.open_stdin_stays_open),
        (broken_proxies.invents_an_end_after_a_second_of_silence, wire.open_stdin_stays_open),
        (broken_proxies.takes_turns, wire.exec_with_a_terminal_resizes),
        (broken_proxies.takes_turns, wire.websocket_attach),
        (broken_proxies.takes_turns, wire.events_arrive_while_the_stream_is_open),
    ],
    ids=lambda value: value.__name__,
)
def test_the_probes_can_fail(
    flaw: broken_proxies.Flaw, probe: wire.Probe, docker_socket: Path, busybox: str
) -> None:
    """Behind each of these proxies the engine works for most purposes; the probe must see what does not."""
    with broken_proxies.broken_proxy(flaw, docker_socket) as bad:
        wire.Api(bad, patience=15).ping()
        with pytest.raises((AssertionError, TimeoutError, OSError)):
            probe(wire.Api(bad, patience=15), busybox)
