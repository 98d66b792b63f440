"""Kubernetes' own Python client against the cluster, in an environment of its own."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.cli import Program
from tests.e2e.kubernetes.cluster import MARKS, Kubernetes
from tests.e2e.peers.python import fetch_environment, run_cases

pytestmark = MARKS

CASES = Path(__file__).parent / "python_client.py"
SECONDS = 1800.0


def test_the_python_client(cluster: Kubernetes, kubectl: Program, image: str, tmp_path: Path) -> None:
    environment = {**kubectl.environment, "PEER_IMAGE": image}
    results = run_cases(fetch_environment(), environment, tmp_path, SECONDS, cases=CASES)
    wrong = {name: text for name, text in results.items() if text}
    assert not wrong, "\n\n".join(f"{name}:\n{text}" for name, text in wrong.items())
    assert len(results) == 14, sorted(results)
