"""What ``dockerd --validate`` says of a daemon.json that it would not start with."""

from __future__ import annotations

import re

PREAMBLE = re.compile(r"^.*? with file .*?: (merged configuration validation .*? failed: )?")


def reason(output: str) -> str:
    """The last thing that it says, without its preamble."""
    last = output.splitlines()[-1] if output else "it does not say why"
    return PREAMBLE.sub("", last)
