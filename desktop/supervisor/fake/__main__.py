"""The stand-in's process: ``SLIPWAY_FAKE=running python -m desktop.supervisor.fake``."""

from __future__ import annotations

from desktop.supervisor.__main__ import main
from desktop.supervisor.fake.supervisor import FakeSupervisor

if __name__ == "__main__":
    raise SystemExit(main(FakeSupervisor))
