"""What ``docker buildx`` offers: secrets, agents, caches, contexts and results of every kind.

With the engine's own image store buildx exports neither archives of images nor caches, on no dockerd; the last
tests use a machine of their own with containerd's image store, which does.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from installers.checkout import system
from installers.checkout.fetch import FOREIGN
from tests.e2e.cli import Program, venv_program
from tests.e2e.conftest import START_SECONDS, RunningMachine
from tests.e2e.leftovers import assert_nothing_left
from tests.e2e.peers.buildx import Builds
from tests.e2e.publishing import socat_archive
from tests.e2e.registry import Registry
from tests.e2e.test_docker_platform import MACHINE_NAMES
from vm.host import host

pytestmark = pytest.mark.machine

slow = pytest.mark.slow("many builds; the quick part of each suite runs always")

IDENTITIES = (
    "mkfifo /ask; socat - UNIX-CONNECT:$SSH_AUTH_SOCK < /ask > /identities & exec 3>/ask;"
    r" printf '\0\0\0\1\13' >&3; until [ $(wc -c < /identities) -ge {size} ]; do sleep 0.1; done;"
    " exec 3>&-; base64 -w0 /identities"
)
"""Asks an SSH agent for its keys (draft-miller-ssh-agent, 4.4), and hangs up when it has the answer."""


@pytest.fixture
def build(docker: Program, busybox: str, tmp_path: Path) -> Iterator[Builds]:
    tag = f"peers/{uuid.uuid4().hex[:10]}:built"
    (tmp_path / "context").mkdir()
    yield Builds(docker, tmp_path / "context", busybox, tag)
    docker.run("rmi", "-f", tag)


# -- what a step is given -----------------------------------------------------------------------------------------


def test_secrets_and_a_cache_that_stays(build: Builds, tmp_path: Path) -> None:
    """From the environment and from a file, and neither is in the image; the cache is in no image either."""
    (tmp_path / "file").write_text("of a file")
    cache = f"--mount=type=cache,id={uuid.uuid4().hex},target=/cache"
    build.write(
        "ARG ROUND",
        "RUN --mount=type=secret,id=file --mount=type=secret,id=word,env=WORD"
        " cat /run/secrets/file > /told; echo -n ,$WORD >> /told",
        f"RUN {cache} echo $ROUND >> /cache/rounds; cp /cache/rounds /rounds",
    )
    secrets = ("--secret", f"id=file,src={tmp_path / 'file'}", "--secret", "id=word,env=PEER_WORD")
    for number in ("1", "2"):
        build("-t", build.tag, "--build-arg", f"ROUND={number}", *secrets, environment={"PEER_WORD": "hush"})
    read = "cat /told; echo; cat /rounds; [ -e /cache ] || [ -e /run/secrets ] || echo gone"
    assert build.shows("sh", "-c", read) == "of a file,hush\n1\n2\ngone"


def test_the_users_ssh_agent(build: Builds, tmp_path: Path) -> None:
    """A real one; and a key by itself, for which buildx is the agent."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = base64.b64decode(key.with_suffix(".pub").read_text().split()[1])
    (build.folder / "socat.tar").write_bytes(socat_archive())
    ask = IDENTITIES.format(size=4 + 1 + 4 + 4 + len(public))
    build.write("ADD socat.tar /", f"RUN --mount=type=ssh {ask} > /told")
    with running_agent(tmp_path) as socket:
        subprocess.run(["ssh-add", "-q", key], env={"SSH_AUTH_SOCK": str(socket)}, check=True)
        build("-t", build.tag, "--no-cache", "--ssh", "default", environment={"SSH_AUTH_SOCK": str(socket)})
    assert public in base64.b64decode(build.shows("cat", "/told"))
    build("-t", build.tag, "--no-cache", "--ssh", f"default={key}")
    assert public in base64.b64decode(build.shows("cat", "/told"))


@contextmanager
def running_agent(folder: Path) -> Iterator[Path]:
    """An SSH agent; the path of its socket."""
    socket = folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)
    with process:
        assert process.stdout
        process.stdout.readline()  # it says where it listens as soon as it does
        try:
            yield socket
        finally:
            process.terminate()


@slow
def test_steps_mount_from_the_context_and_from_images(build: Builds) -> None:
    (build.folder / "tool").write_text("echo tool of the context $(ls /scratch | wc -l)")
    build.write(
        f"FROM {build.image} AS first",
        "RUN echo of another stage > /file",
        f"FROM {build.image}",
        "RUN --mount=type=bind,source=tool,target=/tool --mount=type=bind,from=first,source=/file,target=/file"
        " --mount=type=tmpfs,target=/scratch sh /tool > /told && cat /file >> /told",
        "RUN --mount=type=bind,target=/context,rw echo changed > /context/tool && cat /context/tool >> /told",
        f"RUN --mount=type=bind,from={build.image},source=/bin,target=/other ls /other | wc -l >> /told",
    )
    build("-t", build.tag)
    told = build.shows("cat", "/told").splitlines()
    assert told[:3] == ["tool of the context 0", "of another stage", "changed"]
    assert int(told[3]) > 100
    assert (build.folder / "tool").read_text().startswith("echo tool")


# -- contexts -----------------------------------------------------------------------------------------------------


def test_contexts_by_name(build: Builds, busybox: str, tmp_path: Path) -> None:
    """A folder, and an image in place of another that the recipe names."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "file").write_text("of the second context\n")
    build.write("COPY --from=more file /", "COPY --from=tools /bin/busybox /copied/")
    contexts = (f"more={tmp_path / 'more'}", f"tools=docker-image://{busybox}")
    build("-t", build.tag, *(f"--build-context={context}" for context in contexts))
    assert build.shows("cat", "/file") == "of the second context"
    assert build.shows("/copied/busybox", "echo", "runs") == "runs"


@slow
def test_a_context_of_10000_files(build: Builds) -> None:
    """All arrive; the next time only what has changed is sent."""
    total = hashlib.sha256()
    for number in range(10_000):
        path = build.folder / "files" / f"{number % 100:02}" / f"{number:05}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"file {number}\n" * 20)
    for path in sorted((build.folder / "files").rglob("*")):
        if path.is_file():
            total.update(path.read_bytes())
    sums = "find /files -type f | sort | xargs cat | sha256sum > /sum; find /files -type f | wc -l >> /sum"
    build.write("COPY files /files", f"RUN {sums}")
    first = build("-t", build.tag)
    assert build.shows("cat", "/sum").split() == [total.hexdigest(), "-", "10000"]
    (build.folder / "files" / "00" / "00000").write_text("changed")
    second = build("-t", build.tag)
    assert build.shows("cat", "/files/00/00000") == "changed"
    assert "transferring context: 3" in first or "MB" in first
    sent = next(line for line in second.splitlines() if "transferring context:" in line and "done" in line)
    assert "MB" not in sent.partition("context:")[2].split()[0]


@slow
def test_an_ignore_file_of_one_recipe(build: Builds) -> None:
    for name in ("kept", "dropped.log", "special.log"):
        (build.folder / name).write_text(name)
    (build.folder / ".dockerignore").write_text("kept\n")
    (build.folder / "other.Dockerfile.dockerignore").write_text("*.log\n!special.log\nother*\n")
    build.write("COPY . /context", name="other.Dockerfile")
    build("-t", build.tag, "-f", build.folder / "other.Dockerfile")
    assert build.shows("ls", "-A", "/context").split() == [".dockerignore", "kept", "special.log"]


@slow
def test_contexts_from_elsewhere(build: Builds, registry: Registry, tmp_path: Path) -> None:
    """An archive on standard input, and one that the engine fetches from a server on the host."""
    (build.folder / "file").write_text("in an archive")
    build.write("COPY file /")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(build.folder, ".")
    build.docker("buildx", "build", "-q", "-t", build.tag, "-", stdin=archive.getvalue())
    assert build.shows("cat", "/file") == "in an archive"
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "context.tar.gz").write_bytes(archive.getvalue())
    with serving(tmp_path / "web") as port:
        url = f"http://{registry.guest_host}:{port}/context.tar.gz"
        build.docker("buildx", "build", "-q", "-t", build.tag, url)
        digest = hashlib.sha256(archive.getvalue()).hexdigest()
        build.write(f"ADD --checksum=sha256:{digest} {url} /got", f"RUN sha256sum /got | grep {digest}")
        build("-t", build.tag)


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """A web server of a folder on the host's loopback; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(SimpleHTTPRequestHandler, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# -- results ------------------------------------------------------------------------------------------------------


def test_results_as_files(build: Builds, tmp_path: Path) -> None:
    """Into a folder, an archive and standard output, with owners, modes and links as they are in the image."""
    build.write(
        "RUN mkdir /out && echo data > /out/file && chown 12:34 /out/file && chmod 4750 /out/file"
        " && ln -s file /out/link && head -c 3000000 /dev/zero > /out/large",
        "FROM scratch",
        "COPY --from=0 /out /",
    )
    build("--output", f"type=local,dest={tmp_path / 'folder'}", "--output", f"type=tar,dest={tmp_path / 'tar'}")
    assert (tmp_path / "folder" / "file").read_text() == "data\n"
    assert (tmp_path / "folder" / "link").readlink() == Path("file")
    assert (tmp_path / "folder" / "large").stat().st_size == 3_000_000
    with tarfile.open(tmp_path / "tar") as tar:
        entry = tar.getmember("file")
        assert (entry.uid, entry.gid, entry.mode & 0o7777) == (12, 34, 0o4750)
        assert tar.getmember("link").linkname == "file"
    told = subprocess.run(
        [*build.docker.argv, "buildx", "build", "--output", "type=tar,dest=-", build.folder],
        env=build.docker.full_environment,
        capture_output=True,
        check=True,
    )
    assert hashlib.sha256(told.stdout).digest() == hashlib.sha256((tmp_path / "tar").read_bytes()).digest()


@slow
def test_results_by_name_in_a_registry_and_in_records(build: Builds, registry: Registry, tmp_path: Path) -> None:
    name = uuid.uuid4().hex[:10]
    build.write(f"RUN echo {name} > /name")
    metadata, number = tmp_path / "metadata.json", tmp_path / "iid"
    records = ("--metadata-file", metadata, "--iidfile", number)
    build("-t", build.tag, *records)
    made = build.docker("image", "inspect", "-f", "{{.Id}}", build.tag)
    assert number.read_text() == made
    told = json.loads(metadata.read_text())
    assert told["containerimage.config.digest"] == made
    assert told["image.name"] == f"docker.io/{build.tag}"
    reference = f"{registry.address}/{name}:1"
    build("-t", reference, "--push", "--metadata-file", metadata)
    digest, _ = registry.manifest(name, "1")
    assert json.loads(metadata.read_text())["containerimage.digest"] == digest
    build("--output", f"type=registry,name={registry.address}/{name}:2")
    assert registry.manifest(name, "2")[0] == digest
    build.docker.run("rmi", "-f", reference)


@slow
def test_a_cache_in_a_registry(build: Builds, registry: Registry) -> None:
    """Inline, the kind that every engine can write: what no one remembers any more is not made again."""
    name = uuid.uuid4().hex[:10]
    reference = f"{registry.address}/{name}:1"
    build.write("RUN head -c 20 /dev/urandom | sha256sum > /random")
    build("-t", reference, "--cache-to", "type=inline", "--push")
    first = build.docker("run", "--rm", reference, "cat", "/random")
    build.docker("rmi", "-f", reference)
    build.docker("builder", "prune", "-af")
    told = build("-t", reference, "--cache-from", f"type=registry,ref={reference}")
    assert "importing cache manifest" in told
    assert build.docker("run", "--rm", reference, "cat", "/random") == first
    build.docker("rmi", "-f", reference)


@slow
@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--output", "type=oci,dest={}"), "OCI exporter"),
        (("--output", "type=docker,dest={}"), "Docker exporter"),
        (("--cache-to", "type=local,dest={}"), "Cache export"),
        (("--platform", "linux/amd64,linux/arm64"), "Multi-platform build"),
        (("--provenance", "true"), "Attestation"),
    ],
)
def test_what_needs_the_other_image_store(
    build: Builds, tmp_path: Path, options: tuple[str, str], what: str
) -> None:
    """As on any dockerd with its own store."""
    build.write("RUN true")
    told = build.fails(options[0], options[1].format(tmp_path / "out"))
    assert f"{what} is not supported for the docker driver" in told
    assert "turn on the containerd image store" in told


# -- bake, platforms and the rest ---------------------------------------------------------------------------------


@slow
def test_bake(build: Builds) -> None:
    """Targets that build on each other, with variables from the environment."""
    name = build.tag.partition(":")[0]
    (build.folder / "docker-bake.hcl").write_text(
        f"""
variable "WORD" {{ default = "default" }}
group "default" {{ targets = ["one", "two"] }}
target "base" {{
  context = "."
  args = {{ WORD = upper(WORD) }}
}}
target "one" {{
  inherits = ["base"]
  tags = ["{name}:one"]
}}
target "two" {{
  contexts = {{ first = "target:base" }}
  dockerfile-inline = "FROM first\\nRUN cat /word > /again"
  tags = ["{name}:two"]
}}
"""
    )
    build.write("ARG WORD", "RUN echo $WORD > /word")
    file = build.folder / "docker-bake.hcl"
    program = Program(build.docker.argv, {**build.docker.environment, "WORD": "given"})
    plan = json.loads(program("buildx", "bake", "-f", file, "--print"))
    assert plan["target"]["one"]["args"] == {"WORD": "GIVEN"}
    context = ("--set", f"*.context={build.folder}", f"--allow=fs.read={build.folder}", "--progress=quiet")
    program("buildx", "bake", "-f", file, *context, timeout=240)
    assert build.docker("run", "--rm", f"{name}:one", "cat", "/word") == "GIVEN"
    assert build.docker("run", "--rm", f"{name}:two", "cat", "/again") == "GIVEN"
    build.docker("rmi", f"{name}:one", f"{name}:two")


@slow
def test_the_other_architecture(
    machine: RunningMachine, build: Builds, foreign_image: str, registry: Registry
) -> None:
    """Its steps run by emulation, and a native stage can build for it."""
    foreign, own = (FOREIGN[host().arch.value], host().arch.value)
    (build.folder / "Dockerfile").write_text(
        f"FROM --platform=$BUILDPLATFORM {build.image} AS tools\nARG TARGETARCH\n"
        "RUN echo $(uname -m) for $TARGETARCH > /told\n"
        f"FROM {foreign_image}\nCOPY --from=tools /told /\nRUN uname -m >> /told\n"
    )
    build("-t", build.tag, "--platform", f"linux/{foreign}")
    told = build.docker("run", "--rm", "--platform", f"linux/{foreign}", build.tag, "cat", "/told")
    assert told.splitlines() == [f"{MACHINE_NAMES[own]} for {foreign}", MACHINE_NAMES[foreign]]
    assert build.docker("image", "inspect", "-f", "{{.Architecture}}", build.tag) == foreign


@slow
def test_imagetools(build: Builds, registry: Registry, foreign_image: str) -> None:
    """buildx itself talks to the registry, by the name it has on the host."""
    name = uuid.uuid4().hex[:10]
    for image, arch in ((build.image, host().arch.value), (foreign_image, FOREIGN[host().arch.value])):
        build.docker("tag", image, f"{registry.address}/{name}:{arch}")
        build.docker("push", "-q", f"{registry.address}/{name}:{arch}")
        build.docker("rmi", f"{registry.address}/{name}:{arch}")
    local = f"{registry.host_address}/{name}"
    build.docker("buildx", "imagetools", "create", "-t", f"{local}:both", f"{local}:amd64", f"{local}:arm64")
    told = [line.split() for line in build.docker("buildx", "imagetools", "inspect", f"{local}:both").splitlines()]
    assert ["Digest:", registry.manifest(name, "both")[0]] in told
    assert ["Platform:", "linux/amd64"] in told
    assert ["Platform:", "linux/arm64"] in told
    build.docker("pull", "-q", f"{registry.address}/{name}:both")
    build.docker("rmi", f"{registry.address}/{name}:both")


@slow
def test_checks_history_and_disk_usage(build: Builds) -> None:
    build.write("CMD echo shell form", "FROM scratch AS Upper")
    told = build.run("--check")
    assert told.code == 1
    assert "JSONArgsRecommended" in told.out + told.err
    assert "StageNameCasing" in told.out + told.err
    build.write(f"RUN echo {uuid.uuid4().hex}")
    build("-t", build.tag)
    newest = json.loads(build.docker("buildx", "history", "ls", "--format", "json").splitlines()[0])
    assert newest["status"] == "Completed"
    told = build.docker.run("buildx", "history", "logs", newest["ref"].rpartition("/")[2])
    assert f"FROM docker.io/{build.image}" in told.out + told.err
    assert "Total:" in build.docker("buildx", "du")
    assert "Status:           running" in build.docker("buildx", "inspect")


@slow
def test_builds_at_once(build: Builds, docker: Program, tmp_path: Path) -> None:
    """Each has a session of its own; none gets the other's files."""

    def one(number: int) -> str:
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "data").write_bytes(hashlib.shake_256(b"%d" % number).digest(2_000_000))
        mine = Builds(docker, folder, build.image, f"{build.tag}-{number}")
        mine.write("COPY data /", "RUN sha256sum /data > /sum")
        mine("-t", mine.tag)
        told = mine.shows("cat", "/sum").split()[0]
        docker("rmi", "-f", mine.tag)
        return told

    with ThreadPoolExecutor(6) as pool:
        sums = list(pool.map(one, range(6)))
    assert sums == [hashlib.sha256(hashlib.shake_256(b"%d" % n).digest(2_000_000)).hexdigest() for n in range(6)]


# -- containerd's image store -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other_store(
    machine: RunningMachine,
    tmp_path_factory: pytest.TempPathFactory,
    docker_config: Path,
    busybox_archives: dict[str, tuple[Path, str]],
    registry: Registry,
) -> Iterator[Program]:
    """The docker command line at a machine whose engine keeps images in containerd's store, with both images."""
    home = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    own = tmp_path_factory.mktemp("docker-config")
    shutil.copytree(docker_config, own, dirs_exist_ok=True)
    environment = {"SLIPWAY_HOME": str(home), "DOCKER_CONFIG": str(own)}
    slipway = Program((str(venv_program("slipway")),), environment)
    program = system.find_program("docker")
    assert program
    docker = Program((program,), {**environment, "DOCKER_HOST": f"unix://{home / 'run' / 'docker.sock'}"})
    features = {"features": {"containerd-snapshotter": True}, "insecure-registries": [registry.address]}
    try:
        slipway("settings", "set", "daemon", json.dumps(features))
        slipway("start", timeout=START_SECONDS)
        for archive, _ in busybox_archives.values():
            docker("load", "-i", archive)
        yield docker
    finally:
        slipway.run("stop", timeout=300)
    assert_nothing_left(home)
    shutil.rmtree(home)


@slow
def test_archives_and_caches_of_containerds_store(
    other_store: Program, busybox: str, registry: Registry, tmp_path: Path
) -> None:
    docker = other_store
    build = Builds(docker, tmp_path, busybox, "peers/store:built")
    build.write("RUN head -c 20 /dev/urandom | sha256sum > /random")
    build("-t", build.tag, "--provenance=false")
    first = build.shows("cat", "/random")
    oci, archive, cache = tmp_path / "oci.tar", tmp_path / "docker.tar", tmp_path / "cache"
    reference = f"{registry.address}/{uuid.uuid4().hex[:10]}"
    build(
        *("--output", f"type=oci,dest={oci}", "--output", f"type=docker,name={build.tag}-2,dest={archive}"),
        *("--cache-to", f"type=local,dest={cache}"),
        *("--cache-to", f"type=registry,ref={reference}:cache"),
    )
    with tarfile.open(oci) as tar:
        assert {"oci-layout", "index.json"} <= set(tar.getnames())
    docker("load", "-i", archive)
    assert docker("run", "--rm", f"{build.tag}-2", "cat", "/random") == first
    for source in (f"type=local,src={cache}", f"type=registry,ref={reference}:cache"):
        docker("rmi", "-f", build.tag)
        docker("rmi", "-f", f"{build.tag}-2")
        docker("builder", "prune", "-af")
        build("-t", build.tag, "--cache-from", source)
        assert build.shows("cat", "/random") == first
    assert (
        docker("run", "--rm", "-v", "named:/data", build.tag, "sh", "-c", "echo on > /data/x; cat /data/x") == "on"
    )


@slow
def test_several_platforms_in_containerds_store(
    other_store: Program, registry: Registry, busybox_archives: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    """One build for both architectures, pushed under one name."""
    name = uuid.uuid4().hex[:10]
    for arch, (_, image) in busybox_archives.items():
        other_store("tag", image, f"{registry.address}/{name}:{arch}")
        other_store("push", "-q", f"{registry.address}/{name}:{arch}")
    local = f"{registry.host_address}/{name}"
    both = (f"{local}:amd64", f"{local}:arm64")
    other_store("buildx", "imagetools", "create", "-t", f"{local}:base", *both)
    build = Builds(other_store, tmp_path, f"{registry.address}/{name}:base", f"{registry.address}/{name}:built")
    build.write("RUN uname -m > /machine")
    build("-t", build.tag, "--platform", "linux/amd64,linux/arm64", "--push", "--sbom=false", "--provenance=true")
    _, index = registry.manifest(name, "built")
    entries = json.loads(json.dumps(index["manifests"]))
    assert {entry["platform"]["architecture"] for entry in entries} == {"amd64", "arm64", "unknown"}
    for arch in ("amd64", "arm64"):
        told = other_store(
            "run", "--rm", "--pull=always", "--platform", f"linux/{arch}", build.tag, "cat", "/machine"
        )
        assert told == MACHINE_NAMES[arch]
