"""A container as it was created: what is its own, what is its image's, and what the form changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from desktop.ui.models.recreate import (
    body_of,
    changed,
    differences,
    duplicate,
    memory_text,
    own_config,
    request_of,
)
from desktop.ui.models.run import RunRequest

IMAGE: dict[str, Any] = {
    "Env": ["PATH=/bin", "LANG=C"],
    "Cmd": ["nginx", "-g", "daemon off;"],
    "Entrypoint": ["/entry.sh"],
    "ExposedPorts": {"80/tcp": {}},
    "Labels": {"maintainer": "somebody"},
    "WorkingDir": "/srv",
}
KEY = "0123456789ab" + "0" * 52


def inspected(**config: Any) -> dict[str, Any]:
    """As dockerd tells it of ``docker run -p 8080:80 -v data:/data -e MODE=test --name web nginx``."""
    return {
        "Id": KEY,
        "Name": "/web",
        "Config": {
            **IMAGE,
            "Hostname": KEY[:12],
            "Image": "nginx:1.29",
            "Env": ["MODE=test", *IMAGE["Env"]],
            "Labels": {"maintainer": "somebody", "team": "core", "com.docker.compose.project": "shop"},
            "Tty": False,
            **config,
        },
        "HostConfig": {
            "Binds": ["data:/data"],
            "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "53/udp": [{"HostPort": "53"}]},
            "RestartPolicy": {"Name": "unless-stopped"},
            "NetworkMode": "shop_default",
            "CapAdd": ["NET_ADMIN"],
            "Memory": 512 * 2**20,
            "NanoCpus": 1_500_000_000,
            "AutoRemove": False,
        },
        "Mounts": [
            {"Type": "volume", "Name": "data", "Destination": "/data"},
            {"Type": "volume", "Name": "f" * 64, "Destination": "/var/cache"},
        ],
        "NetworkSettings": {
            "Networks": {
                "shop_default": {
                    "Aliases": ["web", KEY[:12]],
                    "IPAMConfig": {"IPv4Address": "172.20.0.9"},
                    "Gateway": "g",
                }
            }
        },
    }


def test_what_the_form_shows() -> None:
    assert request_of(inspected(), IMAGE) == RunRequest(
        "nginx:1.29",
        "web",
        "",
        ("53:53/udp", "8080:80"),
        ("data:/data",),
        ("MODE=test",),
        "shop_default",
        "unless-stopped",
        "1.5",
        "512m",
    )


def test_a_command_of_its_own() -> None:
    assert request_of(inspected(Cmd=["sleep", "1 2"]), IMAGE).command == "sleep '1 2'"


def test_what_is_the_images_is_left_out() -> None:
    own = own_config(inspected(), IMAGE)
    assert own["Env"] == ["MODE=test"]
    assert own["Labels"] == {"team": "core", "com.docker.compose.project": "shop"}
    assert own["ExposedPorts"] == {}
    assert not {"Cmd", "Entrypoint", "WorkingDir", "Hostname", "Image"} & set(own)
    assert own_config(inspected(Hostname="mine"), IMAGE)["Hostname"] == "mine"


def test_a_command_beside_another_entrypoint_is_its_own() -> None:
    """dockerd forgets the image's command where the entrypoint is replaced."""
    own = own_config(inspected(Entrypoint=["/other.sh"]), IMAGE)
    assert (own["Entrypoint"], own["Cmd"]) == (["/other.sh"], IMAGE["Cmd"])


def test_the_same_again() -> None:
    body = body_of(inspected(), IMAGE)
    before = request_of(inspected(), IMAGE)
    made = changed(body, before, before)
    assert made == body
    assert made["HostConfig"]["Binds"] == ["data:/data", f"{'f' * 64}:/var/cache"], "data without a name stays"
    assert made["HostConfig"]["CapAdd"] == ["NET_ADMIN"]
    assert made["NetworkingConfig"]["EndpointsConfig"] == {
        "shop_default": {"Aliases": ["web"], "IPAMConfig": {"IPv4Address": "172.20.0.9"}}
    }


def test_only_what_was_changed_is() -> None:
    body, before = body_of(inspected(), IMAGE), request_of(inspected(), IMAGE)
    after = replace(before, ports=("9090:80",), memory="", environment=("MODE=real", "MORE=1"), image="nginx:2")
    made = changed(body, before, after)
    assert made["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "9090"}]}
    assert made["ExposedPorts"] == {"80/tcp": {}}
    assert made["HostConfig"]["Memory"] == 0
    assert made["Env"] == ["MODE=real", "MORE=1"]
    assert made["Image"] == "nginx:2"
    assert made["HostConfig"]["CapAdd"] == ["NET_ADMIN"]
    assert made["HostConfig"]["NanoCpus"] == 1_500_000_000
    assert "Cmd" not in made, "it is the new image's"
    assert body["HostConfig"]["Memory"] == 512 * 2**20, "the body is not touched"
    assert differences(before, after) == [
        "Image: nginx:1.29 → nginx:2",
        "Ports: 53:53/udp, 8080:80 → 9090:80",
        "Environment: MODE=test → MODE=real, MORE=1",
        "Memory: 512m → none",
    ]


def test_what_the_fields_cannot_hold_stays() -> None:
    told = inspected(Env=["KEY=first\nsecond", "MODE=test"])
    told["HostConfig"]["Binds"] = ["data:/data", "/a,b:/c"]
    body, before = body_of(told, IMAGE), request_of(told, IMAGE)
    assert (before.environment, before.volumes) == (("MODE=test",), ("data:/data",))
    made = changed(body, before, replace(before, environment=(), volumes=("other:/data",)))
    assert made["Env"] == ["KEY=first\nsecond"]
    assert made["HostConfig"]["Binds"] == ["other:/data", "/a,b:/c", f"{'f' * 64}:/var/cache"]


def test_a_duplicate_is_no_member_of_the_project() -> None:
    made = duplicate(body_of(inspected(), IMAGE))
    assert made["Labels"] == {"team": "core"}
    assert made["NetworkingConfig"]["EndpointsConfig"] == {"shop_default": {"Aliases": ["web"]}}


def test_another_containers_network_has_no_endpoint() -> None:
    told = inspected()
    told["HostConfig"]["NetworkMode"] = f"container:{'a' * 64}"
    assert "NetworkingConfig" not in body_of(told, IMAGE)


@pytest.mark.parametrize(
    ("size", "text"), [(0, ""), (2**31, "2g"), (512 * 2**20, "512m"), (1000, "1000"), (3 * 2**10, "3k")]
)
def test_memory(size: int, text: str) -> None:
    assert memory_text(size) == text
