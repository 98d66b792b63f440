"""Draws the icon from the vector picture in ``assets``: as PNG files, and in Windows' format in all of its sizes.

Windows' format is that of Microsoft's "Icons" (an ICONDIR, then one picture for each size). The largest is a PNG;
those below are bitmaps, which every program that reads icons understands.
"""

from __future__ import annotations

import struct
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF
from PySide6.QtGui import QColor, QImage, QImageWriter, QLinearGradient, QPainter
from PySide6.QtSvg import QSvgRenderer

from installers.checkout.environment import ROOT

PICTURE = ROOT / "assets" / "icons" / "slipway.svg"

SIZES = (16, 20, 24, 32, 40, 48, 64, 96, 128, 256)
"""Pixels: Windows' sizes at scales from 100 % to 400 %."""

LARGEST_BITMAP = 128
"""Larger ones are PNG files: as a bitmap, the one of 256 pixels would take 270 KB."""


def icon_file(picture: Path = PICTURE) -> bytes:
    """The file ``.ico``."""
    renderer = QSvgRenderer(str(picture))
    if not renderer.isValid():
        raise ValueError(f"{picture} is not a picture")
    images = [_encoded(_drawn(renderer, size)) for size in SIZES]
    offset = 6 + 16 * len(SIZES)
    head = struct.pack("<HHH", 0, 1, len(SIZES))
    for size, image in zip(SIZES, images, strict=True):
        byte = size % 256  # 0 stands for 256
        head += struct.pack("<BBBBHHII", byte, byte, 0, 0, 1, 32, len(image), offset)
        offset += len(image)
    return head + b"".join(images)


def png(size: int, picture: Path = PICTURE) -> bytes:
    """The icon as a file ``.png`` of so many pixels."""
    return _written(_drawn(QSvgRenderer(str(picture)), size), b"PNG")


SIDE = (164, 314)
"""Pixels of the picture at the side of an installer's last page (Modern UI 2's manual)."""


def side_picture(picture: Path = PICTURE) -> bytes:
    """The picture at the side of the installer's last page, a file ``.bmp``: the icon on its own blue."""
    width, height = SIDE
    image = QImage(width, height, QImage.Format.Format_RGB888)
    colours = QLinearGradient(0, 0, 0, height)
    colours.setColorAt(0, QColor("#1d86d8"))
    colours.setColorAt(1, QColor("#0c4f94"))
    painter = QPainter(image)
    painter.fillRect(image.rect(), colours)
    QSvgRenderer(str(picture)).render(painter, QRectF(26, 48, 112, 112))
    painter.end()
    return _written(image, b"BMP")


def _drawn(renderer: QSvgRenderer, size: int) -> QImage:
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return image


def _encoded(image: QImage) -> bytes:
    return _bitmap(image) if image.width() <= LARGEST_BITMAP else _written(image, b"PNG")


def _written(image: QImage, kind: bytes) -> bytes:
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(kind)).write(image)
    return bytes(content.data())


def _bitmap(image: QImage) -> bytes:
    """A bitmap without its file's header, from the last line up, and an empty mask: the colours have alpha."""
    size = image.width()
    header = struct.pack("<IiiHHIIiiII", 40, size, 2 * size, 1, 32, 0, 4 * size * size, 0, 0, 0, 0)
    pixels = bytes(image.constBits())
    lines = [pixels[4 * size * row : 4 * size * (row + 1)] for row in reversed(range(size))]
    mask = bytes((size + 31) // 32 * 4 * size)
    return header + b"".join(lines) + mask
