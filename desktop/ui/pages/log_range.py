"""The form for a log's time range: the words that ``docker logs --since`` and ``--until`` take."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from desktop.ui.models.logs.moments import parse
from desktop.ui.widgets.dialogs import Form
from desktop.ui.words import mark, tr

HINT = "10m, 14:30, 2026-11-30 14:30"
WRONG = mark("Enter a time, such as 10m (ten minutes ago), 14:30 or 2026-11-30 14:30.")


@dataclass(frozen=True)
class Range:
    """From when to when, in seconds since 1970; None: without a limit. :ivar texts: as the user has typed them."""

    since: float | None = None
    until: float | None = None
    texts: tuple[str, str] = ("", "")

    @property
    def words(self) -> str:
        """What it is."""
        parts = [f"{word} {text}" for word, text in zip(("since", "until"), self.texts, strict=True) if text]
        return ", ".join(parts) or "all"


class RangeForm(Form):
    """Two times, both of which may be left out."""

    def __init__(self, parent: QWidget, current: Range) -> None:
        super().__init__(parent, tr("Time range"), tr("Show"), tr("Leave a field empty for no limit."))
        self.since = self.field(tr("Since"), HINT, current.texts[0], _check)
        self.until = self.field(tr("Until"), HINT, current.texts[1], _check)

    def chosen(self) -> Range:
        """What was entered; times such as ``10m`` count from now."""
        now, texts = time.time(), (self.since.text().strip(), self.until.text().strip())
        since, until = (parse(text, now) if text else None for text in texts)
        return Range(since, until, texts)


def _check(text: str) -> str:
    return tr(WRONG) if text and parse(text, time.time()) is None else ""
