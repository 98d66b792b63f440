"""What is being done to an object just now, in the words of its row."""

from __future__ import annotations

from dataclasses import dataclass

STOPPING, CREATING, PULLING = "Stopping", "Creating", "Pulling"
NEW = "new "
"""How the IDs of containers begin that the engine does not know yet."""

PATIENCE_SECONDS = 3
"""After which a kill is offered for what does not stop."""


@dataclass(frozen=True)
class Doing:
    """An operation under way. :ivar words: what it does: ``Stopping``.    :ivar seconds: since it began."""

    words: str
    seconds: int = 0

    @property
    def text(self) -> str:
        """Such as ``Stopping… 4 s``; how far it is says more than for how long."""
        if self.words.endswith("%"):
            return self.words
        return f"{self.words}…" + (f" {self.seconds} s" if self.seconds else "")

    @property
    def may_be_killed(self) -> bool:
        """Whether a kill would end it."""
        return self.words == STOPPING

    @property
    def is_slow(self) -> bool:
        """Whether a kill is to be offered for it."""
        return self.may_be_killed and self.seconds >= PATIENCE_SECONDS
