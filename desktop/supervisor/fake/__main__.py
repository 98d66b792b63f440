"""The stand-in's process: ``SLIPWAY_FAKE=running python -m desktop.supervisor.fake``."""

from __future__ import annotations

from desktop.supervisor.fake.supervisor import make_fake
from desktop.supervisor.process import main

if __name__ == "__main__":
    raise SystemExit(main(make_fake))
