"""The icon's file: Qt, which reads Windows' format by its own code, finds each size and the picture in it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray
from PySide6.QtGui import QColor, QImage

from installers.common.icon import SIDE, SIZES, icon_file, side_picture


def images(file: bytes) -> list[tuple[int, bytes]]:
    """Each picture's size as the directory says it, and its content."""
    count = struct.unpack_from("<HHH", file)[2]
    found = []
    for index in range(count):
        width, height, _, _, _, bits, length, offset = struct.unpack_from("<BBBBHHII", file, 6 + 16 * index)
        assert (width, bits) == (height, 32)
        found.append((width or 256, file[offset : offset + length]))
    return found


def test_every_size_is_there_and_drawn() -> None:
    found = images(icon_file())
    assert [size for size, _ in found] == list(SIZES)
    for size, content in found:
        alone = struct.pack("<HHHBBBBHHII", 0, 1, 1, size % 256, size % 256, 0, 0, 1, 32, len(content), 22)
        image = QImage()
        assert image.loadFromData(QByteArray(alone + content), "ICO")  # type: ignore[arg-type]  # PySide6's stubs are wrong
        assert (image.width(), image.height()) == (size, size)
        assert image.pixelColor(0, 0).alpha() == 0
        assert image.pixelColor(size // 2, size - size // 8).blue() > 100
        assert image.pixelColor(size // 2, size // 2) != QColor(0, 0, 0, 0)


def test_only_the_largest_is_a_png() -> None:
    kinds = {size: content.startswith(b"\x89PNG") for size, content in images(icon_file())}
    assert kinds == {size: size == 256 for size in SIZES}


def test_the_same_each_time() -> None:
    assert icon_file() == icon_file()


def test_the_installers_side_picture() -> None:
    image = QImage()
    assert image.loadFromData(QByteArray(side_picture()), "BMP")  # type: ignore[arg-type]  # PySide6's stubs
    assert (image.width(), image.height()) == SIDE
    assert image.pixelColor(0, 0) != image.pixelColor(82, 100)


def test_no_picture(tmp_path: Path) -> None:
    (tmp_path / "x.svg").write_text("no picture")
    with pytest.raises(ValueError, match=r"x\.svg"):
        icon_file(tmp_path / "x.svg")
