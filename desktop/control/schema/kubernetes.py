"""Kubernetes: whether it is on, how the cluster is, and where it answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KubernetesPartReport:
    """One of the cluster's programs.

    :ivar state: ``starting``, ``running``, ``restarting`` or ``stopped``.    :ivar error: why it was restarted.
    """

    name: str
    state: str
    restarts: int
    error: str


@dataclass(frozen=True)
class KubernetesPortReport:
    """A port of a Service on the host's localhost.

    :ivar protocol: ``tcp`` or ``udp``.    :ivar error: why nothing answers there; empty when the service does.
    """

    namespace: str
    service: str
    protocol: str
    port: int
    error: str = ""


@dataclass(frozen=True)
class KubernetesReport:
    """How it is.

    :ivar enabled: whether it is on.
    :ivar state: ``off``, ``waiting`` (for the engine), ``preparing`` (the image), ``starting``, ``running`` or
        ``failed``, after which it is tried again.
    :ivar text: what goes on, or why it failed; empty when it runs.    :ivar hint: what to do then.
    :ivar version: of Kubernetes; empty while the cluster does not run.
    :ivar server: the API's address on the host; empty while it does not answer.
    :ivar kubeconfig: the user's file that has the context ``slipway``; empty when none has.
    :ivar current: whether that is kubectl's current context.
    :ivar own_file: a kubeconfig with nothing else in it.
    """

    enabled: bool
    state: str
    text: str = ""
    hint: str = ""
    version: str = ""
    server: str = ""
    kubeconfig: str = ""
    current: bool = False
    own_file: str = ""
    parts: tuple[KubernetesPartReport, ...] = ()
    ports: tuple[KubernetesPortReport, ...] = ()


@dataclass(frozen=True)
class KubernetesBackupReport:
    """A backup of the cluster's state, which is taken every hour.

    :ivar version: of Kubernetes: ``v1.37.2``.    :ivar taken: seconds since 1970.    :ivar size: in bytes.
    """

    number: int
    version: str
    taken: float
    size: int


@dataclass(frozen=True)
class RestoreKubernetes:
    """Make the cluster what it was. :ivar number: the backup's."""

    number: int


@dataclass(frozen=True)
class EnableKubernetes:
    """Turn it on.

    :ivar use: make its context kubectl's current one, even if there is one.
    :ivar rebuild: build its image again.
    """

    use: bool
    rebuild: bool
