"""Credential helpers that docker's config.json names and that are not installed: removed on request, and put back.

Another product leaves ``"credsStore": "desktop"`` behind, and every pull fails. Nothing else in the file changes.
A record says what was removed, by folder (folder_record.py).
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.context_store import ContextStore, docker_folder
from engine.folder_record import read_folders, write_folders

STORE, ONES = "credsStore", "credHelpers"
"""The helper for all registries, and the object registry → helper (docker CLI, cli/config/configfile)."""

PURPOSE = "It records which credential helpers were removed."

_writing = threading.Lock()


class Helpers:
    """The credential helpers in the user's Docker configuration.

    :param memory: the file that records what was removed.
    :param environment: where DOCKER_CONFIG and PATH are looked up; by default this process's own.
    """

    def __init__(self, memory: Path, environment: Mapping[str, str] | None = None) -> None:
        self._memory = memory
        self._environment = os.environ if environment is None else environment
        self.store = ContextStore(docker_folder(self._environment))

    def named(self) -> dict[str, str]:
        """``credsStore``, or ``credHelpers.REGISTRY`` → the helper's name.

        :raise ContextError: config.json cannot be read.
        """
        settings = self.store.settings()
        ones = settings.get(ONES)
        named = {f"{ONES}.{key}": helper for key, helper in ones.items()} if isinstance(ones, dict) else {}
        return {key: str(helper) for key, helper in {STORE: settings.get(STORE), **named}.items() if helper}

    def missing(self) -> dict[str, str]:
        """Those of :meth:`named` whose program is not installed."""
        path = self._environment.get("PATH")
        return {
            key: helper
            for key, helper in self.named().items()
            if shutil.which(f"docker-credential-{helper}", path=path) is None
        }

    def take_out(self) -> str:
        """Remove those that are missing from config.json; return a note for the user.

        :raise ContextError: config.json cannot be read or written; it is as it was.
        """
        missing = self.missing()
        if not missing:
            return "All credential helpers are installed. Nothing was changed"
        settings = self.store.settings()
        for key in missing:
            name, _, registry = key.partition(".")
            if registry:
                settings[name].pop(registry)
            else:
                settings.pop(name)
        if settings.get(ONES) == {}:
            settings.pop(ONES)
        self._remember({**self._recall(), **missing})
        self.store.replace(settings)
        return f"{', '.join(missing)} removed from {self.store.config}. To undo: slipway credentials restore"

    def put_back(self) -> str:
        """Put back what was removed, except where another helper is set by now; return a note for the user.

        :raise ContextError: config.json cannot be read or written; it is as it was.
        """
        taken = self._recall()
        if not taken:
            return "Nothing to restore"
        settings = self.store.settings()
        for key, helper in taken.items():
            name, _, registry = key.partition(".")
            place = settings.setdefault(name, {}) if registry else settings
            if isinstance(place, dict):
                place.setdefault(registry or name, helper)
        self.store.replace(settings)
        self._remember({})
        return f"{', '.join(taken)} restored in {self.store.config}"

    def _recall(self) -> dict[str, str]:
        return self._all().get(str(self.store.folder), {})

    def _all(self) -> dict[str, dict[str, str]]:
        """What was removed, by folder. :raise ContextError: the record cannot be read."""
        return {folder: _texts(taken) for folder, taken in read_folders(self._memory, PURPOSE).items()}

    def _remember(self, taken: Mapping[str, str]) -> None:
        """:raise ContextError: the record cannot be read or written; it is as it was."""
        with _writing:
            known = {folder: texts for folder, texts in self._all().items() if folder != str(self.store.folder)}
            if taken:
                known[str(self.store.folder)] = dict(taken)
            write_folders(self._memory, known)


def _texts(taken: Any) -> dict[str, str]:
    return {str(key): str(helper) for key, helper in taken.items()} if isinstance(taken, dict) else {}
