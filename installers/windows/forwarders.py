"""Writes ``python3.dll``, the library of Python's stable interface: it hands every call on to ``python313.dll``.

Extension modules that work with any Python 3 (cryptography, PySide6) ask for ``python3.dll``, and the artifact
that Python comes from leaves it out. Such a library holds no code, only an export table whose entries are names in
another library ("forwarders"), so it is written here without a compiler. The layout is Microsoft's "PE Format".
"""

from __future__ import annotations

import struct
from pathlib import Path

FILE_ALIGNMENT = 0x200
SECTION_ALIGNMENT = 0x1000
SECTION_ADDRESS = SECTION_ALIGNMENT
"""Where the one section is in memory, from the beginning of the library."""

MACHINE_AMD64 = 0x8664
PREFERRED_ADDRESS = 0x1_8000_0000
DIRECTORIES = 16

EXPORTS_AT = 112
"""Where the optional header of a 64-bit file has the export directory's address."""


def exported_names(library: bytes) -> list[str]:
    """The names that a 64-bit DLL exports."""
    header = struct.unpack_from("<I", library, 0x3C)[0]
    section_count = struct.unpack_from("<H", library, header + 6)[0]
    optional_size = struct.unpack_from("<H", library, header + 20)[0]
    optional = header + 24
    sections = [
        struct.unpack_from("<8xIIII", library, optional + optional_size + 40 * index)
        for index in range(section_count)
    ]

    def offset_of(address: int) -> int:
        for virtual_size, start, raw_size, raw_start in sections:
            if start <= address < start + max(virtual_size, raw_size):
                return int(address - start + raw_start)
        raise ValueError(f"no section holds the address {address:#x}")

    table = offset_of(struct.unpack_from("<I", library, optional + EXPORTS_AT)[0])
    count, _, names = struct.unpack_from("<III", library, table + 24)
    found = []
    for index in range(count):
        start = offset_of(struct.unpack_from("<I", library, offset_of(names) + 4 * index)[0])
        found.append(library[start : library.index(b"\0", start)].decode("ascii"))
    return found


def write_forwarders(target: Path, names: list[str], library: str) -> None:
    """Write the DLL ``target``, whose exports ``names`` are those of ``library`` (without its suffix)."""
    body = _export_section(target.name, sorted(names), library)
    raw_size = _aligned(len(body), FILE_ALIGNMENT)
    head = _headers(len(body), raw_size)
    target.write_bytes(head.ljust(FILE_ALIGNMENT, b"\0") + body.ljust(raw_size, b"\0"))


def _aligned(size: int, step: int) -> int:
    return -(-size // step) * step


def _export_section(name: str, names: list[str], library: str) -> bytes:
    """The export directory, its three tables (forwarders, names, ordinals), and the strings these point to."""
    count = len(names)
    directory_size = 40
    forwarders_at = SECTION_ADDRESS + directory_size
    names_at = forwarders_at + 4 * count
    ordinals_at = names_at + 4 * count
    strings_at = ordinals_at + 2 * count
    strings = bytearray(name.encode("ascii") + b"\0")
    name_addresses, forwarder_addresses = [], []
    for entry in names:
        name_addresses.append(strings_at + len(strings))
        strings += entry.encode("ascii") + b"\0"
        forwarder_addresses.append(strings_at + len(strings))
        strings += f"{library}.{entry}".encode("ascii") + b"\0"
    directory = struct.pack(
        "<IIHHIIIIIII", 0, 0, 0, 0, strings_at, 1, count, count, forwarders_at, names_at, ordinals_at
    )
    tables = struct.pack(f"<{count}I{count}I{count}H", *forwarder_addresses, *name_addresses, *range(count))
    return directory + tables + bytes(strings)


def _headers(size: int, raw_size: int) -> bytes:
    """All that comes before the section: DOS, COFF and optional header, and the section's own entry."""
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    dll = 0x2022  # an executable image, aware of large addresses, a DLL
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", MACHINE_AMD64, 1, 0, 0, 0, EXPORTS_AT + 8 * DIRECTORIES, dll)
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 0, raw_size, 0, 0, SECTION_ADDRESS)
    optional += struct.pack("<QII", PREFERRED_ADDRESS, SECTION_ALIGNMENT, FILE_ALIGNMENT)
    optional += struct.pack("<HHHHHHI", 6, 0, 0, 0, 6, 0, 0)  # for Windows Vista and newer
    image_size = SECTION_ADDRESS + _aligned(size, SECTION_ALIGNMENT)
    anywhere = 0x160  # may be loaded at any address, high ones too; holds no executable data
    optional += struct.pack("<IIIHH", image_size, FILE_ALIGNMENT, 0, 2, anywhere)
    optional += struct.pack("<QQQQII", 0x100000, 0x1000, 0x100000, 0x1000, 0, DIRECTORIES)
    optional += struct.pack("<II", SECTION_ADDRESS, size) + bytes(8 * (DIRECTORIES - 1))
    readable_data = 0x40000040
    place = (size, SECTION_ADDRESS, raw_size, FILE_ALIGNMENT)
    section = struct.pack("<8sIIIIIIHHI", b".rdata", *place, 0, 0, 0, 0, readable_data)
    return dos + coff + optional + section
