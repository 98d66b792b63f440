"""Archives whose bytes depend on nothing but the files' names, contents and permission to execute.

tar and ar are written here; xz compresses in blocks, the same bytes for any number of threads above one.
"""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from installers.checkout.console import StepError
from installers.checkout.system import find_program

COMPRESS = ("-6", "--threads=2", "--block-size=32MiB", "--check=crc32")
AR_MAGIC = b"!<arch>\n"


def write_tar(folder: Path, target: Path, root: str, epoch: int) -> None:
    """Write a tar file, compressed by xz, of all that is in ``folder``; it belongs to root.

    :param root: what ``folder`` is called in it.
    :param epoch: the time of every file, in seconds since 1970.
    :raise StepError: xz is missing or has failed.
    """
    with compressed(target) as stream, tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        for path in (folder, *sorted(folder.rglob("*"))):
            name = root if path == folder else f"{root}/{path.relative_to(folder).as_posix()}"
            info = tar.gettarinfo(path, name)
            info.uid = info.gid = 0
            info.uname = info.gname = "root"
            info.mtime = epoch
            info.mode = 0o755 if info.isdir() or info.mode & 0o111 else 0o644
            if info.isfile():
                with path.open("rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)


@contextmanager
def compressed(target: Path) -> Iterator[IO[bytes]]:
    """What is written here goes to the file ``target``, compressed.

    :raise StepError: xz is missing or has failed.
    """
    xz = find_program("xz")
    if xz is None:
        raise StepError("Missing: xz\n  sudo apt-get install xz-utils")
    with target.open("wb") as file:
        process = subprocess.Popen([xz, *COMPRESS], stdin=subprocess.PIPE, stdout=file)
        assert process.stdin is not None
        try:
            yield process.stdin
        finally:
            process.stdin.close()
            code = process.wait()
    if code != 0:
        raise StepError(f"xz has failed with exit code {code}")


def write_ar(target: Path, members: Mapping[str, Path], epoch: int) -> None:
    """Write an ar file, of ``members`` by their names there, in this order (deb(5))."""
    with target.open("wb") as stream:
        stream.write(AR_MAGIC)
        for name, path in members.items():
            content = path.read_bytes()
            head = f"{name:<16}{epoch:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n"
            stream.write(head.encode("ascii") + content + b"\n" * (len(content) % 2))
