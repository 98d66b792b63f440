"""python3.dll: what is written is what a reader of Windows' libraries finds in it; Wine loads the real one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from installers.windows.forwarders import exported_names, write_forwarders

NAMES = st.lists(st.text("aZ_9", min_size=1, max_size=12).map("Py{}".format), min_size=1, max_size=40, unique=True)


@given(names=NAMES)
@settings(max_examples=50)
def test_every_name_is_exported(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("dll") / "python3.dll"
    write_forwarders(target, names, "python313")
    content = target.read_bytes()
    assert exported_names(content) == sorted(names)
    assert len(content) % 512 == 0
    assert all(f"python313.{name}".encode() + b"\0" in content for name in names)


def test_a_library_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    target = tmp_path / "python3.dll"
    write_forwarders(target, ["Py_Main"], "python313")
    content = bytearray(target.read_bytes())
    content[0x40 + 24 + 112 : 0x40 + 24 + 116] = (0x9000000).to_bytes(4, "little")  # the export table's address
    with pytest.raises(ValueError, match="no section holds"):
        exported_names(bytes(content))
