"""Docker contexts: Slipway's own beside the user's, without clobbering what is not ours.

The files are those of the docker CLI (cli/context/store in its sources): ``config.json`` names the current
context, ``contexts/meta/SHA256-OF-NAME/meta.json`` describes each. ``default`` is the absence of a name. What we
changed is remembered (context_memory.py), so that it can be undone; what the user changed in between is respected.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from engine.context_memory import ContextMemory, Memory
from engine.context_store import DEFAULT, ContextError, ContextStore, docker_folder
from engine.context_trial import answers
from vm.host import host
from vm.host.paths import docker_address

log = logging.getLogger(__name__)

NAME = "slipway"
MARK = "org.slipway"
"""The key in a context's metadata which says that we made it; the docker CLI keeps keys it does not know."""

OVERRIDES = ("DOCKER_HOST", "DOCKER_CONTEXT")
"""Variables that go before the current context, in this order (docker(1))."""


class Contexts:
    """The context ``slipway`` in the user's Docker configuration.

    :param memory: the file in which we remember what to undo.
    :param environment: where DOCKER_CONFIG, DOCKER_HOST and DOCKER_CONTEXT are looked up; by default
        this process's own.
    :param also: addresses at which our engine answers as well for now, such as Docker's default one.
    :param engines: where there are several: name of a context → the address of the one engine it leads to.
    """

    def __init__(
        self,
        memory: Path,
        environment: Mapping[str, str] | None = None,
        also: Collection[str] = (),
        engines: Mapping[str, str] | None = None,
    ) -> None:
        self._memory = ContextMemory(memory)
        self._also = also
        self._engines = engines or {}
        self._environment = os.environ if environment is None else environment
        self.store = ContextStore(docker_folder(self._environment))

    async def offer(self, address: str, policy: str) -> str:
        """See that the context exists, and make it current if ``policy`` says so.

        A context that leads to our own engine, as ``default`` may for a while, is not one that works without it.

        :param policy: ``auto`` (only if the current one does not work: it is really asked), ``always``, ``never``.
        :return: a note for the user; empty when there is nothing to say.
        :raise ContextError: the configuration cannot be read or written; it is left as it is.
        """
        await asyncio.to_thread(self.create, address)
        override = self._override(address)
        if override:
            return override
        current = await asyncio.to_thread(self.store.current)
        if current == NAME:
            return ""
        leads_here = await asyncio.to_thread(self.address_of, current) in self._also
        if policy == "never" and leads_here:
            return ""
        if policy == "never" or (policy == "auto" and not leads_here and await self.works(current)):
            works = "" if policy == "never" else ", which works"
            return f"docker uses the context “{current}”{works}. To use Slipway: slipway context use"
        said = await asyncio.to_thread(self.use, address)
        return said if policy == "always" or leads_here else f"The context “{current}” does not work. {said}"

    def create(self, address: str) -> None:
        """Make the context, or point ours at ``address``. What cannot be recorded, and so undone, is not made.

        :raise ContextError: there is a context of that name that is not ours; it is left alone. Also an unreadable
            configuration or record.
        """
        found = self.store.read(NAME)
        if found is not None and not _is_ours(found):
            raise ContextError(
                f"There is a Docker context “{NAME}” that Slipway did not create",
                f"Export it if you need it, then remove it: docker context rm {NAME}",
                f"Its engine: {endpoint(found)}",
            )
        self._memory.remember(self.store.folder, self._memory.read(self.store.folder))
        if found is None or endpoint(found) != address:
            self.store.write(NAME, _describe(NAME, address))
        for name, engine in self._engines.items():
            self._create_for(name, engine, address)

    def _create_for(self, name: str, engine: str, address: str) -> None:
        """Make the context of one engine; one of that name that is not ours is left alone."""
        found = self.store.read(name)
        if found is not None and not _is_ours(found):
            log.warning("there is a Docker context “%s” that Slipway did not create", name)
        elif found is None or endpoint(found) != engine:
            self.store.write(name, _describe(name, engine, address))

    def use(self, address: str) -> str:
        """Make ours current and remember which one was.

        :raise ContextError: see :meth:`create`; also an unreadable configuration.
        """
        self.create(address)
        current = self.store.current()
        if current == NAME:
            return f"docker uses the context “{NAME}” already"
        folder = self.store.folder
        made = not self.store.has_config or self._memory.read(folder).made_config
        self._memory.remember(folder, Memory(current, made))
        self.store.set_current(NAME)
        return self._override(address) or f"docker uses the context “{NAME}” now. To undo: slipway context restore"

    def restore(self) -> str:
        """Make the context current again that was so before ours; nothing if the user has chosen another since.

        :raise ContextError: an unreadable configuration or record; nothing is changed.
        """
        current = self.store.current()
        if current != NAME:
            return f"docker uses the context “{current}”; there is nothing to restore"
        memory = self._memory.read(self.store.folder)
        wanted = memory.previous or DEFAULT
        if wanted != DEFAULT and self.store.read(wanted) is None:
            wanted = DEFAULT  # it has been removed meanwhile
        self.store.set_current(wanted)
        if memory.made_config:
            self.store.drop_empty_config()
        self._memory.remember(self.store.folder, Memory())
        return f"docker uses the context “{wanted}” again"

    def remove(self, address: str) -> None:
        """Undo everything: the context before is current again and ours is gone.

        A context of the same name that is not ours, or belongs to another installation, stays.

        :raise ContextError: an unreadable configuration or record.
        """
        found = self.store.read(NAME)
        if found is not None and _is_ours(found) and endpoint(found) == address:
            self.restore()
            self.store.delete(NAME)
        for name in self.store.names():
            one = self.store.read(name) if name.startswith(f"{NAME}-") else None
            if one is not None and _inner(one, "Metadata").get(MARK) == address:
                self.store.delete(name)
        self._memory.forget(self.store.folder)

    async def works(self, name: str) -> bool:
        """Whether an engine answers in that context. Ways that cannot be tried cheaply (ssh) count as working."""
        return await answers(await asyncio.to_thread(self.address_of, name))

    def address_of(self, name: str) -> str:
        """The address of a context's engine; empty where there is no such context.

        :raise ContextError: it cannot be read.
        """
        if name == DEFAULT:
            return docker_address(host().default_docker_socket)
        found = self.store.read(name)
        return endpoint(found) if found else ""

    def decide(self) -> tuple[str, str, str]:
        """What docker decides: the context's name, its engine's address, and the variable that has the last word.

        :return: the address is empty where there is no such context, the variable where none is set.
        :raise ContextError: the configuration cannot be read.
        """
        variable, value = self.override() or ("", "")
        if variable == "DOCKER_HOST":
            return DEFAULT, value, variable  # as "docker context show" has it
        current = value or self.store.current()
        return current, self.address_of(current), variable

    def leads_to(self, address: str, own: str) -> bool:
        """Whether our engine answers at an address. :param own: where it always does."""
        return address in (own, *self._also)

    def override(self) -> tuple[str, str] | None:
        """The variable that goes before the current context, and its value."""
        for variable in OVERRIDES:
            if value := self._environment.get(variable):
                return variable, value
        return None

    @property
    def previous(self) -> str:
        """The context that was current before ours; empty when that is not known."""
        return self._memory.recall(self.store.folder).previous or ""

    def _override(self, address: str) -> str:
        variable, value = self.override() or ("", "")
        if value in ("", NAME) if variable == "DOCKER_CONTEXT" else not value or self.leads_to(value, address):
            return ""
        return (
            f"{variable} is set to “{value}”, which overrides the context. "
            f"Unset it, or use: docker --context {NAME} …"
        )


def remove_everywhere(memory: Path, address: str) -> list[ContextError]:
    """Undo everything in each configuration in which the context was made, and in this process's own.

    :return: why that was not possible in some.
    """
    try:
        folders = ContextMemory(memory).folders()
    except ContextError as error:
        return [error]
    failed = []
    for folder in dict.fromkeys((*folders, docker_folder(os.environ))):
        try:
            Contexts(memory, {"DOCKER_CONFIG": str(folder)}).remove(address)
        except ContextError as error:
            failed.append(error)
    return failed


def endpoint(meta: Mapping[str, Any]) -> str:
    """The address of a context's engine; empty when it has none."""
    return str(_inner(_inner(meta, "Endpoints"), "docker").get("Host") or "")


def _is_ours(meta: Mapping[str, Any]) -> bool:
    return bool(_inner(meta, "Metadata").get(MARK))


def _inner(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _describe(name: str, address: str, owner: str = "") -> dict[str, Any]:
    """:param owner: the address of the context ``slipway`` that this one belongs to."""
    return {
        "Name": name,
        "Metadata": {"Description": "Slipway", MARK: owner or True},
        "Endpoints": {"docker": {"Host": address, "SkipTLSVerify": False}},
    }
