"""What ssh asks, passed on to whoever may answer: passwords, passphrases, and whether an unknown computer is
trusted.

ssh has no terminal here. It runs the program that SSH_ASKPASS names (ssh(1)), which is ours (askpass_program.py):
it hands the question over a local socket of this user's, and prints the answer. Answers are kept nowhere.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import list2cmdline

from vm.errors import UserError
from vm.files import write_atomically
from vm.host.paths import PIPES
from vm.host.programs import installation, program

SOCKET = "SLIPWAY_ASK_SOCKET"
"""The variable that tells our program where to ask."""

CONFIRM = re.compile(r"\(yes/no(?P<key>/\[fingerprint\])?\)")
"""What ssh writes where it takes ``yes`` or ``no``; of a host's key also its fingerprint (OpenSSH,
sshconnect.c).
"""

FINGERPRINT = re.compile(r"\b(?:SHA256:[A-Za-z0-9+/]+=*|MD5(?::[0-9a-f]{2}){16})")
LONGEST = 64 * 1024


@dataclass(frozen=True)
class Question:
    """One thing that ssh asks.

    :ivar text: as ssh has it.    :ivar confirm: the answer is ``yes`` or ``no``; otherwise it is secret.
    :ivar host_key: it is whether to trust a computer's key.    :ivar notice: there is nothing to answer, only to
    do: to touch a hardware key.
    """

    text: str
    confirm: bool
    host_key: bool
    notice: bool

    @property
    def fingerprint(self) -> str:
        """That of the key in question, ``SHA256:…``; empty where none is."""
        found = FINGERPRINT.search(self.text)
        return found[0] if found else ""


Asker = Callable[[Question], Awaitable[str | None]]
"""Gives the answer, or None to give up."""


def question(text: str, kind: str) -> Question:
    """A question from ssh's words. :param kind: SSH_ASKPASS_PROMPT: ``confirm``, ``none`` or empty."""
    found = CONFIRM.search(text)
    host_key = found is not None and (found["key"] is not None or bool(FINGERPRINT.search(text)))
    return Question(text.strip(), kind == "confirm" or found is not None, host_key, kind == "none")


class AskpassServer:
    """Answers our program.

    :ivar asker: who is asked; None: nobody, and every question is declined.
    :ivar declined: the last question that was not answered since :meth:`reset`.
    """

    def __init__(self, folder: Path, socket: Path) -> None:
        from engine.endpoint.listener import local_listener  # with the whole endpoint; few engines are asked so

        self._folder, self._socket = folder, socket
        self._listener = local_listener(socket)
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = False
        self.asker: Asker | None = None
        self.declined: Question | None = None

    def reset(self) -> None:
        """Forget what was declined: a new attempt begins."""
        self.declined = None

    async def open(self) -> dict[str, str]:
        """Listen; return the variables for ssh.

        :raise EngineError: the socket is taken.    :raise HostError: the folder cannot be used.
        :raise OSError: the folder cannot be written to.
        """
        script = self._folder / ("ask.cmd" if str(self._socket).startswith(PIPES) else "ask")
        if not self._open:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            write_atomically(script, _script(script), 0o700)
            await self._listener.start(self._protocol)
            self._open = True
        display = os.environ.get("DISPLAY") or ":0"  # before OpenSSH 8.4 without it nothing is asked
        return {"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": display} | {
            SOCKET: str(self._socket)
        }

    async def close(self) -> None:
        """Stop listening, and remove the program."""
        if self._open:
            self._open = False
            await self._listener.close()
            for task in self._tasks:
                task.cancel()

    def _protocol(self) -> asyncio.Protocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(limit=LONGEST), self._begin)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = json.loads(await reader.readline())
            answer = await self._answer(question(str(asked["text"]), str(asked["kind"])))
            writer.write(json.dumps({"answer": answer}).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError, KeyError, UserError):
            return  # ssh has given up, or it was not our program
        finally:
            writer.close()

    async def _answer(self, asked: Question) -> str | None:
        answer = await self.asker(asked) if self.asker is not None else None
        if asked.notice:
            return ""
        if answer is None:
            self.declined = asked
        return answer


def _script(path: Path) -> bytes:
    argv = program("engine.remote.askpass_program")
    if path.suffix:
        return f"@{list2cmdline(argv)} %*\r\n".encode()
    return f'#!/bin/sh\ncd {shlex.quote(str(installation()))} || exit 1\nexec {shlex.join(argv)} "$@"\n'.encode()
