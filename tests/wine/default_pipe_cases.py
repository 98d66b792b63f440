r"""``\\.\pipe\docker_engine``, which all engines of a computer share: run by Windows' Python (case_runner.py)."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

from desktop.settings.schema import Settings
from desktop.supervisor import default_socket
from desktop.supervisor.default_socket import DefaultSocket
from desktop.supervisor.lifecycle.phase import Phase
from desktop.supervisor.notifier import Notifier
from desktop.supervisor.warnings import Warnings
from tests.wine.pipe_socket import PipeSocket, eventually
from tests.wine.pipe_stage import OK, PING, Stage, exactly
from vm.host import host, pipe_in_use
from vm.host.paths import docker_address

assert sys.platform == "win32"

from vm.host import pipes  # noqa: E402 - the line above narrows types

PATH = host().default_docker_socket
ADDRESS = "npipe:////./pipe/docker_engine"


class Kit:
    """What decides whether the name is taken."""

    def __init__(self, stage: Stage) -> None:
        self._loop = stage.loop
        self.phase = Phase.STOPPED
        self.settings = Settings()
        self._notifier = Notifier()
        self.warnings = Warnings()
        self.default = DefaultSocket(
            host(), stage.endpoint, lambda: self.settings, self, self._notifier, self.warnings
        )

    def enter(self, phase: Phase) -> None:
        self.phase = phase
        self._loop.call_soon_threadsafe(self._notifier.notify)

    def switch(self, *, on: bool) -> None:
        self.settings = replace(Settings(), default_pipe=on)
        self._loop.call_soon_threadsafe(self._notifier.notify)

    def held(self) -> bool:
        return self.default.addresses() == (ADDRESS,)


@contextmanager
def following() -> Iterator[Kit]:
    with Stage() as stage:
        kit = Kit(stage)

        async def start() -> None:
            kit.default.start()

        stage.do(start())
        try:
            yield kit
        finally:
            stage.do(kit.default.close())


def ping() -> None:
    with PipeSocket(PATH) as client:
        client.sendall(PING)
        assert exactly(client, len(OK)) == OK


def test_its_address() -> None:
    assert str(PATH) == r"\\.\pipe\docker_engine"
    assert docker_address(PATH) == ADDRESS
    assert host().offers_default_docker_socket


def test_it_is_taken_and_given_back_to_the_last_instance() -> None:
    with following() as kit:
        assert not pipe_in_use(PATH)
        kit.enter(Phase.STARTING)
        eventually(kit.held)
        ping()
        with PipeSocket(PATH) as kept:
            kit.enter(Phase.STOPPING)
            eventually(lambda: not pipe_in_use(PATH))
            assert kept.recv(1) == b""
        with closing(pipes.make_instance(PATH, first=True)):
            pass
        kit.enter(Phase.RUNNING)
        eventually(kit.held)
        kit.switch(on=False)
        eventually(lambda: not pipe_in_use(PATH))
        kit.switch(on=True)
        eventually(kit.held)
    assert not pipe_in_use(PATH)


def test_another_program_has_it() -> None:
    with mock.patch.object(default_socket, "TRY_SECONDS", 0.1), following() as kit:
        with closing(pipes.make_instance(PATH, first=True)):
            kit.enter(Phase.RUNNING)
            eventually(lambda: bool(kit.warnings.list()))
            (warning,) = kit.warnings.list()
            words = r"Docker's default pipe \S+ is used by python\.exe \(process \d+\)"
            assert re.fullmatch(words, warning.message), warning
            assert not kit.held()
        eventually(kit.held)
        assert not kit.warnings.list()
        ping()


def test_another_program_asks_for_it_while_it_is_ours() -> None:
    with following() as kit:
        kit.enter(Phase.RUNNING)
        eventually(kit.held)
        try:
            pipes.make_instance(Path(PATH), first=True)
        except PermissionError:
            ping()
        else:
            raise AssertionError("a second server of the same name")


def test_diagnosis_of_who_listens_without_instances_to_spare() -> None:
    """It cannot be asked, and is a program all the same."""
    with closing(pipes.make_instance(PATH, first=True)), PipeSocket(PATH), following() as kit:
        kit.enter(Phase.RUNNING)
        eventually(lambda: bool(kit.warnings.list()))
        assert kit.warnings.list()[0].message.endswith("is used by another program")


def test_an_engine_that_answers_there_is_the_user_s() -> None:
    """The trial of contexts asks it, whosever it is."""
    from engine.context_trial import answers

    assert not asyncio.run(answers(ADDRESS))
    with following() as kit:
        kit.enter(Phase.RUNNING)
        eventually(kit.held)
        assert asyncio.run(answers(ADDRESS))
