"""Read from an ELF file which shared libraries and which loader it needs: the image takes those and no others.

Only the three fields asked for are read (System V ABI, chapters 4 and 5: program headers, dynamic section);
64-bit little-endian files only, which is what amd64 and arm64 are.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5


@dataclass(frozen=True)
class Needs:
    """What a program or library asks of the system.

    :ivar interpreter: absolute path of the loader, or None (a library, or a static program).
    :ivar libraries: sonames in the file's own order.
    """

    interpreter: str | None
    libraries: tuple[str, ...]


def read_needs(path: Path) -> Needs | None:
    """Return what ``path`` needs, or None when it is no ELF file (a script, data).

    :raise ValueError: an ELF file of another kind, or a damaged one.
    """
    with path.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            return None
        file.seek(0)
        data = file.read()
    if data[4:6] != b"\x02\x01":
        raise ValueError(f"{path} is not a 64-bit little-endian ELF file")
    try:
        return _read(data)
    except (struct.error, ValueError, IndexError) as error:
        raise ValueError(f"{path} is a damaged ELF file: {error}") from error


def _read(data: bytes) -> Needs:
    table, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    loads: list[tuple[int, int, int]] = []
    dynamic: tuple[int, int] | None = None
    interpreter: str | None = None
    for number in range(count):
        kind, _flags, offset, address, _physical, length = struct.unpack_from(
            "<IIQQQQ", data, table + number * size
        )
        if kind == PT_LOAD:
            loads.append((address, offset, length))
        elif kind == PT_DYNAMIC:
            dynamic = (offset, length)
        elif kind == PT_INTERP:
            interpreter = data[offset : offset + length].rstrip(b"\0").decode()
    if dynamic is None:
        return Needs(interpreter, ())
    names: list[int] = []
    strings = 0
    for position in range(dynamic[0], dynamic[0] + dynamic[1], 16):
        tag, value = struct.unpack_from("<qQ", data, position)
        if tag == DT_NULL:
            break
        if tag == DT_NEEDED:
            names.append(value)
        elif tag == DT_STRTAB:
            strings = _offset(value, loads)
    return Needs(interpreter, tuple(_text(data, strings + name) for name in names))


def _offset(address: int, loads: list[tuple[int, int, int]]) -> int:
    """Where in the file the memory at ``address`` comes from."""
    for start, offset, length in loads:
        if start <= address < start + length:
            return offset + address - start
    raise ValueError(f"no segment holds address {address:#x}")


def _text(data: bytes, position: int) -> str:
    return data[position : data.index(b"\0", position)].decode()
