"""A native engine that has a small image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installers.checkout import system
from tests.e2e import images
from tests.e2e.native_engine import NativeEngine, extract, native_engine
from tests.e2e.test_other_engines import docker
from vm.host import host


@contextmanager
def engine_with_busybox(folder: Path, name: str) -> Iterator[NativeEngine]:
    """Run one until the end of the block.

    :param folder: an empty one.    :param name: of the image.
    """
    shared, program = folder / "shared", system.find_static_busybox()
    shared.mkdir()
    assert program, "busybox-static is missing: python3 installers/dev.py setup"
    with native_engine(extract(folder / "root"), shared) as engine:
        layer = images.busybox_layer(program, images.applets(program))
        images.write_archive(folder / "busybox.tar", layer, host().arch.value, name)
        docker(engine, "load", "-i", folder / "busybox.tar")
        yield engine
