"""The table of sizes counts each file once."""

from __future__ import annotations

from pathlib import Path

from installers.common.contents import sizes, table
from installers.common.layout import WINDOWS


def test_each_file_counts_for_one_part(tmp_path: Path) -> None:
    files = {
        "python/python.exe": 10,
        "python/Lib/site-packages/PySide6/Qt6Core.dll": 200,
        "python/Lib/site-packages/numpy.libs/blas.dll": 30,
        "python/Lib/site-packages/h2/frame.py": 4,
        "qemu/qemu-img.exe": 50,
        "docker/cli-plugins/docker-compose.exe": 60,
        "Slipway.exe": 7,
        "vm/errors.py": 1,
    }
    for name, size in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    assert sizes(tmp_path, WINDOWS) == {
        "Qt and PySide6": 200,
        "numpy, for the plots": 30,
        "other Python packages": 4,
        "Python": 10,
        "QEMU": 50,
        "compose": 60,
        "Slipway": 8,
    }
    first, *_, last = table(tmp_path, WINDOWS).splitlines()
    assert first.endswith("55.2 %  Qt and PySide6")
    assert last == "     0.0 MB  100.0 %  installed"
