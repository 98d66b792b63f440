"""The rows of the Run form: ports, volumes and variables, and what the image declares of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QFileDialog

from desktop.ui.models.run_rows import (
    Declared,
    free_port,
    is_read_only,
    port_row,
    port_text,
    variable_problem,
    variable_row,
    volume_problem,
    volume_row,
    volume_text,
    with_read_only,
)
from desktop.ui.widgets.rows import Field, Offer, Row, Rows, Values

READ_ONLY = "Read only"
OPTIONS = "options"
"""A property of the box: the options of a volume, of which the box shows one."""


class PortRows(Rows):
    """Host port → container port.

    :param problem: why a text of ``-p`` cannot be; empty: it can.
    """

    def __init__(self, problem: Callable[[str], str]) -> None:
        fields = (Field("Host port", "8080, 127.0.0.1:8080; empty: any"), Field("Container port", "80, 53/udp"))
        super().__init__("Ports", fields, lambda values: problem(port_text(*values)))

    @property
    def texts(self) -> tuple[str, ...]:
        """In the notation of ``-p``."""
        return tuple(port_text(outer, inner) for outer, inner in self.values)

    def show_texts(self, texts: Sequence[str]) -> None:
        """Fill the rows."""
        self.set_values([port_row(text) for text in texts])

    def declare(self, declared: Declared, is_free: Callable[[str, str], bool]) -> None:
        """Offer what the image exposes and nobody has published yet, each with a free host port."""
        published = {inner.removesuffix("/tcp") for _, inner in self.values}
        taken: set[str] = set()
        offers = []
        for inner in declared.ports:
            if inner not in published:
                free = free_port(inner, is_free, taken)
                offers.append(
                    Offer(("", inner), (f"not published; {free} is free" if free else "not published", ""), free)
                )
        self.offer(offers)


class VolumeRows(Rows):
    """Volume or folder → folder in the container.

    :param local: folders of this computer can be mounted, and so chosen.
    """

    def __init__(self, *, local: bool) -> None:
        self.local = local
        fields = (Field("Volume or folder", "name or /folder"), Field("Folder in the container", "/data"))
        super().__init__("Volumes", fields, lambda values: volume_problem(*values), self._complete)

    def _complete(self, one: Row) -> None:
        one.add_check(READ_ONLY, READ_ONLY)
        pick = one.add_tool("files", "Choose a folder", lambda: self._pick(one))
        if not self.local:
            pick.setEnabled(False)
            pick.setToolTip("Folders are those of the engine's computer: type the path there.")

    def _pick(self, one: Row) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose a folder", one.fields[0].text())
        if folder:
            one.fields[0].setText(folder)

    @property
    def texts(self) -> tuple[str, ...]:
        """In the notation of ``-v``."""
        return tuple(_volume(one.values, one) for one in self.filled)

    def show_texts(self, texts: Sequence[str]) -> None:
        """Fill the rows. Options that have no box are kept."""
        found = [volume_row(text) for text in texts]
        self.set_values(
            [(source, folder) for source, folder, _ in found], [is_read_only(options) for *_, options in found]
        )
        for one, (*_, options) in zip(self.filled, found, strict=True):
            assert one.check is not None
            one.check.setProperty(OPTIONS, options)

    def declare(self, declared: Declared) -> None:
        """Offer the volumes of the image that nothing is mounted at."""
        mounted = {values[1].rstrip("/") for values in self.values}
        self.offer(
            [
                Offer(("", folder), ("a new volume without a name", ""))
                for folder in declared.volumes
                if folder.rstrip("/") not in mounted
            ]
        )


def _volume(values: Values, one: Row) -> str:
    assert one.check is not None
    source, folder = values
    return volume_text(source, folder, with_read_only(one.check.property(OPTIONS) or "", one.check.isChecked()))


class VariableRows(Rows):
    """Name → value."""

    def __init__(self) -> None:
        fields = (Field("Variable", "NAME"), Field("Value", "value"))
        super().__init__("Environment", fields, lambda values: variable_problem(*values), fold="variable")

    @property
    def texts(self) -> tuple[str, ...]:
        """In the notation of ``-e``."""
        return tuple(f"{name}={value}" for name, value in self.values)

    def show_texts(self, texts: Sequence[str]) -> None:
        """Fill the rows."""
        self.set_values([variable_row(text) for text in texts])

    def add_texts(self, texts: Sequence[str]) -> None:
        """Add rows; those of the same names are replaced."""
        new = dict(variable_row(text) for text in texts)
        kept = {name: value for name, value in self.values if name not in new}
        self.set_values(list({**kept, **new}.items()))

    def declare(self, declared: Declared) -> None:
        """Offer the variables of the image that are not set yet."""
        here = {name for name, _ in self.values}
        self.offer(
            [Offer((name, ""), ("", value or "empty")) for name, value in declared.variables if name not in here]
        )
