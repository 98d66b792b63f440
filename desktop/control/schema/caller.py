"""Who asks: the variables of a client's environment on which an answer depends. They travel with every request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from desktop.control.codec import decode, encode

HEADER = "Slipway-Caller"
"""The header of a request that has it: JSON in ASCII."""

LONGEST = 16384
"""Characters of one value; a PATH has a few hundred."""

HEADER_BYTES = 2 * 1024 * 1024
"""More than the header of the longest values; a character takes up to twelve bytes in it."""

Value = Annotated[str, Meta(max_length=LONGEST, pattern=r"\A[^\x00]*\Z")]


@dataclass(frozen=True, repr=False)
class CallerEnvironment:
    """A client's variables; empty: not set. Proxies may hold passwords, so it has no text of its own.

    :ivar docker_config: its docker command's folder of settings, absolute: DOCKER_CONFIG, else ``~/.docker``.
    :ivar path: PATH without relative folders, in which Go's programs look for nothing (os/exec).
    :ivar ssh_auth_sock: absolute.    :ivar kubeconfig: absolute paths.
    :ivar http_proxy: in either case, small letters first; so are the next three.
    """

    docker_config: Value = ""
    docker_host: Value = ""
    docker_context: Value = ""
    path: Value = ""
    ssh_auth_sock: Value = ""
    kubeconfig: Value = ""
    http_proxy: Value = ""
    https_proxy: Value = ""
    no_proxy: Value = ""
    all_proxy: Value = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> CallerEnvironment:
        """That of this process, or of another in the same folder. A value that is too long is left out."""
        names = [field.name for field in fields(cls)]
        values = {name: environment.get(name.upper()) or "" for name in names}
        values |= {name: environment.get(name) or values[name] for name in names if name.endswith("_proxy")}
        values["docker_config"] = str(Path(values["docker_config"] or Path.home() / ".docker").absolute())
        folders = values["path"].split(os.pathsep)
        values["path"] = os.pathsep.join(folder for folder in folders if Path(folder).is_absolute())
        configs = [part for part in values["kubeconfig"].split(os.pathsep) if part]
        values["kubeconfig"] = os.pathsep.join(str(Path(part).absolute()) for part in configs)
        if values["ssh_auth_sock"]:
            values["ssh_auth_sock"] = str(Path(values["ssh_auth_sock"]).absolute())
        return cls(**{name: value for name, value in values.items() if len(value) <= LONGEST})

    @classmethod
    def from_header(cls, text: str) -> CallerEnvironment:
        """:raise DecodeError: it is none."""
        return decode(cls, text)

    def header(self) -> str:
        """For :data:`HEADER`."""
        return encode({name: value for name, value in vars(self).items() if value}).decode("ascii")

    def variables(self) -> dict[str, str]:
        """The variables that are set, by their names in capitals."""
        return {name.upper(): value for name, value in vars(self).items() if value}

    def within(self, environment: Mapping[str, str]) -> dict[str, str]:
        """``environment`` with these variables, set or not, in place of its own."""
        carried = {field.name for field in fields(self)}
        others = {name: value for name, value in environment.items() if name.lower() not in carried}
        return {**others, **self.variables()}
