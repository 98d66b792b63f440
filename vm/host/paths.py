"""Every on-disk name in one place.

One folder holds all of an installation (``~/.slipway``, on Windows ``%LOCALAPPDATA%\\Slipway``); the variable
``SLIPWAY_HOME`` moves it, which is how tests run side by side. System images are shared between installations,
are found by content, and can be made again: they live in the user's cache folder.

    HOME/                       0700
      settings.json             desktop.settings.store
      boots.json                timings of past starts
      activities.json           what the window has done, and what came of it
      engine.json               which of several engines is in use
      context.json              what was changed in Docker's configurations
      helpers.json              credential helpers that were taken out of docker's config.json
      kubernetes/               0700: the cluster's own kubeconfig, and what was changed in the user's
      removed-volumes/          0700: copies of volumes that were removed in the window
      tls/                      0700: the authority and the clients of the TLS listener, where there is one
      run/                      0700: sockets, locks, what is true only now
        docker.sock             the endpoint          control.sock      the supervisor's control API
                                (on Windows pipes: docker_slipway, slipway_control …)
        docker-linux.sock       the Linux engine alone, where there is another one
        docker-windows.sock     the engine of Windows containers
        engine.process.json     its process, where it is no service
        supervisor.lock         single instance       qemu.json         the running QEMU: pid, start time, spec
        starting.lock           held by the client that starts the supervisor, and that one's process
        qmp.sock                QEMU's monitor        guest.sock        the guest's control port
        link.sock               the way to the guest's agent
        channels/               on Windows, the key that QEMU asks for at these three
        folders.sock            the server of shared folders
        share.sock              for a moment, the way to one of virtiofs
        ssh-KEY/                one way to another engine by ssh: OpenSSH's control sockets, and where it asks
        daemon.json             what dockerd was given at the machine's start; so are its other small files
      machine/
        data.qcow2              everything of the user's
        sockets.json            the host's sockets that its containers mount
        keys/                   keys of this installation (0600)
      logs/                     supervisor.log, console.log, qemu.log, folders.log, virtiofsd-N.log, engine.log
                                console.previous.log and qemu.previous.log: of the QEMU before
    INSTALLATION/               see :func:`vm.host.programs.installation`
      images/                   images that came with the package (:func:`bundled_images`)
      qemu/, docker/            programs that did (:func:`bundled_qemu`, :func:`bundled_docker`)
    CACHE/
      images/VERSION/           kernel, initramfs, root.erofs, manifest.json
      kubernetes/VERSION/       kubernetes.erofs, manifest.json
      accelerators.json         verdicts
    /tmp/slipway-UID-HASH/      only where docker cannot read the socket's path: a link to it
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vm.errors import HostError
from vm.host.docker_address import link_to
from vm.host.programs import installation

SOCKET_PATH_LIMIT = 103
"""Bytes a Unix socket's path may have: ``sun_path`` is 104 on macOS and 108 on Linux, one is the final NUL."""

PIPES = "\\\\.\\pipe\\"
"""What the paths of named pipes begin with (CreateNamedPipe, Windows API)."""

DEFAULT_SOCKET, DEFAULT_PIPE = Path("/var/run/docker.sock"), Path(f"{PIPES}docker_engine")
"""Where the docker command looks when nothing names an engine (client.DefaultDockerHost in its sources)."""

IMAGE_URL = "SLIPWAY_IMAGE_URL"
"""The variable that names a server of system images; see vm/image/download.py."""


WINDOWS_ENGINE = "SLIPWAY_WINDOWS_ENGINE"
"""The variable that names a program in the place of the engine of Windows containers, whose service it stands for:
its command line as a JSON list, in which ``{socket}`` is the path, and ``{address}`` the address, that it is to
listen at. It need be no engine of Windows containers, nor this computer a Windows (CONTRIBUTING.md)."""


def windows_engine_program() -> str:
    """The command line in that variable; empty when there is none."""
    return os.environ.get(WINDOWS_ENGINE, "")


def image_url() -> str:
    """The address that system images are downloaded from; empty when there is none."""
    return os.environ.get(IMAGE_URL, "")


def bundled_images() -> Path:
    """The folder of system images that came with the installed package; it need not exist."""
    return installation() / "images"


def bundled_qemu() -> Path:
    """The folder of QEMU's programs that came with the installed package; it need not exist."""
    return installation() / "qemu"


def bundled_docker() -> Path:
    """The folder of docker's programs that came with the installed package; it need not exist."""
    return installation() / "docker"


def docker_address(path: Path) -> str:
    """The address of a local socket or pipe as the docker command reads it: for DOCKER_HOST and contexts."""
    if str(path).startswith(PIPES):
        return f"npipe://{str(path).replace(chr(92), '/')}"
    return f"unix://{path}"


def _make_private(folder: Path) -> None:
    folder.chmod(0o700)


@dataclass(frozen=True)
class Paths:
    """The names below one installation's ``home`` and the shared ``cache``.

    :ivar pipes: on Windows, what the names of its named pipes end with; None where there are Unix sockets.
    :ivar make_private: lets only this user into a folder.
    """

    home: Path
    cache: Path
    pipes: str | None = None
    make_private: Callable[[Path], None] = field(default=_make_private, compare=False, repr=False)

    @property
    def settings(self) -> Path:
        return self.home / "settings.json"

    @property
    def boots(self) -> Path:
        return self.home / "boots.json"

    @property
    def activities(self) -> Path:
        return self.home / "activities.json"

    @property
    def helpers(self) -> Path:
        return self.home / "helpers.json"

    @property
    def contexts(self) -> Path:
        return self.home / "context.json"

    @property
    def tls(self) -> Path:
        return self.home / "tls"

    @property
    def removed_volumes(self) -> Path:
        return self.home / "removed-volumes"

    @property
    def kubernetes(self) -> Path:
        return self.home / "kubernetes"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def daemon_json(self) -> Path:
        return self.run / "daemon.json"

    @property
    def docker_socket(self) -> Path:
        return self._local("docker.sock", "docker_slipway")

    @property
    def linux_socket(self) -> Path:
        return self._local("docker-linux.sock", "docker_slipway_linux")

    @property
    def windows_socket(self) -> Path:
        return self._local("docker-windows.sock", "docker_slipway_windows")

    @property
    def engine_record(self) -> Path:
        return self.home / "engine.json"

    @property
    def engine_process(self) -> Path:
        return self.run / "engine.process.json"

    @property
    def engine_log(self) -> Path:
        return self.logs / "engine.log"

    @property
    def docker_link(self) -> Path | None:
        """Where docker finds its socket when it cannot read the socket's path (docker_address.py); else None."""
        return None if self.pipes is not None else link_to(self.docker_socket)

    @property
    def docker_host(self) -> str:
        """The engine's address as the docker command reads it: for DOCKER_HOST and contexts."""
        return docker_address(self.docker_link or self.docker_socket)

    @property
    def control_socket(self) -> Path:
        return self._local("control.sock", "slipway_control")

    @property
    def link_socket(self) -> Path:
        return self.run / "link.sock"

    @property
    def lock(self) -> Path:
        return self.run / "supervisor.lock"

    @property
    def starting_lock(self) -> Path:
        return self.run / "starting.lock"

    @property
    def qemu_record(self) -> Path:
        return self.run / "qemu.json"

    @property
    def qmp_socket(self) -> Path:
        return self.run / "qmp.sock"

    @property
    def guest_socket(self) -> Path:
        return self.run / "guest.sock"

    @property
    def channel_keys(self) -> Path:
        return self.run / "channels"

    @property
    def folders_socket(self) -> Path:
        return self._local("folders.sock", "slipway_folders")

    @property
    def share_socket(self) -> Path:
        return self.run / "share.sock"

    def ssh(self, key: str) -> Path:
        """The folder of one way to another engine. :param key: a random word."""
        return self.run / f"ssh-{key}"

    def ask_socket(self, key: str) -> Path:
        """Where ssh asks for what this way needs: a password, a decision."""
        return self._local(f"ssh-{key}/ask.sock", f"slipway_ask_{key}")

    @property
    def machine(self) -> Path:
        return self.home / "machine"

    @property
    def data_disk(self) -> Path:
        return self.machine / "data.qcow2"

    @property
    def sockets(self) -> Path:
        return self.machine / "sockets.json"

    @property
    def keys(self) -> Path:
        return self.machine / "keys"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def supervisor_log(self) -> Path:
        return self.logs / "supervisor.log"

    @property
    def console_log(self) -> Path:
        return self.logs / "console.log"

    @property
    def qemu_log(self) -> Path:
        return self.logs / "qemu.log"

    @property
    def folders_log(self) -> Path:
        return self.logs / "folders.log"

    @property
    def images(self) -> Path:
        return self.cache / "images"

    @property
    def kubernetes_images(self) -> Path:
        return self.cache / "kubernetes"

    @property
    def verdicts(self) -> Path:
        return self.cache / "accelerators.json"

    def _local(self, socket: str, pipe: str) -> Path:
        """Where local programs reach us: a socket in the run folder, or a pipe, whose names all users share."""
        return self.run / socket if self.pipes is None else Path(f"{PIPES}{pipe}{self.pipes}")

    def prepare(self) -> None:
        """Create the folders, private to the user, and check the sockets' path lengths.

        :raise HostError: a folder cannot be made, or a socket's path would be too long for the system.
        """
        longest = max(
            (self.docker_socket, self.control_socket, self.qmp_socket, self.guest_socket, self.link_socket),
            key=lambda path: len(os.fsencode(path)),
        )
        length = len(os.fsencode(longest))
        if self.pipes is None and length > SOCKET_PATH_LIMIT:
            raise HostError(
                f"The path of Slipway's socket is too long: {length} bytes, and {SOCKET_PATH_LIMIT} are allowed",
                "Set SLIPWAY_HOME to a shorter path.",
                str(longest),
            )
        try:
            for folder in (self.home, self.run, self.machine, self.keys, self.logs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.make_private(folder)
            self.images.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(
                f"Slipway cannot use its folder {self.home}: {error.strerror}",
                "Check the folder's owner and permissions and the free space, or set SLIPWAY_HOME.",
                str(error),
            ) from error
