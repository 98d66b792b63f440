"""When the cluster is stopped for good, only the packet filter rules of Kubernetes are deleted."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import vm.image

DOWN = Path(vm.image.__file__).parent / "kubernetes" / "rootfs" / "down"
SAVED = """\
*mangle
:PREROUTING ACCEPT [12:34]
:KUBE-KUBELET-CANARY - [0:0]
COMMIT
*filter
:INPUT ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-FIREWALL - [0:0]
-A INPUT -j KUBE-FIREWALL
-A FORWARD -m comment --comment "mine -j KUBE-X" -j DOCKER
-A KUBE-FIREWALL -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -j DROP
COMMIT
"""
RESTORED = """\
*mangle
:KUBE-KUBELET-CANARY - [0:0]
-X KUBE-KUBELET-CANARY
COMMIT
*filter
:KUBE-FIREWALL - [0:0]
-D INPUT -j KUBE-FIREWALL
-X KUBE-FIREWALL
COMMIT
"""


def test_only_rules_of_kubernetes_are_deleted(tmp_path: Path) -> None:
    for name in ("iptables", "ip6tables"):
        program(tmp_path / f"{name}-save", f"cat {tmp_path}/saved")
        program(tmp_path / f"{name}-restore", f'echo "$@" >{tmp_path}/{name}.args; cat >{tmp_path}/{name}.out')
    (tmp_path / "saved").write_text(SAVED)
    script = DOWN.read_text().replace("/usr/lib/slipway/kubernetes/bin/cluster", "true")
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", script, "down", "clean"], env={**os.environ, "PATH": path}, check=True)
    for name in ("iptables", "ip6tables"):
        assert (tmp_path / f"{name}.out").read_text() == RESTORED
        assert (tmp_path / f"{name}.args").read_text() == "--noflush --wait\n"


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
