"""Where images come from: a bundle, a real web server on loopback, or a build; and what is not taken."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vm.errors import HostError, ImageError
from vm.image import source
from vm.image.download import SUMS, download, read_pins, require_trust
from vm.image.recipe import ENGINE_ROOTFS, load_recipe
from vm.image.source import Builder, Folder, Origin, obtain, sources
from vm.image.store import FILES, MANIFEST, ImageInfo, ImageStore
from vm.spec import Arch

ABOUT = {"created_by": "test", "packages": {"docker.io": "28.5"}, "tools": {"gcc": "12"}}
VERSION = load_recipe(ENGINE_ROOTFS).version(Arch.AMD64)


async def put(store: ImageStore, version: str = VERSION, arch: Arch = Arch.AMD64) -> ImageInfo:
    async with store.building(version) as work:
        made = work / "made"
        made.mkdir()
        for name in FILES:
            (made / name).write_bytes(name.encode() * 100_000)
        return store.add(made, version, arch, ABOUT)


@dataclass
class Web:
    """A web server for the files of one folder.

    :ivar asked: the paths it was asked for.    :ivar hold: while it is cleared, bodies are not sent to their end.
    """

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    served = Web(tmp_path / "served")
    served.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            path = served.folder / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            data = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:1000])
            served.hold.wait(20)
            self.wfile.write(data[1000:])

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_port}"
        yield served
        served.hold.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tmp_path / "bundle"


@pytest.fixture
def no_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer that cannot build."""

    async def build(*_: object, **__: object) -> ImageInfo:
        raise HostError("The program mmdebstrap is missing", "Build it on Debian.")

    monkeypatch.setattr(source, "build", build)


def quiet(text: str, fraction: float | None) -> None:
    """Ignore the progress."""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def leftovers(store: ImageStore) -> list[str]:
    return [path.name for path in store.folder.iterdir() if not path.name.endswith(".lock")]


@pytest.mark.usefixtures("no_builds")
async def test_each_source_in_its_turn(store: ImageStore, bundle: Path, web: Web) -> None:
    asked = sources(store, ENGINE_ROOTFS, url=web.url, bundle=bundle)
    assert [one.origin for one in asked] == [Origin.KEPT, Origin.BUNDLED, Origin.DOWNLOADED, Origin.BUILT]
    with pytest.raises(HostError, match="mmdebstrap") as caught:
        await obtain(Arch.AMD64, ENGINE_ROOTFS, asked, quiet)
    assert "Debian" in caught.value.hint
    assert web.asked == [f"/{VERSION}/{MANIFEST}"]

    original = await put(ImageStore(web.folder))
    seen: list[float | None] = []
    found = await obtain(Arch.AMD64, ENGINE_ROOTFS, asked, lambda _, fraction: seen.append(fraction))
    assert found.origin is Origin.DOWNLOADED
    assert found.boot.root == store.folder / VERSION / "root.erofs"
    assert found.boot.root.read_bytes() == original.boot.root.read_bytes()
    info = store.verify(found.image)
    assert (info.packages, info.tools) == (ABOUT["packages"], ABOUT["tools"])
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert seen == sorted(one for one in seen if one is not None)
    assert leftovers(store) == [VERSION]

    assert (await obtain(Arch.AMD64, ENGINE_ROOTFS, asked, quiet)).origin is Origin.KEPT
    store.remove(VERSION)
    bundled = await put(ImageStore(bundle))
    found = await obtain(Arch.AMD64, ENGINE_ROOTFS, asked, quiet)
    assert (found.origin, found.image) == (Origin.BUNDLED, bundled)
    assert not (store.folder / VERSION).exists(), "a bundled image is used where it is"


@pytest.mark.usefixtures("no_builds")
async def test_a_damaged_image_is_not_passed_over(store: ImageStore, bundle: Path) -> None:
    image = await put(store)
    image.boot.root.write_bytes(b"short")
    asked = sources(store, ENGINE_ROOTFS, url="", bundle=bundle)
    with pytest.raises(ImageError, match=r"root\.erofs is damaged"):
        await obtain(Arch.AMD64, ENGINE_ROOTFS, asked, quiet)


@pytest.mark.usefixtures("no_builds")
async def test_all_reasons_are_given(store: ImageStore, bundle: Path, web: Web) -> None:
    (web.folder / VERSION).mkdir(parents=True)
    (web.folder / VERSION / MANIFEST).write_text("{")
    with pytest.raises(ImageError, match="manifest is damaged; The program mmdebstrap is missing"):
        await obtain(Arch.AMD64, ENGINE_ROOTFS, sources(store, ENGINE_ROOTFS, url=web.url, bundle=bundle), quiet)


async def test_force_asks_nobody_who_has_it_already(store: ImageStore, bundle: Path, web: Web) -> None:
    asked = sources(store, ENGINE_ROOTFS, url=web.url, bundle=bundle, force=True)
    assert [one.origin for one in asked] == [Origin.DOWNLOADED, Origin.BUILT]
    builder = asked[-1]
    assert isinstance(builder, Builder)
    assert builder.force
    assert [one.origin for one in sources(store, ENGINE_ROOTFS, url="", bundle=bundle)] == [
        *(Origin.KEPT, Origin.BUNDLED, Origin.BUILT)
    ]


async def test_the_other_architecture_in_a_bundle(store: ImageStore) -> None:
    await put(store, arch=Arch.ARM64)
    assert await Folder(store, Origin.BUNDLED).obtain(Arch.AMD64, VERSION, quiet) is None


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["flipped", "longer", "shorter", "absent"])
async def test_what_is_not_as_the_manifest_says_is_not_kept(
    store: ImageStore, web: Web, name: str, change: str
) -> None:
    await put(ImageStore(web.folder))
    path = web.folder / VERSION / name
    data = path.read_bytes()
    changed = {"flipped": b"?" + data[1:], "longer": data + b"?", "shorter": data[:-1]}
    if change == "absent":
        path.unlink()
    else:
        path.write_bytes(changed[change])
    with pytest.raises(ImageError, match=f"has no .*{name}" if change == "absent" else f"{name} is damaged"):
        await download(web.url, Arch.AMD64, VERSION, store, quiet)
    assert leftovers(store) == []


async def test_another_version_under_this_name(store: ImageStore, web: Web) -> None:
    await put(ImageStore(web.folder), "other")
    (web.folder / "other").rename(web.folder / VERSION)
    with pytest.raises(ImageError, match="a different system image") as caught:
        await download(web.url, Arch.AMD64, VERSION, store, quiet)
    assert f"other, not amd64 {VERSION}" in caught.value.detail


async def test_a_pin_is_for_one_manifest(store: ImageStore, bundle: Path, web: Web) -> None:
    await put(ImageStore(web.folder))
    manifest = web.folder / VERSION / MANIFEST
    bundle.mkdir()
    (bundle / SUMS).write_text(
        f"{sha256(manifest)}  {VERSION}/{MANIFEST}\n{'0' * 64} *other/{MANIFEST}\nnonsense\n"
    )
    pins = read_pins(bundle)
    assert pins == {VERSION: sha256(manifest), "other": "0" * 64}
    assert await download(web.url, Arch.AMD64, VERSION, store, quiet, pin=pins[VERSION]) is not None
    store.remove(VERSION)
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(ImageError, match=r"manifest\.json is damaged"):
        await download(web.url, Arch.AMD64, VERSION, store, quiet, pin=pins[VERSION])
    assert read_pins(bundle / "absent") == {}


async def test_a_server_that_is_not_there(store: ImageStore, web: Web) -> None:
    with pytest.raises(HostError, match="cannot be downloaded") as caught:
        await download("http://127.0.0.1:9", Arch.AMD64, VERSION, store, quiet)
    assert "connection" in caught.value.hint
    assert leftovers(store) == []


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://example.org/images", True),
        ("http://localhost:8000", True),
        ("http://[::1]:8000/x", True),
        ("http://127.0.0.1:8000", True),
        ("http://example.org/images", False),
        ("http://127.0.0.1.example.org", False),
        ("file:///etc", False),
        ("ftp://example.org", False),
        ("", False),
    ],
)
def test_only_a_protected_server_is_trusted(url: str, trusted: bool) -> None:
    if trusted:
        require_trust(url)
        return
    with pytest.raises(ImageError, match="not downloaded"):
        require_trust(url)


async def test_a_cancelled_download_leaves_nothing(store: ImageStore, web: Web) -> None:
    await put(ImageStore(web.folder))
    web.hold.clear()
    fetching = asyncio.create_task(download(web.url, Arch.AMD64, VERSION, store, quiet))
    async with asyncio.timeout(10):
        while not web.asked:
            await asyncio.sleep(0.01)  # another thread's work
    fetching.cancel()
    web.hold.set()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert leftovers(store) == []


async def test_two_downloads_at_once_are_one(store: ImageStore, web: Web) -> None:
    await put(ImageStore(web.folder))
    first, second = await asyncio.gather(*(download(web.url, Arch.AMD64, VERSION, store, quiet) for _ in range(2)))
    assert first == second
    assert len(web.asked) == 4
    shutil.rmtree(web.folder)
