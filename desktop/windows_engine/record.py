"""The record of what the setup has changed, which lies beside the engine's data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vm.files import write_atomically


@dataclass
class Changed:
    """What the setup has changed, or was about to when it was interrupted.

    :ivar features: those it has switched on.    :ivar group: it has made the group.
    :ivar keys: those of daemon.json that come from the settings.
    :ivar users: security identifier → ``DOMAIN\\name`` of the accounts that may use the engine.
    """

    features: list[str] = field(default_factory=list)
    group: bool = False
    keys: list[str] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Changed:
        """What is recorded; nothing where that cannot be understood."""
        try:
            kept = json.loads(path.read_bytes())
            features, keys = ([str(name) for name in kept.get(part, ())] for part in ("features", "keys"))
            users = {str(sid): str(name) for sid, name in kept.get("users", {}).items()}
            return cls(features, bool(kept["group"]), keys, users)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        """:raise OSError: it cannot be kept."""
        write_atomically(path, json.dumps(asdict(self)).encode())
