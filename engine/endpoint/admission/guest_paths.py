"""Which paths the guest itself can give a container, so that a bind mount need not be of a shared folder."""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence

from vm.errors import LinkError
from vm.guest.hostpath import system_folder
from vm.guest.stream import Link

log = logging.getLogger(__name__)

KNOWN_SECONDS = 60.0
"""For so long the guest is not asked again about what it had."""

LOOK_SECONDS = 20.0

LOOK = """for path in {paths}; do
if [ -d "$path" ] && [ -z "$(ls -A "$path")" ]; then echo empty
elif [ -e "$path" ]; then echo there
else echo -
fi
done"""


class GuestPaths:
    """Asks the guest, and remembers what it had for a while.

    :param connect: returns the link to the guest; raises :class:`~vm.errors.UserError` while there is none
    """

    def __init__(self, connect: Callable[[], Link]) -> None:
        self._connect = connect
        self._known: dict[str, float] = {}

    async def find(self, paths: Sequence[str]) -> set[str]:
        """Those of ``paths``, in the guest's spelling, that it can give a container.

        :raise LinkError: the guest could not be asked
        :raise UserError: of any other type: the machine is not running
        """
        now = asyncio.get_running_loop().time()
        unknown = [path for path in paths if self._known.get(path, now) <= now]
        if unknown:
            self._known.update(dict.fromkeys(await self._ask(unknown), now + KNOWN_SECONDS))
        return {path for path in paths if self._known.get(path, now) > now}

    async def _ask(self, paths: Sequence[str]) -> Iterable[str]:
        command = LOOK.format(paths=" ".join(map(shlex.quote, paths)))
        try:
            told = await self._connect().run(command, timeout=LOOK_SECONDS)
        except LinkError as error:
            log.warning("the guest could not be asked what it has: %s %s", error.message, error.detail)
            names = ", ".join(f"“{path}”" for path in paths)
            raise LinkError(
                f"{names}: not shared, and Slipway could not ask the machine whether it has this path",
                "Try again.",
                error.detail,
            ) from error
        return mountable(dict(zip(paths, told.stdout.decode().split(), strict=False)))


def mountable(kinds: Mapping[str, str]) -> set[str]:
    """The guest's paths that a container may mount.

    A bind mount never means an empty folder of the guest, such as its ``/mnt``. But a folder that cannot be
    shared, such as ``/tmp``, is the guest's where the host has none.
    """
    return {path for path, kind in kinds.items() if kind == "there" or (kind == "empty" and system_folder(path))}
