"""What a pull, a push, or a transfer of a file has come to: its layers with their bytes, and what was said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from desktop.ui.models.format import size
from desktop.ui.models.reader import Reader
from engine.client.models import Progress

WHOLE = ("Pulling from ", "The push refers ")
"""Prefixes of messages about the whole operation, although they carry an ID."""

COMPLETE = ("complete", "pushed", "exists", "mounted")
"""Parts of the status of a finished layer, except ``Download complete``."""

DOWNLOADED, EXTRACTING = ("Download complete", "Verifying Checksum"), "Extracting"
DOWNLOAD_SHARE = 0.7
"""Of the work on a layer that is downloaded and then extracted."""


@dataclass
class Layer:
    """One layer, or the file.

    :ivar status: what the engine says.    :ivar moved: bytes that have come or gone.    :ivar total: of so many.
    """

    status: str = ""
    moved: int = 0
    total: int = 0
    complete: bool = False

    @property
    def note(self) -> str:
        """``Downloading 3 MB of 12 MB``."""
        if self.complete or not self.total or self.moved >= self.total:
            return self.status
        return f"{self.status} {size(self.moved)} of {size(self.total)}"

    @property
    def fraction(self) -> float:
        """0 to 1."""
        moved = self.moved / self.total if self.total else 0.0
        if self.complete:
            return 1.0
        if self.status.startswith(EXTRACTING):
            return DOWNLOAD_SHARE + (1 - DOWNLOAD_SHARE) * moved
        if self.status.startswith(DOWNLOADED):
            return DOWNLOAD_SHARE
        return DOWNLOAD_SHARE * moved if self.status.startswith("Download") else moved

    def take(self, step: Progress) -> None:
        """The engine has said more of it."""
        self.status = step.status
        if step.total:
            self.moved, self.total = min(step.current or 0, step.total), step.total
            return
        words = step.status.lower()
        if any(word in words for word in COMPLETE) and not words.startswith("download"):
            self.complete, self.moved = True, self.total


@dataclass
class Transfer(Reader):
    """All of it. :ivar texts: what a load has to say.    :ivar warnings: it succeeds, but not as requested."""

    layers: dict[str, Layer] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    furthest: float = 0.0

    def take(self, steps: Iterable[Progress]) -> None:
        """Add what has happened."""
        for step in steps:
            if step.text:
                self.texts.append(step.text.strip())
            elif step.status.startswith("WARNING"):
                self.warnings.append(step.status.partition(":")[2].strip())
            elif step.id and not step.status.startswith(WHOLE):
                self.layers.setdefault(step.id, Layer()).take(step)
            elif step.status:
                self.said.append(step.status)

    @property
    def note(self) -> str:
        """How far it is, in one line."""
        if not self.layers:
            return self.said[-1] if self.said else ""
        layers = self.layers.values()
        moved, total = sum(layer.moved for layer in layers), sum(layer.total for layer in layers)
        parts = [f"{sum(layer.complete for layer in layers)} of {len(layers)} complete"] if len(layers) > 1 else []
        return "  ·  ".join([*parts, *([f"{size(moved)} of {size(total)}"] if total else [])])

    @property
    def fraction(self) -> float | None:
        """0 to 1, never less than before; None while no layer is known."""
        layers = self.layers.values()
        if not layers:
            return None
        sizes = [layer.total for layer in layers if layer.total]
        usual = sum(sizes) / len(sizes) if sizes else 1.0
        # what was there before takes no time
        weights = [layer.total or (0.0 if layer.complete else usual) for layer in layers]
        done = sum(layer.fraction * weight for layer, weight in zip(layers, weights, strict=True))
        if any(weights):
            self.furthest = max(self.furthest, done / sum(weights))
        return self.furthest

    @property
    def text(self) -> str:
        """All that was said, layers in their last state."""
        layers = [f"{key}: {layer.note}" for key, layer in self.layers.items()]
        return "\n".join([*self.said, *layers, *self.texts, *self.warnings])
