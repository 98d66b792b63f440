"""What the daemon.json of the engine for Windows containers may contain: Windows' dockerd takes fewer keys.

Source: ``cmd/dockerd/config_windows.go`` of Moby 28. An administrator's process writes the file
(desktop/windows_engine), which asks ``dockerd.exe --validate`` first.
"""

from __future__ import annotations

from collections.abc import Iterator

from desktop.settings.daemon import CHOICES, KINDS, OWNED, Keys, problems
from desktop.settings.fields import Problem

_TAKEN = """authorization-plugins bridge builder cdi-spec-dirs debug default-network-opts default-runtime dns
dns-opts dns-search exec-opts experimental features fixed-cidr host-gateway-ips insecure-registries labels
log-driver log-format log-level log-opts max-concurrent-downloads max-concurrent-uploads max-download-attempts
metrics-addr mtu network-control-plane-mtu network-diagnostic-port node-generic-resources proxies raw-logs
registry-mirrors shutdown-timeout storage-opts swarm-default-advertise-addr tls tlscacert tlscert tlskey
tlsverify"""

WINDOWS = Keys(
    kinds={key: KINDS[key] for key in _TAKEN.split()},
    owned=OWNED | {"containerd-plugins-namespace"},
    choices={key: CHOICES[key] for key in ("log-level", "log-format")},
    runtimes=("com.docker.hcsshim.v1", "io.containerd.runhcs.v1"),
    exec_opts="isolation=",
)


def windows_problems(daemon: object) -> Iterator[Problem]:
    """Everything in ``daemon`` that dockerd would not start with on Windows."""
    return problems(daemon, WINDOWS)
