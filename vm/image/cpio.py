"""Write the initramfs: a cpio archive ("newc") with the same bytes for the same content, on any host.

Format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst. Owner root, time zero, entries in the
order they were added, so nothing of the building host shows in the result. It stays uncompressed: it is small, and
unpacking it would cost an emulated machine more than reading it.
"""

from __future__ import annotations

import stat


class CpioWriter:
    """Collects entries; :meth:`finish` returns the archive."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._inode = 0
        self._names: set[str] = set()

    def folder(self, name: str, mode: int = 0o755) -> None:
        """Add a folder, and those above it that are not there yet."""
        self._parents(name)
        if name not in self._names:
            self._entry(name, stat.S_IFDIR | mode, b"", links=2)

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        """Add a regular file; its folders are added as needed."""
        self._parents(name)
        self._entry(name, stat.S_IFREG | mode, content)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._parents(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name: str, major: int, minor: int, mode: int = 0o600) -> None:
        """Add a character device."""
        self._parents(name)
        self._entry(name, stat.S_IFCHR | mode, b"", device=(major, minor))

    def finish(self) -> bytes:
        """Return the archive, padded to 512 bytes as GNU cpio does. The writer must not be used afterwards."""
        self._inode = -1
        self._entry("TRAILER!!!", 0, b"")
        self._pad(512)
        return bytes(self._data)

    def _parents(self, name: str) -> None:
        head, _, _ = name.rpartition("/")
        if head and head not in self._names:
            self.folder(head)

    def _entry(
        self, name: str, mode: int, content: bytes, *, links: int = 1, device: tuple[int, int] = (0, 0)
    ) -> None:
        if name in self._names:
            raise ValueError(f"{name} is already in the archive")
        self._names.add(name)
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, links, 0, len(content), 0, 0, *device, len(encoded), 0)
        self._data += b"070701" + b"".join(b"%08x" % value for value in fields) + encoded
        self._pad(4)
        self._data += content
        self._pad(4)

    def _pad(self, size: int) -> None:
        self._data += b"\0" * (-len(self._data) % size)
