"""``slipway shell`` without an ssh.exe: in a console of Windows, and with pipes, to an OpenSSH server here."""

from __future__ import annotations

import asyncio
import getpass
import shutil
from pathlib import Path

from tests.unit.sshd import running_sshd
from tests.wine.system import WineSystem
from tests.wine.windows import PYTHON
from vm.guest.keys import write_known_hosts

PIPED = """
import sys
from pathlib import Path
from vm.guest.shell import Entrance, run_shell
port, user, key, known_hosts, command = sys.argv[1:]
sys.exit(run_shell(Entrance("127.0.0.1", int(port), user, Path(key), Path(known_hosts)), command, None))
"""


NOWHERE = """
import subprocess, sys
script = (
    "import os, sys\\n"
    "from vm.host import own_terminal\\n"
    "print(os.isatty(0), os.isatty(1), own_terminal(), file=sys.stderr)\\n"
)
nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
print(subprocess.run([sys.executable, "-c", script], **nowhere, text=True, check=True).stderr)
"""


def test_the_device_nul_is_no_terminal(wine: WineSystem) -> None:
    """Windows' C library takes it for one."""
    done = wine.run([PYTHON, "-c", NOWHERE])
    assert (done.code, done.output.split()) == (0, ["True", "True", "None"]), done


async def test_a_shell(wine: WineSystem) -> None:
    """Programs in there and here share the host's network."""
    async with running_sshd() as server:
        shutil.copy(server.key, wine.drive_c / "key")
        write_known_hosts(wine.drive_c / "known_hosts", server.host_key, server.port)
        script = Path(__file__).with_name("shell_cases.py")
        shutil.copy(script, wine.drive_c / script.name)
        entrance = [str(server.port), getpass.getuser(), r"C:\key", r"C:\known_hosts"]
        done = await asyncio.to_thread(wine.run, [PYTHON, rf"C:\{script.name}", *entrance])
        assert done.code == 0, done
        command = "cat; echo err >&2; exit 7"
        piped = [PYTHON, "-c", PIPED, *entrance, command]
        done = await asyncio.to_thread(wine.run, piped, given=b"one\ntwo")
        assert (done.code, done.output, done.errors) == (7, "one\ntwo", "err\n"), done
