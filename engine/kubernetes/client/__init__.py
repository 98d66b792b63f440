"""A thin client of the Kubernetes API, for the window: objects as JSON, over HTTP/1.1 and TLS.

    async with KubernetesClient(read_access(kubeconfig)) as cluster:
        async for change in cluster.follow(PODS): ...

Why not a library: lightkube brings a second HTTP stack and typed models of every kind, kr8s seven packages and no
place for our transport, whose calls are safe to cancel (engine/cancellation.py). The window needs a dozen calls.

access.py    a kubeconfig → server, certificates, token        client.py    the calls
channels.py  commands in pods, and their ports (WebSockets)    forwarding.py  a port of this computer to a pod's
kinds.py     where each kind of object is in the API           errors.py    what can go wrong
manifest.py  objects as YAML                                   transport.py HTTP over TLS
"""

from __future__ import annotations

from engine.kubernetes.client.access import Access, read_access
from engine.kubernetes.client.client import Change, KubernetesClient

__all__ = ["Access", "Change", "KubernetesClient", "read_access"]
