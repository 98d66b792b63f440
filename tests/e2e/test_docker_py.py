"""docker-py's own integration tests against our socket: a few minutes' worth of them, or (``--run-slow``) all.

Nothing is skipped that a plain dockerd would pass: dockerpy/expected.toml has the list, with reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.cli import Program
from tests.e2e.dockerpy.suite import Suite, fetch_suite, run_suite
from tests.e2e.dockerpy.verdict import Expectations, Result, selected, summary
from tests.e2e.registry import Registry

pytestmark = pytest.mark.machine

QUICK_SECONDS = 900.0
ALL_SECONDS = 3600.0

STAND_INS = ("alpine:3.10", "alpine:latest", "busybox:latest", "hello-world:latest")
RECIPE = """\
FROM {base}
RUN echo {name} >/name
CMD ["{command}"]
"""
"""Each has a layer of its own, as the real ones have: one test wants to see its space given back."""

KINDS = {"container": ("ps", "-aq"), "network": ("network", "ls", "-q"), "volume": ("volume", "ls", "-q")}


@pytest.fixture(scope="module")
def suite() -> Suite:
    return fetch_suite()


@pytest.fixture(scope="module")
def images(docker: Program, busybox: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """The images docker-py's tests ask for, made from ours; afterwards the engine is as it was.

    One of the tests prunes every image without a container, so what was there is saved and loaded again.
    """
    containers = {kind: set(docker(*listing).split()) for kind, listing in KINDS.items()}
    before = image_names(docker)
    archive = tmp_path_factory.mktemp("docker-py") / "before.tar"
    docker("save", "-o", archive, *sorted(before))
    for name in STAND_INS:
        recipe = RECIPE.format(base=busybox, name=name, command="pwd" if name.startswith("hello") else "sh")
        docker("build", "-q", "-t", name, "-", stdin=recipe)
    yield STAND_INS
    for kind, listing in KINDS.items():
        left = set(docker(*listing).split()) - containers[kind]
        if left:
            docker(kind, "rm", "-f", *left)
    after = image_names(docker)
    if after - before:
        docker("image", "rm", "-f", *(after - before))
    docker("image", "prune", "-f")
    if before - after:
        docker("load", "-i", archive)


def image_names(docker: Program) -> set[str]:
    """The names of the engine's images."""
    listed = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    return {name for name in listed if "<none>" not in name}


@dataclass(frozen=True)
class Setting:
    """What the tests run in.

    :ivar shared: a folder whose contents containers can mount.
    :ivar have: what tests need that is here (``mirror``: the engine asks our registry before the public one).
    """

    suite: Suite
    socket: Path
    shared: Path
    have: frozenset[str]


@pytest.fixture(scope="module")
def setting(
    suite: Suite,
    images: tuple[str, ...],
    docker: Program,
    docker_socket: Path,
    shared_folder: Path,
    registry: Registry,
) -> Setting:
    mirrors = docker("info", "-f", "{{json .RegistryConfig.Mirrors}}")
    if registry.address not in mirrors:
        return Setting(suite, docker_socket, shared_folder, frozenset())
    for name in images:
        pushed = f"{registry.address}/library/{name}"
        docker("tag", name, pushed)
        docker("push", "-q", pushed)
        docker("image", "rm", pushed)
    return Setting(suite, docker_socket, shared_folder, frozenset({"mirror"}))


def check(setting: Setting, tests: list[str], folder: Path, seconds: float) -> dict[str, Result]:
    """Run, give what did not come out as it should a second try, and fail when that does not help."""
    expectations = Expectations.read()
    left_out = {test: why for test, why in expectations.left_out(setting.have).items() if selected(tests, test)}
    (folder / "first").mkdir()
    results = run_suite(setting.suite, setting.socket, tests, left_out, folder / "first", setting.shared, seconds)
    again = [line.partition(": ")[0] for line in expectations.judge(results)]
    if again:
        print("a second try:", *expectations.judge(results), sep="\n")
        (folder / "second").mkdir()
        results |= run_suite(setting.suite, setting.socket, again, (), folder / "second", setting.shared, seconds)
    print(summary(results, left_out))
    wrong = expectations.judge(results)
    assert not wrong, f"{len(wrong)} not as on a plain dockerd:\n\n" + "\n\n".join(wrong)
    return results


@pytest.mark.timeout(QUICK_SECONDS * 2)
def test_the_quick_part(setting: Setting, tmp_path: Path) -> None:
    results = check(setting, Expectations.read().quick, tmp_path, QUICK_SECONDS)
    assert sum(result.outcome == "passed" for result in results.values()) >= 45


@pytest.mark.slow("more than 300 tests, up to an hour")
@pytest.mark.timeout(ALL_SECONDS * 2)
def test_all(setting: Setting, tmp_path: Path) -> None:
    results = check(setting, [""], tmp_path, ALL_SECONDS)
    known = {**results, **Expectations.read().left_out(setting.have)}
    assert len(results) >= 300
    strangers = set(Expectations.read().exceptions) - set(known)
    assert not strangers, f"expected.toml names tests that docker-py does not have: {sorted(strangers)}"
