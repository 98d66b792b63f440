"""The steps of the setup and of its undoing. What it changes is recorded first, so that nothing else is undone.

Run by an administrator, or by the tests. Each step may be repeated: a setup that was interrupted is run again.
Files are replaced whole, and the service is disabled until the last step, so that nothing half done is used.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from desktop.windows_engine.commands import RESTART_NEEDED, Commands
from desktop.windows_engine.configuration import Configuration
from desktop.windows_engine.files import told
from desktop.windows_engine.folder_check import IsTrusted, is_administrators, require_own_folders
from desktop.windows_engine.places import DESCRIPTION, DISPLAY_NAME, GROUP, SERVICE, Places
from desktop.windows_engine.record import Changed
from vm.errors import HostError
from vm.services.service_config import DEMAND, DISABLED, change_config
from vm.services.state import Service
from vm.services.windows import WindowsService

EXISTS, NO_SUCH_SERVICE, MARKED_FOR_DELETE, NOT_ACTIVE = 1073, 1060, 1072, 1062
"""Errors of services (winerror.h)."""

EVENTS = rf"HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\{SERVICE}"
"""Where a program that writes to the event log is registered (Microsoft, "Event Sources")."""

Tell = Callable[[str], object]
ChangeConfig = Callable[[str, int, str | None, str | None], None]


@dataclass(frozen=True)
class Plan:
    """What is asked for.

    :ivar program: the dockerd.exe that came with Slipway.
    :ivar user: the account that may use the engine from now on, besides those that do, as ``DOMAIN\\name``.
    :ivar sid: its security identifier.
    :ivar features: those to switch on.    :ivar settings: of the user, for daemon.json.
    """

    program: Path
    user: str
    sid: str
    features: Sequence[str]
    settings: Mapping[str, Any] = field(default_factory=dict)


class Setup:
    """:param tell: called with one line for each step.    :param is_trusted: of a folder: an administrator's.

    :param service: the engine's; None: Windows' own.    :param change_config: changes its configuration.
    """

    def __init__(
        self,
        places: Places,
        commands: Commands,
        tell: Tell,
        is_trusted: IsTrusted = is_administrators,
        service: Service | None = None,
        change_config: ChangeConfig = change_config,
    ) -> None:
        self._places = places
        self._commands = commands
        self._tell = tell
        self._is_trusted = is_trusted
        self._change_config = change_config
        self._configuration = Configuration(places, commands, service or WindowsService(SERVICE))

    def install(self, plan: Plan) -> bool:
        """Set it up; whether Windows has to be restarted.

        :raise HostError: a step has failed; those before it stay, and are not repeated in vain.
        """
        require_own_folders(self._places, self._is_trusted)
        changed = Changed.read(Path(self._places.record))
        self._make_folders()
        restart = self._switch_on(plan.features, changed)
        changed.users[plan.sid] = plan.user
        self._make_group(plan.user, changed)
        self._place_program(plan.program)
        self._tell("writing its configuration")
        self._configuration.make(plan.settings, changed)
        self._register(changed.users)
        return restart

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Use other settings in daemon.json from now on; an engine that runs is restarted.

        :raise HostError: they cannot be used; the old ones count.
        """
        require_own_folders(self._places, self._is_trusted)
        self._tell("changing its configuration")
        self._configuration.change(settings, Changed.read(Path(self._places.record)))

    def remove(self, *, data: bool, features: bool) -> bool:
        """Take the service away; whether Windows has to be restarted.

        :param data: delete its images, containers and volumes.
        :param features: switch off what the setup has switched on.
        :raise HostError: a step has failed.
        """
        require_own_folders(self._places, self._is_trusted)
        changed = Changed.read(Path(self._places.record))
        self._unregister()
        changed.users = {}
        self._tell("deleting the program")
        self._delete(Path(self._places.programs))
        restart = False
        if features:
            for name in reversed(changed.features):
                self._tell(f"switching off the Windows feature “{name}”")
                restart |= self._dism("/Disable-Feature", name)
            changed.features = []
        if changed.group:
            self._commands.need("delete the group", "net", "localgroup", GROUP, "/delete", harmless=(2,))
            changed.group = False
        if data:
            self._tell("deleting its images, containers and volumes")
            self._delete(Path(self._places.data))
        elif Path(self._places.data).exists():
            self._keep(changed)
        return restart

    # -- the steps ----------------------------------------------------------------------------------------------

    def _make_folders(self) -> None:
        self._tell("making its folders")
        for folder, mode in ((self._places.programs, 0o777), (self._places.data, 0o700)):
            with told(f"{folder} cannot be made"):
                Path(folder).mkdir(mode=mode, parents=True, exist_ok=True)  # 0o700: nobody else, from the start
        require_own_folders(self._places, self._is_trusted)  # another user may have been faster
        # SYSTEM and administrators, and nobody else: the engine's data root holds what its containers wrote
        full = ("*S-1-5-18:(OI)(CI)F", "*S-1-5-32-544:(OI)(CI)F")
        for change in (("/setowner", "*S-1-5-32-544"), ("/inheritance:r", "/grant:r", *full)):
            self._commands.need("protect its data", "icacls", str(self._places.data), *change, "/l", "/q")

    def _switch_on(self, features: Sequence[str], changed: Changed) -> bool:
        restart = False
        for name in features:
            self._tell(f"switching on the Windows feature “{name}”, which takes minutes")
            before = list(changed.features)
            if name not in before:
                changed.features.append(name)
                self._keep(changed)
            try:
                restart |= self._dism("/Enable-Feature", name)
            except HostError:
                changed.features = before
                self._keep(changed)
                raise
        return restart

    def _dism(self, verb: str, feature: str) -> bool:
        more = ("/All",) if verb == "/Enable-Feature" else ()
        what = f"change the Windows feature “{feature}”"
        argv = ("dism", "/Online", verb, f"/FeatureName:{feature}", *more, "/NoRestart", "/Quiet")
        code = self._commands.need(what, *argv, harmless=(RESTART_NEEDED,))
        return code != 0

    def _make_group(self, user: str, changed: Changed) -> None:
        self._tell(f"making the group “{GROUP}”")
        if self._commands.need("look for its group", "net", "localgroup", GROUP, harmless=(2,)):  # there is none
            changed.group = True
            self._keep(changed)
            comment = "/comment:May use the engine of Windows containers"
            self._commands.need("make its group", "net", "localgroup", GROUP, "/add", comment, harmless=(2,))
        self._commands.need("add you to its group", "net", "localgroup", GROUP, user, "/add", harmless=(2,))

    def _place_program(self, program: Path) -> None:
        self._tell("copying the engine")
        self._stop()
        new = Path(self._places.programs / "dockerd.new.exe")
        with told("The engine cannot be copied"):
            try:
                shutil.copyfile(program, new)
                new.replace(Path(self._places.program))
            finally:
                new.unlink(missing_ok=True)

    def _register(self, sids: Iterable[str]) -> None:
        self._tell("registering the service")
        line = (
            f'"{self._places.program}" --run-service --service-name {SERVICE} '
            f'--config-file "{self._places.configuration}"'
        )
        what = "register the service"
        settings = ("binPath=", line, "start=", "disabled", "DisplayName=", DISPLAY_NAME)
        if self._commands.need(what, "sc", "create", SERVICE, *settings, harmless=(EXISTS,)):
            self._change_config(SERVICE, DISABLED, line, DISPLAY_NAME)
        self._commands.need(what, "sc", "description", SERVICE, DESCRIPTION)
        self._commands.need(
            what, "sc", "failure", SERVICE, "reset=", "86400", "actions=", "restart/15000/restart/15000//"
        )
        self._commands.need(what, "sc", "sdset", SERVICE, descriptor(sids))
        for name, kind, value in (
            ("EventMessageFile", "REG_EXPAND_SZ", str(self._places.program)),
            ("TypesSupported", "REG_DWORD", "7"),
        ):
            self._commands.need(what, "reg", "add", EVENTS, "/v", name, "/t", kind, "/d", value, "/f")
        self._change_config(SERVICE, DEMAND, None, None)  # last: it is complete

    def _unregister(self) -> None:
        self._tell("removing the service")
        self._stop()
        self._commands.need(
            "remove the service", "sc", "delete", SERVICE, harmless=(NO_SUCH_SERVICE, MARKED_FOR_DELETE)
        )
        self._commands.need("remove it from the event log", "reg", "delete", EVENTS, "/f", harmless=(1,))

    def _stop(self) -> None:
        """``net stop`` waits until the service has stopped."""
        self._commands.need("stop the service", "net", "stop", SERVICE, harmless=(2,))

    def _keep(self, changed: Changed) -> None:
        with told(f"{self._places.record} cannot be written"):
            changed.write(Path(self._places.record))

    @staticmethod
    def _delete(folder: Path) -> None:
        if folder.exists():
            with told(f"{folder} cannot be deleted", "Restart Windows and try again."):
                shutil.rmtree(folder)


def descriptor(sids: Iterable[str]) -> str:
    """Who may do what with the service (SDDL; Microsoft, "Service Security and Access Rights").

    SYSTEM and administrators everything; its users start, stop and ask; whoever is logged in ask.

    :param sids: its users'.
    """
    users = "".join(f"(A;;CCLCSWRPWPLORC;;;{sid})" for sid in sids)
    return f"D:(A;;CCLCSWRPWPDTLOCRRC;;;SY)(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;BA){users}(A;;CCLCSWLORC;;;IU)"
