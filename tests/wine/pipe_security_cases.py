"""Who may open our pipes, who may make them, what their servers may do: run by Windows' Python (case_runner.py).

Wine 10 has one user and does not enforce access lists: what is tried here is what we ask Windows for.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import re
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from engine.endpoint.listener import local_listener
from tests.wine.pipe_socket import PipeSocket, eventually
from tests.wine.pipe_stage import OK, PING, Stage, exactly
from vm.errors import EngineError, HostError
from vm.host import host, pipe_in_use, pipe_owner

assert sys.platform == "win32"

from vm.host import pipe_client, pipes, windows_security  # noqa: E402 - the line above narrows types

IS_WINE = hasattr(ctypes.CDLL("ntdll"), "wine_get_version")
KERNEL_OBJECT, DACL = 6, 4
IDENTIFICATION = 1
"""SecurityIdentification (winnt.h): the server may learn who its client is, and do nothing in its name."""

advapi, kernel = ctypes.WinDLL("advapi32", use_last_error=True), ctypes.WinDLL("kernel32", use_last_error=True)


E = TypeVar("E", bound=BaseException)


def error_of(kind: type[E], act: Callable[[], object]) -> E:
    """The error that this raises."""
    try:
        act()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def access_list(handle: int) -> str:
    """The access list of a pipe, in SDDL."""
    made, text = ctypes.c_void_p(), ctypes.c_wchar_p()
    nothing = [None] * 4
    error = advapi.GetSecurityInfo(ctypes.c_void_p(handle), KERNEL_OBJECT, DACL, *nothing, ctypes.byref(made))
    assert error == 0, error
    convert = advapi.ConvertSecurityDescriptorToStringSecurityDescriptorW
    assert convert(made, 1, DACL, ctypes.byref(text), None)
    return str(text.value)


def test_only_the_user_the_system_and_administrators() -> None:
    """Of a server's end and of a client's; that the list is the one for pipes, and not Windows' own."""
    user = windows_security.user_sid()
    with Stage() as stage, stage.client() as client:
        client.sendall(PING)
        exactly(client, len(OK))
        listed = access_list(client.handle)
        assert windows_security.only_ours(listed, user), listed
        who = {entry.split(";")[5] for entry in re.findall(r"\(([^)]*)\)", listed)}
        assert who == {"SY", "BA", user}, listed
        assert windows_security.owner_sid(client.handle) == user


def test_the_check_of_access_lists_can_fail() -> None:
    """A pipe as asyncio makes it: everybody may read it."""
    path = Path(r"\\.\pipe\slipway_case_default")

    async def listed() -> str:
        loop: Any = asyncio.get_running_loop()
        (server,) = await loop.start_serving_pipe(asyncio.Protocol, str(path))
        try:
            with PipeSocket(path) as client:
                return access_list(client.handle)
        finally:
            server.close()

    found = asyncio.run(listed())
    assert not windows_security.only_ours(found, windows_security.user_sid()), found


def test_clients_of_the_network_are_refused() -> None:
    """Wine keeps no such flag that could be read back: it is asked for."""
    asked = []
    create = pipes._kernel.CreateNamedPipeW  # noqa: SLF001 - the call itself is what is looked at

    def note(name: str, access: int, mode: int, *rest: Any) -> int:
        asked.append((access, mode))
        made: int = create(name, access, mode, *rest)
        return made

    with mock.patch.object(pipes._kernel, "CreateNamedPipeW", note), Stage():  # noqa: SLF001 - the same
        pass
    assert len(asked) == pipes.WAITING
    assert all(mode & 0x8 and mode & 0x4 for _, mode in asked), "PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_MESSAGE"
    assert [bool(access & 0x00080000) for access, _ in asked] == [True] + [False] * (pipes.WAITING - 1)


def test_a_name_belongs_to_its_first_server() -> None:
    with Stage() as stage:
        error = error_of(PermissionError, lambda: pipes.make_instance(stage.path, first=True))
        assert error.errno == errno.EACCES
        told = error_of(EngineError, lambda: listen(stage.path)).message
        assert re.fullmatch(r"Another program already listens at \S+: python\.exe \(process \d+\)", told), told
        stage.ping()
    with closing(pipes.make_instance(stage.path, first=True)):
        pass


def listen(path: Path) -> None:
    asyncio.run(local_listener(path).start(asyncio.Protocol))


def test_a_name_is_free_again_after_its_last_connection() -> None:
    with Stage() as stage:
        second = Path(f"{stage.path}_second")
        listener = local_listener(second)
        assert not pipe_in_use(second)
        stage.do(stage.endpoint.listen_also(listener))
        assert pipe_in_use(second)
        assert re.fullmatch(r"python\.exe \(process \d+\)", pipe_owner(second)), pipe_owner(second)
        with PipeSocket(second) as client:
            client.sendall(PING)
            assert exactly(client, len(OK)) == OK
            stage.do(stage.endpoint.listen_no_more(listener))
            assert client.recv(1) == b""
            assert not pipe_in_use(second)
        stage.ping()
        assert pipe_owner(second) == ""


def level_of_the_client(open_client: Any) -> int:
    """What the server of a pipe may do in the name of a client (SECURITY_IMPERSONATION_LEVEL)."""
    path = Path(r"\\.\pipe\slipway_case_level")
    with closing(pipes.make_instance(path, first=True)) as server:
        client = open_client(path)
        try:
            assert advapi.ImpersonateNamedPipeClient(ctypes.c_void_p(server.handle)), ctypes.get_last_error()
            token, level, size = ctypes.c_void_p(), ctypes.c_int(-1), ctypes.c_ulong()
            try:
                thread = ctypes.c_void_p(-2)
                assert advapi.OpenThreadToken(thread, 0x8, True, ctypes.byref(token)), ctypes.get_last_error()
            finally:
                advapi.RevertToSelf()
            assert advapi.GetTokenInformation(token, 9, ctypes.byref(level), 4, ctypes.byref(size))
            kernel.CloseHandle(token)
            return level.value
        finally:
            client.close()


def test_a_server_may_not_act_as_the_user() -> None:
    """Wine lets every server act as its client: there it is only asked for."""
    asked = []
    create = pipe_client._kernel.CreateFileW  # noqa: SLF001 - the call itself is what is looked at

    def note(*arguments: Any) -> int:
        asked.append(arguments[5])
        made: int = create(*arguments)
        return made

    with mock.patch.object(pipe_client._kernel, "CreateFileW", note):  # noqa: SLF001 - the same
        level = level_of_the_client(pipe_client.open_pipe)
    assert [flags & 0x00130000 for flags in asked] == [0x00110000], (
        "SECURITY_SQOS_PRESENT, SECURITY_IDENTIFICATION"
    )
    if not IS_WINE:
        assert level == IDENTIFICATION
        assert level_of_the_client(PipeSocket) > IDENTIFICATION, "this check sees no difference"


def test_a_server_of_another_user_gets_nothing() -> None:
    """It is named, before anything was sent; where anybody's may answer, it is asked."""
    other = "S-1-5-21-1-2-3-1001"

    async def exchange(path: Path, *, of_anyone: bool) -> bytes:
        reader, writer = await host().connect(path, of_anyone=of_anyone)
        writer.write(PING)
        data = await reader.readexactly(len(OK))
        writer.close()
        return data

    with Stage() as stage:
        assert asyncio.run(exchange(stage.path, of_anyone=False)) == OK
        opened = stage.route.opened
        denied = mock.Mock(side_effect=OSError(errno.EACCES, "Access denied"))
        with mock.patch.multiple(pipe_client, process_sid=denied):  # our own, run as an administrator
            assert asyncio.run(exchange(stage.path, of_anyone=False)) == OK
            opened += 1
        for found, why in (
            (mock.Mock(return_value=other), "it belongs to another user"),
            (denied, "cannot be found out (Access denied)"),
        ):
            with mock.patch.multiple(pipe_client, process_sid=found, owner_sid=mock.Mock(return_value=other)):
                told = error_of(HostError, lambda: asyncio.run(exchange(stage.path, of_anyone=False))).message
                assert re.search(r"pipe \S+: python\.exe \(process \d+\); ", told), told
                assert why in told, told
                assert asyncio.run(exchange(stage.path, of_anyone=True)) == OK
                opened += 1
        eventually(stage.is_clean)
        assert stage.engine.pings == opened


def test_our_clients_wait_for_an_instance() -> None:
    path = Path(r"\\.\pipe\slipway_case_busy")

    async def wait() -> None:
        with closing(pipes.make_instance(path, first=True)), closing(pipe_client.open_pipe(path)):
            waiting = asyncio.create_task(host().connect(path))
            await asyncio.sleep(0.6)
            assert not waiting.done(), waiting
            with closing(pipes.make_instance(path, first=False)):
                _, writer = await asyncio.wait_for(waiting, 10)
                writer.close()
            with mock.patch.object(pipe_client, "BUSY_SECONDS", 0.1):
                await host().connect(path)

    error_of(TimeoutError, lambda: asyncio.run(wait()))


def test_no_server_at_all() -> None:
    nowhere = host().connect(Path(r"\\.\pipe\slipway_case_none"))
    error_of(FileNotFoundError, lambda: asyncio.run(nowhere))


def test_a_lack_of_memory_passes() -> None:
    """An instance that cannot be made for a while costs its place only for so long."""
    make, failures = pipes.make_instance, list[Path]()

    def fail(path: Path, *, first: bool) -> Any:
        if len(failures) < pipes.WAITING - 2:  # without any instance the name is gone
            failures.append(path)
            raise OSError(errno.ENOMEM, "no room")
        return make(path, first=first)

    with Stage() as stage:
        with mock.patch.multiple(pipes, make_instance=fail, RETRY_SECONDS=0.05):
            for _ in range(3 * pipes.WAITING):
                stage.ping()
            assert len(failures) == pipes.WAITING - 2
        for _ in range(pipes.WAITING):
            stage.ping()
