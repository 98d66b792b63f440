"""Docker contexts: Slipway's own beside the user's, without clobbering what is not ours.

The files are those of the docker CLI (cli/context/store in its sources): ``config.json`` names the current
context, ``contexts/meta/SHA256-OF-NAME/meta.json`` describes each. ``default`` is the absence of a name. What we
changed is remembered in a file of ours, so that it can be undone; what the user changed in between is respected.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.context_store import DEFAULT, ContextError, ContextStore
from engine.context_trial import answers

NAME = "slipway"
MARK = "org.slipway"
"""The key in a context's metadata which says that we made it; the docker CLI keeps keys it does not know."""

OVERRIDES = ("DOCKER_HOST", "DOCKER_CONTEXT")
"""Variables that go before the current context, in this order (docker(1))."""


@dataclass(frozen=True)
class Memory:
    """What we changed.

    :ivar previous: the context that was current before ours; None when we have not changed that.
    :ivar made_config: config.json was not there before.
    """

    previous: str | None = None
    made_config: bool = False


class Contexts:
    """The context ``slipway`` in the user's Docker configuration.

    :param memory: the file in which we remember what to undo.
    :param environment: where DOCKER_CONFIG, DOCKER_HOST and DOCKER_CONTEXT are looked up; by default
        this process's own.
    """

    def __init__(self, memory: Path, environment: Mapping[str, str] | None = None) -> None:
        self._memory = memory
        self._environment = os.environ if environment is None else environment
        folder = self._environment.get("DOCKER_CONFIG")
        self.store = ContextStore(Path(folder) if folder else Path.home() / ".docker")

    async def offer(self, socket: Path, policy: str) -> str:
        """See that the context exists, and make it current if ``policy`` says so.

        :param policy: ``auto`` (only if the current one does not work: it is really asked), ``always``, ``never``.
        :return: a note for the user; empty when there is nothing to say.
        :raise ContextError: the configuration cannot be read or written; it is left as it is.
        """
        await asyncio.to_thread(self.create, socket)
        override = self._override()
        if override:
            return override
        current = await asyncio.to_thread(self.store.current)
        if current == NAME:
            return ""
        if policy == "never" or (policy == "auto" and await self.works(current)):
            works = "" if policy == "never" else ", which works"
            return f"docker uses the context “{current}”{works}. To use Slipway: slipway context use"
        said = await asyncio.to_thread(self.use, socket)
        return said if policy == "always" else f"The context “{current}” does not work. {said}"

    def create(self, socket: Path) -> None:
        """Make the context, or point ours at ``socket``.

        :raise ContextError: there is a context of that name that is not ours; it is left alone.
        """
        found = self.store.read(NAME)
        if found is not None and not _is_ours(found):
            raise ContextError(
                f"There is a Docker context “{NAME}” that Slipway did not create",
                f"Export it if you need it, then remove it: docker context rm {NAME}",
                f"Its engine: {endpoint(found)}",
            )
        if found is None or endpoint(found) != f"unix://{socket}":
            self.store.write(NAME, _describe(socket))

    def use(self, socket: Path) -> str:
        """Make ours current and remember which one was.

        :raise ContextError: see :meth:`create`; also an unreadable configuration.
        """
        self.create(socket)
        current = self.store.current()
        if current == NAME:
            return f"docker uses the context “{NAME}” already"
        made = not self.store.config.exists()
        self._remember(Memory(current, made or self._recall().made_config))
        self.store.set_current(NAME)
        return self._override() or f"docker uses the context “{NAME}” now. To undo: slipway context restore"

    def restore(self) -> str:
        """Make the context current again that was so before ours; nothing if the user has chosen another since.

        :raise ContextError: an unreadable configuration.
        """
        current = self.store.current()
        if current != NAME:
            return f"docker uses the context “{current}”; there is nothing to restore"
        memory = self._recall()
        wanted = memory.previous or DEFAULT
        if wanted != DEFAULT and self.store.read(wanted) is None:
            wanted = DEFAULT  # it has been removed meanwhile
        self.store.set_current(wanted)
        if memory.made_config:
            self.store.drop_empty_config()
        self._remember(Memory())
        return f"docker uses the context “{wanted}” again"

    def remove(self, socket: Path) -> None:
        """Undo everything: the context before is current again and ours is gone.

        A context of the same name that is not ours, or belongs to another installation, stays.

        :raise ContextError: an unreadable configuration.
        """
        found = self.store.read(NAME)
        if found is not None and _is_ours(found) and endpoint(found) == f"unix://{socket}":
            self.restore()
            self.store.delete(NAME)
        self._memory.unlink(missing_ok=True)

    async def works(self, name: str) -> bool:
        """Whether an engine answers in that context. Ways that cannot be tried cheaply (ssh) count as working."""
        if name == DEFAULT:
            return await answers("unix:///var/run/docker.sock")
        found = await asyncio.to_thread(self.store.read, name)
        return found is not None and await answers(endpoint(found))

    def override(self) -> tuple[str, str] | None:
        """The variable that goes before the current context, and its value."""
        for variable in OVERRIDES:
            value = self._environment.get(variable)
            if value and not (variable == "DOCKER_CONTEXT" and value == NAME):
                return variable, value
        return None

    @property
    def previous(self) -> str:
        """The context that was current before ours; empty when that is not known."""
        return self._recall().previous or ""

    def _override(self) -> str:
        found = self.override()
        if found is None:
            return ""
        return (
            f"{found[0]} is set to “{found[1]}”, which overrides the context. "
            f"Unset it, or use: docker --context {NAME} …"
        )

    def _recall(self) -> Memory:
        try:
            values = json.loads(self._memory.read_text("utf-8"))
            return Memory(values.get("previous"), bool(values.get("made_config")))
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError, AttributeError):  # a record only: without it, “default” is restored
            return Memory()

    def _remember(self, memory: Memory) -> None:
        if memory == Memory():
            self._memory.unlink(missing_ok=True)
        else:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            self._memory.write_text(json.dumps(asdict(memory)), "utf-8")


def endpoint(meta: Mapping[str, Any]) -> str:
    """The address of a context's engine; empty when it has none."""
    docker = (meta.get("Endpoints") or {}).get("docker") or {}
    return str(docker.get("Host") or "")


def _is_ours(meta: Mapping[str, Any]) -> bool:
    return bool((meta.get("Metadata") or {}).get(MARK))


def _describe(socket: Path) -> dict[str, Any]:
    return {
        "Name": NAME,
        "Metadata": {"Description": "Slipway", MARK: True},
        "Endpoints": {"docker": {"Host": f"unix://{socket}", "SkipTLSVerify": False}},
    }
