"""Kubernetes: the cluster in Slipway's machine.

page.py        the frame: the switch, or tabs and the choice of a namespace
switch.py      while the cluster does not run: why, and what to do
overview.py    node, parts and what needs attention
scope.py       what all tabs share, the namespace among it
listed.py      the frame of a list             workloads.py  pods.py  services.py  config.py  storage.py  events.py
frame.py       the frame of an object's page   detail.py     that of any object   values.py  of its values
pod.py         that of a pod, with logs and terminal            apply.py      manifests out of files
pod_session.py a terminal by the cluster's API                  ports.py      ports of a pod on this computer
restore.py     a choice of the cluster's backups
operations.py  scale, restart, roll back       manifest.py   an object as YAML, to read and edit
"""

from __future__ import annotations

from desktop.ui.pages.kubernetes.page import KubernetesPage

__all__ = ["KubernetesPage"]
