"""The source of the MSI: every file once, and the same identifiers in each build."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from installers.common.product import version
from installers.windows.msi.build import ON_PATH
from installers.windows.msi.source import ACTIONS, NAMESPACE, component_of, source

FILES = ("Slipway.exe", "LICENSE", "bin/slipway.exe", "docker/docker.exe", "vm/a/x.py", "vm/b/x.py", "vm/é.txt")


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def elements(payload: Path, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(source(payload)).iter(f"{{{NAMESPACE}}}{tag}"))


def test_every_file_is_in_it_once(payload: Path) -> None:
    found = [element.attrib["Source"] for element in elements(payload, "File")]
    assert sorted(found) == sorted(FILES)


def test_every_component_is_installed(payload: Path) -> None:
    components = [element.attrib["Id"] for element in elements(payload, "Component")]
    assert components == [element.attrib["Id"] for element in elements(payload, "ComponentRef")]
    assert len(set(components)) == len(components) == 6
    assert {component_of(folder) for folder in ON_PATH} <= set(components)


def test_identifiers_are_unique_and_the_same_in_each_build(payload: Path) -> None:
    found = [
        element.attrib["Id"] for tag in ("Directory", "File", "Component") for element in elements(payload, tag)
    ]
    assert len(set(found)) == len(found)
    assert all(len(identity) <= 72 for identity in found)
    assert source(payload) == source(payload)


def test_each_version_replaces_the_one_before(payload: Path) -> None:
    (product,) = elements(payload, "Product")
    assert product.attrib["UpgradeCode"] == "{B0859133-B855-5B6F-8FB5-FA8C5CF26818}"
    assert product.attrib["Version"] == version()


def test_what_runs_at_removal_is_in_the_package(payload: Path) -> None:
    files = {element.attrib["Id"] for element in elements(payload, "File")}
    actions = elements(payload, "CustomAction")
    assert [action.attrib["Id"] for action in actions] == [name for name, *_ in ACTIONS]
    assert {action.attrib["FileKey"] for action in actions} <= files
    assert all("REMOVE" in (element.text or "") for element in elements(payload, "Custom"))
