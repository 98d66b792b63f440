"""The stand-in's files: of each container and each volume, and the archive calls that carry them.

A path leads to a file's bytes, or to the text of a symbolic link.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath

from aiohttp import web

from desktop.supervisor.fake.world import Json, Refused, Tree, World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CHANGED = 1_790_000_000


class Files:
    """``/containers/{name}/archive``."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each call."""
        return [
            ("GET", "/containers/{name}/archive", self.get),
            ("PUT", "/containers/{name}/archive", self.put),
        ]

    async def get(self, request: web.Request) -> web.Response:
        item = self.world.container(request.match_info["name"])
        path = posixpath.normpath(request.query["path"])
        files, inside = place(self.world, item, path)
        base = "." if request.query["path"].endswith("/.") else posixpath.basename(path)
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            if inside in files:
                _add(tar, base, files[inside])
            else:
                names = below(files, inside)
                if not names and inside != "/":
                    raise Refused(404, f"Could not find the file {path} in container {item['Id'][:12]}")
                folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
                for name in sorted({*names, *folders, inside}):
                    if name.startswith(inside):
                        _add(tar, posixpath.join(base, posixpath.relpath(name, inside)), files.get(name))
        return web.Response(body=stream.getvalue(), content_type="application/x-tar")

    async def put(self, request: web.Request) -> web.Response:
        item = self.world.container(request.match_info["name"])
        files, inside = place(self.world, item, request.query["path"])
        with tarfile.open(fileobj=io.BytesIO(await request.read())) as tar:
            for entry in tar:
                path = posixpath.normpath(posixpath.join(inside, entry.name))
                if entry.issym():
                    files[path] = entry.linkname
                elif (found := tar.extractfile(entry)) is not None:
                    files[path] = found.read()
        return web.Response(status=200)


def place(world: World, item: Json, path: str) -> tuple[Tree, str]:
    """The files a path of a container leads to, its own or a volume's, and the path in them."""
    for mount in item["Mounts"]:
        target = mount["Destination"]
        if mount["Type"] == "volume" and (path == target or path.startswith(target + "/")):
            return world.volume_files.setdefault(mount["Name"], {}), "/" + path[len(target) :].strip("/")
    return world.files[item["Id"]], path


def below(files: Tree, folder: str) -> list[str]:
    """The paths below a folder."""
    return sorted(name for name in files if name.startswith(folder.rstrip("/") + "/"))


def remove(world: World, item: Json, path: str) -> None:
    """Remove a file, or all that is below a folder."""
    files, inside = place(world, item, path)
    for name in [*below(files, inside), inside]:
        files.pop(name, None)


def listing(world: World, item: Json, folder: str) -> str | None:
    """What the window's own way of listing a folder prints; None when there is no such folder."""
    files, inside = place(world, item, folder)
    names = below(files, inside)
    if not names and inside != "/":
        return None
    start = len(inside.rstrip("/")) + 1
    found = {name[start:].split("/")[0]: (name, "/" in name[start:]) for name in names}
    return "".join(
        f"{_about(None if folder_inside else files[name])}|{short}\n"
        for short, (name, folder_inside) in found.items()
    )


def _about(data: bytes | str | None) -> str:
    if data is None:
        return f"directory|4096|{CHANGED}|drwxr-xr-x"
    kind, mode = ("symbolic link", "lrwxrwxrwx") if isinstance(data, str) else ("regular file", "-rw-r--r--")
    return f"{kind}|{len(data)}|{CHANGED}|{mode}"


def _add(tar: tarfile.TarFile, name: str, data: bytes | str | None) -> None:
    entry = tarfile.TarInfo(posixpath.normpath(name))
    entry.mtime = CHANGED
    if data is None:
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(entry)
    elif isinstance(data, str):
        entry.type, entry.linkname = tarfile.SYMTYPE, data
        tar.addfile(entry)
    else:
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
