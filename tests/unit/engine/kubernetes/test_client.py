"""The client on the stand-in's API, which forgets versions, refuses and goes away; kubeconfigs and manifests."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest

from desktop.supervisor.fake.catalogue import furnish as furnish_engine
from desktop.supervisor.fake.cluster import store as fake_store
from desktop.supervisor.fake.cluster.door import FakeCluster
from desktop.supervisor.fake.tape import Tape
from desktop.supervisor.fake.world import World
from engine.kubernetes.client import Access, Change, KubernetesClient, read_access
from engine.kubernetes.client.access import context_names
from engine.kubernetes.client.errors import (
    AccessError,
    ClusterUnreachable,
    Conflict,
    Invalid,
    ManifestError,
    NotFound,
    Refused,
)
from engine.kubernetes.client.kinds import DEPLOYMENTS, NODES, PODS, SECRETS
from engine.kubernetes.client.manifest import dump, load, load_all

SECONDS = 30.0


class Stage:
    """A cluster that is up, and a client of it."""

    def __init__(self, folder: Path, *, many: bool = False) -> None:
        self.runs = True
        world = World()
        furnish_engine(world, many=False)
        self.cluster = FakeCluster(world, folder / "config", lambda: self.runs, many=many)

    @property
    def store(self) -> fake_store.Store:
        assert self.cluster.store is not None
        return self.cluster.store

    async def open(self) -> KubernetesClient:
        await self.cluster.open()
        return KubernetesClient(read_access(self.cluster.kubeconfig))


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[KubernetesClient]:
    made = await stage.open()
    async with made:
        yield made
    await stage.cluster.close()


async def seen(changes: AsyncIterator[Change], kind: str, name: str) -> Change:
    """The next such change."""
    async with asyncio.timeout(SECONDS):
        async for change in changes:
            if change.type == kind and change.items[0]["metadata"]["name"].startswith(name):
                return change
    raise AssertionError("the changes have ended")


async def pods(client: KubernetesClient, prefix: str) -> list[str]:
    found, _ = await client.list(PODS)
    return [one["metadata"]["name"] for one in found if one["metadata"]["name"].startswith(prefix)]


class TestCalls:
    async def test_a_long_list_comes_in_pieces(self, tmp_path: Path) -> None:
        stage = Stage(tmp_path, many=True)
        async with await stage.open() as client:
            found, version = await client.list(PODS)
            assert len(found) > 1000
            assert int(version) > 1000
            assert len({one["metadata"]["uid"] for one in found}) == len(found)
            assert {(one["apiVersion"], one["kind"]) for one in found} == {("v1", "Pod")}
        await stage.cluster.close()

    async def test_changes_are_followed(self, client: KubernetesClient) -> None:
        async with aclosing(cast(Any, client.follow(PODS))) as changes:
            first = await anext(changes)
            assert first.type == "LISTED"
            assert sum(one["metadata"]["name"].startswith("web-") for one in first.items) == 3
            await client.patch(DEPLOYMENTS, "default", "web", {"spec": {"replicas": 4}}, part="scale")
            await seen(changes, "ADDED", "web-")
            await client.delete(DEPLOYMENTS, "default", "web")
            await seen(changes, "DELETED", "web-")

    async def test_what_was_missed_is_listed_again(
        self, stage: Stage, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """HTTP 410 in the middle of a watch."""
        async with aclosing(cast(Any, client.follow(NODES))) as changes:
            assert (await anext(changes)).type == "LISTED"
            following = asyncio.ensure_future(anext(changes))
            await asyncio.sleep(0)
            tape = Tape[fake_store.Entry](1)
            tape.end = stage.store.tape.end + 10  # all before is forgotten
            monkeypatch.setattr(stage.store, "tape", tape)
            stage.store.put(NODES, stage.store.get(NODES, "", "slipway"))
            again = await asyncio.wait_for(following, SECONDS)
        assert [one["metadata"]["name"] for one in again.items] == ["slipway"]

    async def test_one_objects_events_are_chosen_by_the_server(self, client: KubernetesClient) -> None:
        found, _ = await client.list(PODS, "shop", fieldSelector="metadata.name=db-0")
        assert [one["metadata"]["name"] for one in found] == ["db-0"]

    async def test_kinds_are_found_by_the_cluster(self, client: KubernetesClient) -> None:
        assert await client.kind("apps/v1", "Deployment") is DEPLOYMENTS
        found = await client.kind("apps/v1", "ReplicaSet")
        assert (found.plural, found.namespaced) == ("replicasets", True)
        with pytest.raises(NotFound, match="knows no Boat"):
            await client.kind("apps/v1", "Boat")

    async def test_a_dry_run_changes_nothing(self, client: KubernetesClient) -> None:
        item = await client.get(DEPLOYMENTS, "default", "web")
        wanted = {**item, "spec": {**item["spec"], "replicas": 9}}
        assert (await client.replace(DEPLOYMENTS, wanted, dry_run=True))["spec"]["replicas"] == 9
        assert (await client.get(DEPLOYMENTS, "default", "web"))["spec"]["replicas"] == 3

    async def test_refusals_say_why(self, client: KubernetesClient) -> None:
        with pytest.raises(NotFound, match='pods "nothing" not found'):
            await client.get(PODS, "default", "nothing")
        item = await client.get(DEPLOYMENTS, "default", "web")
        await client.patch(DEPLOYMENTS, "default", "web", {"metadata": {"labels": {"a": "b"}}})
        with pytest.raises(Conflict, match="modified"):
            await client.replace(DEPLOYMENTS, item)
        with pytest.raises(Invalid, match="greater than or equal to 0"):
            await client.patch(DEPLOYMENTS, "default", "web", {"spec": {"replicas": -1}})

    async def test_logs_of_this_instance_and_of_the_one_before(self, client: KubernetesClient) -> None:
        (name,) = await pods(client, "worker-")
        before = [part async for part in client.logs("shop", name, "worker", previous=True)]
        assert b"the instance before" in b"".join(before)
        with pytest.raises(Invalid, match="previous terminated"):
            async for _ in client.logs("shop", name, "sidecar", previous=True):
                pass
        async with aclosing(cast(Any, client.logs("shop", name, "sidecar", follow=True))) as lines:
            assert b"this instance" in await anext(lines)

    async def test_a_cluster_that_has_gone(self, stage: Stage, client: KubernetesClient) -> None:
        stage.runs = False
        with pytest.raises(Refused, match="does not run"):
            await client.version()
        stage.runs = True
        await stage.cluster.close()
        with pytest.raises(ClusterUnreachable):
            await client.version()

    async def test_a_call_that_is_cancelled_in_the_handshake_closes_its_connection(self, tmp_path: Path) -> None:
        """Python warns of a socket that nobody closes, and warnings fail."""
        came: asyncio.Queue[asyncio.StreamReader] = asyncio.Queue()
        left: list[asyncio.StreamWriter] = []

        def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            left.append(writer)
            came.put_nowait(reader)

        async with await asyncio.start_server(take, "127.0.0.1", 0) as silent:
            port = silent.sockets[0].getsockname()[1]
            async with KubernetesClient(Access("here", f"https://127.0.0.1:{port}")) as client:
                call = asyncio.ensure_future(client.version())
                async with asyncio.timeout(SECONDS):
                    reader = await came.get()
                    assert await reader.read(1), "the handshake has begun"
                    call.cancel()
                    await asyncio.wait({call})
                    while await reader.read(1000):  # until the end, which the client has sent
                        pass
            assert call.cancelled()
            for writer in left:
                writer.close()

    async def test_a_rolled_out_template_replaces_the_pods(self, client: KubernetesClient) -> None:
        before = set(await pods(client, "web-"))
        note = {"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}}
        await client.patch(DEPLOYMENTS, "default", "web", note)
        after = set(await pods(client, "web-"))
        assert len(after) == 3
        assert not before & after


class TestAccess:
    def write(self, folder: Path, **user: Any) -> Path:
        path = folder / "config"
        config = {
            "current-context": "here",
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", "tls-server-name": "api"}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [
                {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
                {"name": "lost", "context": {"cluster": "gone", "user": "u"}},
            ],
        }
        path.write_text(dump(config))
        return path

    def test_a_token_and_files_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "client.pem").write_bytes(b"certificate")
        key = base64.b64encode(b"key").decode()
        path = self.write(tmp_path, token="t", **{"client-certificate": "client.pem", "client-key-data": key})
        access = read_access(path)
        assert (access.context, access.namespace, access.server_name) == ("here", "shop", "api")
        assert (access.token, access.certificate, access.key) == ("t", b"certificate", b"key")
        assert access.verify

    @pytest.mark.parametrize(
        ("context", "said"), [("none", "no context “none”"), ("lost", "“lost” in .* names no server")]
    )
    def test_a_context_that_cannot_be_used(self, tmp_path: Path, context: str, said: str) -> None:
        with pytest.raises(AccessError, match=said):
            read_access(self.write(tmp_path), context=context)

    def test_several_files_are_one(self, tmp_path: Path) -> None:
        """kubectl's rules: of two entries with one name the first counts, and each file has its own folder."""
        first, second = tmp_path / "a", tmp_path / "b"
        for folder in (first, second):
            folder.mkdir()
            (folder / "ca.pem").write_bytes(folder.name.encode())
        context = {"name": "both", "context": {"cluster": "far", "user": "u"}}
        far = {"name": "far", "cluster": {"server": "https://far:1", "certificate-authority": "ca.pem"}}
        (first / "config").write_text(
            dump({"contexts": [context], "users": [{"name": "u", "user": {"token": "1"}}]})
        )
        users = [{"name": "u", "user": {"token": "2"}}]
        (second / "config").write_text(dump({"current-context": "both", "clusters": [far], "users": users}))
        paths = (first / "config", second / "config")
        access = read_access(*paths)
        assert (access.server, access.authority, access.token) == ("https://far:1", b"b", "1")
        assert context_names(*paths) == ["both"]

    def test_a_program_that_logs_in_is_not_started(self, tmp_path: Path) -> None:
        with pytest.raises(AccessError, match="logs in by a program"):
            read_access(self.write(tmp_path, exec={"command": "cloud"}))

    def test_a_proxy_is_not_passed_over(self, tmp_path: Path) -> None:
        path = self.write(tmp_path)
        path.write_text(path.read_text().replace("tls-server-name: api", "proxy-url: socks5://far:1"))
        with pytest.raises(AccessError, match="reached by a proxy"):
            read_access(path)

    @pytest.mark.parametrize("text", ["a: [", "- 1", "\x00"])
    def test_a_damaged_file(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "config").write_text(text)
        with pytest.raises(AccessError, match="is damaged"):
            read_access(tmp_path / "config")

    def test_a_damaged_certificate(self, tmp_path: Path) -> None:
        data = base64.b64encode(b"no certificate").decode()
        access = read_access(self.write(tmp_path, **{"client-certificate-data": data, "client-key-data": data}))
        with pytest.raises(AccessError, match="certificates of the context “here”"):
            access.tls()


class TestManifest:
    def test_there_and_back(self) -> None:
        item = {"kind": "ConfigMap", "data": {"b": "two\nlines\n", "a": "true", "ä": "1.10"}}
        text = dump(item)
        assert "b: |\n" in text
        assert load(text) == item

    def test_what_it_is_comes_first(self) -> None:
        text = dump({"spec": {"b": 1, "a": 2}, "kind": "Pod", "apiVersion": "v1"})
        assert text == "apiVersion: v1\nkind: Pod\nspec:\n  b: 1\n  a: 2\n"

    def test_what_nobody_wants_to_see_is_left_out(self) -> None:
        assert "managedFields" not in dump({"metadata": {"managedFields": [1], "name": "a"}})

    def test_several_at_once(self) -> None:
        one = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
        other = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}}
        several = {"apiVersion": "v1", "kind": "List", "items": [other]}
        assert load_all(f"---\n{dump(one)}---\n# nothing\n---\n{dump(several)}") == [one, other]
        with pytest.raises(ManifestError, match="without apiVersion"):
            load_all("kind: Pod\nmetadata: {name: a}\n")
        with pytest.raises(ManifestError, match="A Pod has no name"):
            load_all("apiVersion: v1\nkind: Pod\n")

    @pytest.mark.parametrize(("text", "said"), [("a: b: c", "line 1"), ("- a", "not an object"), ("", "not an")])
    def test_what_is_no_object(self, text: str, said: str) -> None:
        with pytest.raises(ManifestError, match=said):
            load(text)


def test_kinds_have_paths() -> None:
    assert PODS.path() == "/api/v1/pods"
    assert DEPLOYMENTS.path("shop", "web", "scale") == "/apis/apps/v1/namespaces/shop/deployments/web/scale"
    assert NODES.path("ignored", "slipway") == "/api/v1/nodes/slipway"
    assert SECRETS.path("shop") == "/api/v1/namespaces/shop/secrets"
