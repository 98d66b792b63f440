"""The source of the MSI, in WiX' language (version 3, as wixl reads it), made from the payload's folder.

Identifiers and GUIDs are derived from paths and the version, so they are the same in each build. Each folder is
one component. An upgrade removes the version before first, so a component may have other files in each version.
"""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from installers.common.product import DESCRIPTION, NAME, version
from installers.windows.product import COMPANY, version_numbers

NAMESPACE = "http://schemas.microsoft.com/wix/2006/wi"
IDENTITY = uuid.UUID("3f0c9a52-6a3c-4a6b-9d53-0f6f3a4a2d11")
"""Of Slipway's MSI packages; all GUIDs are derived from it (RFC 9562, version 5)."""

UPGRADE_CODE = uuid.uuid5(IDENTITY, "upgrade")
"""The same in each version, so that one replaces the other."""

TOOL = "--run-module desktop.installation"
CLI, WINDOW = "bin/slipway.exe", "Slipway.exe"

ACTIONS = (
    ("CloseWindow", WINDOW, "--quit", 'REMOVE="ALL"', 1510),
    ("StopEngine", CLI, "stop", 'REMOVE="ALL"', 1520),
    ("WaitForPrograms", CLI, f'{TOOL} in-use "[INSTALLDIR]."', 'REMOVE="ALL"', 1530),
    ("ForgetContext", CLI, f"{TOOL} remove", 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE', 1540),
)
"""Before files are removed, as the user who does it: name, program, arguments, condition, place in the sequence.

What fails is passed over: files in use are then replaced at the next start of Windows, as MSI does.
"""


def source(payload: Path) -> str:
    """The source for all that is in ``payload``; wixl has to run there."""
    wix = Element("Wix", xmlns=NAMESPACE)
    product = SubElement(
        wix,
        "Product",
        Id=_guid(f"product {version()}"),
        Name=NAME,
        Version=".".join(map(str, version_numbers()[:3])),
        Manufacturer=COMPANY,
        Language="1033",
        UpgradeCode=_braced(UPGRADE_CODE),
    )
    package = {"InstallerVersion": "500", "Compressed": "yes", "InstallScope": "perMachine"}
    SubElement(product, "Package", package, Description=DESCRIPTION, Manufacturer=COMPANY)
    SubElement(product, "MajorUpgrade", DowngradeErrorMessage=f"A newer version of {NAME} is installed.")
    SubElement(product, "Media", Id="1", Cabinet="slipway.cab", EmbedCab="yes")
    SubElement(product, "Icon", Id="slipway.exe", SourceFile=WINDOW)
    for name, value in {"ARPPRODUCTICON": "slipway.exe", "ARPNOMODIFY": "1", "ARPNOREPAIR": "1"}.items():
        SubElement(product, "Property", Id=name, Value=value)
    components = _folders(product, payload)
    feature = SubElement(product, "Feature", Id="All", Level="1", Title=NAME)
    for component in components:
        SubElement(feature, "ComponentRef", Id=component)
    _actions(product)
    return ElementTree.tostring(wix, encoding="unicode", xml_declaration=True)


def _folders(product: Element, payload: Path) -> list[str]:
    """The tree of folders, as elements; the identifiers of the components in it."""
    root = SubElement(product, "Directory", Id="TARGETDIR", Name="SourceDir")
    SubElement(root, "Directory", Id="ProgramMenuFolder")
    programs = SubElement(root, "Directory", Id="ProgramFiles64Folder")
    top = SubElement(programs, "Directory", Id="INSTALLDIR", Name=NAME)
    components: list[str] = []

    def fill(element: Element, folder: Path) -> None:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        if files:
            name = folder.relative_to(payload).as_posix()
            identity = _identifier("c", name)
            components.append(identity)
            component = SubElement(element, "Component", Id=identity, Guid=_guid(f"folder {name}"), Win64="yes")
            for index, path in enumerate(files):
                _file(component, path, path.relative_to(payload).as_posix(), first=index == 0)
        for path in sorted(path for path in folder.iterdir() if path.is_dir()):
            identity = _identifier("d", path.relative_to(payload).as_posix())
            fill(SubElement(element, "Directory", Id=identity, Name=path.name), path)

    fill(top, payload)
    return components


def _file(component: Element, path: Path, name: str, *, first: bool) -> None:
    key = {"KeyPath": "yes"} if first else {}
    element = SubElement(component, "File", key, Id=_identifier("f", name), Name=path.name, Source=name)
    if name == WINDOW:
        menu = {"Directory": "ProgramMenuFolder", "Advertise": "yes", "Icon": "slipway.exe"}
        SubElement(element, "Shortcut", menu, Id="StartMenu", Name=NAME)


def _actions(product: Element) -> None:
    sequence = SubElement(product, "InstallExecuteSequence")
    for name, program, arguments, condition, place in ACTIONS:
        SubElement(
            product,
            "CustomAction",
            Id=name,
            FileKey=_identifier("f", program),
            ExeCommand=arguments,
            Execute="deferred",
            Impersonate="yes",
            Return="ignore",
        )
        SubElement(sequence, "Custom", Action=name, Sequence=str(place)).text = condition


def _identifier(kind: str, name: str) -> str:
    """An identifier for a path: letters and digits only, at most 72 characters (MSI's own limit)."""
    return kind + hashlib.sha256(name.encode()).hexdigest()[:32]


def _guid(name: str) -> str:
    return _braced(uuid.uuid5(IDENTITY, name))


def _braced(value: uuid.UUID) -> str:
    return f"{{{str(value).upper()}}}"


def component_of(folder: str) -> str:
    """The identifier of the component that has the files of a folder, by its path below the payload."""
    return _identifier("c", folder)
