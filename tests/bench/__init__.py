"""``python3 -m tests.bench``: Slipway's machine beside its peers, measured in one run, with ratios.

    command.py       the command line: makes the subject, runs the parts, prints the table, writes JSON, cleans up
    report.py        rows, aims, ratios, the table and the JSON
    sizes.py         how much each part does, fully and for a test
    smoke.py         runs it quickly, for tests that it works
    attempts.py      what fails is tried again, then costs its own rows only
    stats.py         median, percentiles, spread
    subject.py       Slipway in a home of its own, driven by its command line as a user would
    stock.py         the peer for boots: Debian with systemd and the same engine, on the same QEMU
    stock.toml       what that machine is made of; stock_files/ its files; *.sh the steps that need a shell
    openssh.py       the peer for ways in: OpenSSH's ``-L`` to the same machine
    raw.py           HTTP to a Docker socket, as plain as can be, so that the way is measured and not the client
    boots.py ways.py idle.py    the three parts that need a machine
    kubernetes.py    the part for Kubernetes, beside the same cluster outside of the machine
    windows.py       the part for Windows, run by Wine: pipes beside Unix sockets; pipe_probe.py runs in both
    window.py        the part for the window, on the stand-in; window_probe.py runs in the window's process

Absolute figures depend on the computer and on what else it does; the ratios are of one run, taken in turns.
"""
