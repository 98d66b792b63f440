"""What the overview of licences says of a Python package, and that it names each part."""

from __future__ import annotations

from email.parser import HeaderParser
from pathlib import Path

import pytest

from installers.common import licences
from installers.common.layout import WINDOWS
from installers.common.licences import licence_of, write_licences

PARTS = (
    *("- CPython 3.13.5: ", "- QEMU ", "- github.com/docker/cli v28.5.2", "- github.com/docker/compose/v2 "),
    *("- h2 4: MIT", "- runc 1.1"),
)
TEXTS = {"LICENSES.md", "GPL-3.txt", "LGPL-3.txt", "python.txt", "docker-licences.txt", "compose-licences.txt"}


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: MIT\nLicense: other\n", "MIT"),
        ("License: Apache 2.0\n", "Apache 2.0"),
        (
            "License: Copyright (c) somebody\n  All rights\nClassifier: License :: OSI :: BSD License\n",
            "BSD License",
        ),
        ("Classifier: License :: A\nClassifier: License :: B\nClassifier: Topic :: C\n", "A, B"),
        ("Name: x\n", "see its folder"),
    ],
)
def test_a_packages_licence(metadata: str, licence: str) -> None:
    assert licence_of(HeaderParser().parsestr(metadata)) == licence


def test_the_overview_names_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the texts of the programs' licences beside it."""
    text = tmp_path / "modules"
    text.write_text("MIT of a module", encoding="utf-8")
    python = tmp_path / "python" / "lib" / "python3.13" / "LICENSE.txt"
    python.parent.mkdir(parents=True)
    python.write_text("PSF", encoding="utf-8")
    monkeypatch.setattr(licences, "docker_licences", lambda name, layout: text)
    monkeypatch.setattr(licences, "compiler", lambda: tmp_path / "python" / "bin" / "python3.13")
    payload = tmp_path / "payload"
    (payload / "qemu").mkdir(parents=True)
    files = {
        "python/Lib/site-packages/h2-4.dist-info/METADATA": "Name: h2\nVersion: 4\nLicense-Expression: MIT\n",
        "images/abc/manifest.json": '{"packages": {"runc": "1.1"}}',
    }
    for name, content in files.items():
        (payload / name).parent.mkdir(parents=True)
        (payload / name).write_text(content, encoding="utf-8")
    write_licences(payload, ("docker", "compose"), WINDOWS)
    overview = (payload / "licenses" / "LICENSES.md").read_text(encoding="utf-8")
    assert [part for part in PARTS if part not in overview] == []
    assert {path.name for path in (payload / "licenses").iterdir()} == TEXTS
