"""The program that ssh runs to ask something (SSH_ASKPASS): ``askpass_program QUESTION`` prints the answer.

Exit code 1: there is none.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from vm.errors import UserError
from vm.host import host

SOCKET = "SLIPWAY_ASK_SOCKET"


async def ask(socket: Path, text: str, kind: str) -> str | None:
    """Hand the question over; None: it is not answered.

    :raise OSError: nobody listens.    :raise UserError: another user's program does.
    """
    reader, writer = await host().connect(socket)
    try:
        writer.write(json.dumps({"text": text, "kind": kind}).encode() + b"\n")
        await writer.drain()
        answer = json.loads(await reader.readline() or b"{}").get("answer")
    finally:
        writer.close()
    return None if answer is None else str(answer)


def main() -> int:
    """Ask, and print the answer."""
    kind = os.environ.get("SSH_ASKPASS_PROMPT", "")
    try:
        answer = asyncio.run(ask(Path(os.environ.get(SOCKET, "")), " ".join(sys.argv[1:]), kind))
    except (OSError, ValueError, UserError):
        return 1
    if answer is None:
        return 1
    sys.stdout.write(f"{answer}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
