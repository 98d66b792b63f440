"""What the stand-in's world is furnished with at first: enough of everything to see a page at work."""

from __future__ import annotations

import time

from desktop.supervisor.fake.world import World

DAY = 86400
MB = 1_000_000

IMAGES = (
    ("nginx:1.29", "nginx:latest", 197 * MB, 6 * DAY),
    ("postgres:17", "postgres:latest", 438 * MB, 12 * DAY),
    ("redis:8", None, 128 * MB, 20 * DAY),
    ("alpine:3.22", "alpine:latest", 8 * MB, 41 * DAY),
    ("debian:trixie-slim", None, 79 * MB, 9 * DAY),
    ("node:24-bookworm-slim", None, 226 * MB, 3 * DAY),
    ("ghcr.io/example/very/deep/path/to/an/image-with-a-long-name:2026.11.24-rc1", None, 310 * MB, 1 * DAY),
)

DECLARED: dict[str, dict[str, tuple[str, ...]]] = {
    "nginx:1.29": {"ports": ("80/tcp",), "env": ("NGINX_VERSION=1.29.3",)},
    "postgres:17": {
        "ports": ("5432/tcp",),
        "volumes": ("/var/lib/postgresql/data",),
        "env": ("PG_MAJOR=17", "PGDATA=/var/lib/postgresql/data"),
    },
    "redis:8": {"ports": ("6379/tcp",), "volumes": ("/data",)},
}
"""EXPOSE, VOLUME and ENV of images."""

LOG = (
    ("172.17.0.1 - - GET / 200 615",),
    ("172.17.0.1 - - GET /favicon.ico 404 153",),
    ('[error] open() "/usr/share/nginx/html/favicon.ico" failed (2: No such file or directory)', 2),
    ("172.17.0.1 - - GET / 304 0",),
)
"""Lines of a web server's log; 2 is standard error."""

LOGS = {
    "shop-web-1": (
        '{"level":"info","msg":"listening on http://localhost:3000"}',
        "\x1b[32mGET\x1b[0m /cart \x1b[33m302\x1b[0m 4 ms",
        '{"level":"warn","msg":"the session of cart 7 has expired"}',
        "\x1b[32mGET\x1b[0m /login \x1b[36m200\x1b[0m 2 ms",
    ),
    "shop-db-1": (
        "2026-11-30 10:00:00.000 UTC [1] LOG:  database system is ready to accept connections",
        '2026-11-30 10:00:04.000 UTC [60] ERROR:  relation "carts" does not exist at character 15',
        "2026-11-30 10:00:04.000 UTC [60] STATEMENT:  SELECT * FROM carts",
    ),
    "shop-cache-1": ("1:M 30 Nov 2026 10:00:00.000 * Ready to accept connections tcp",),
}
"""Container → lines of its log, as such programs print them."""

COMPOSE = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"


def furnish(world: World, *, many: bool) -> None:
    """Fill an empty world.

    :param many: 500 containers and 2,000 images, to see whether lists stay fluid.
    """
    for first, second, size, age in IMAGES:
        world.add_image(
            *(tag for tag in (first, second) if tag), size=size, age=age, declared=DECLARED.get(first, {})
        )
    world.add_image(size=95 * MB, age=2 * DAY)
    world.add_image("alpine-arm:3.22", size=9 * MB, arch="arm64", age=41 * DAY, labels={"team": "core"})
    for name in ("bridge", "host", "none"):
        world.create_network(name, driver="null" if name == "none" else name)
    world.create_network("shop_default", subnet="172.20.0.0/16")
    world.create_volume("shop_db")
    world.create_volume("cache")
    _container(world, "web", "nginx:1.29", ports={"80/tcp": 8080, "443/tcp": 8443}, health="healthy")
    for line in LOG:
        world.log(world.container("web"), *line)
    _container(world, "shop-web-1", "node:24-bookworm-slim", project="shop", ports={"3000/tcp": 3000})
    _container(world, "shop-db-1", "postgres:17", project="shop", binds=["shop_db:/var/lib/postgresql/data"])
    _container(world, "shop-cache-1", "redis:8", project="shop", health="starting")
    for name, lines in LOGS.items():
        for text in lines:
            world.log(world.container(name), text)
    _container(world, "builder", "debian:trixie-slim", state="exited", code=137)
    _container(world, "one-shot-task-with-quite-a-long-name-indeed", "alpine:3.22", state="exited")
    _container(world, "sleeper", "alpine:3.22", state="paused")
    if many:
        for number in range(493):
            state = "running" if number % 3 else "exited"
            _container(world, f"worker-{number:03}", "alpine:3.22", state=state, code=number % 2)
        for number in range(1991):
            world.add_image(f"registry.example/team-{number % 40}/app:{number}", size=(number % 300 + 5) * MB)
    world.events.clear()


def furnish_windows(world: World) -> None:
    """Fill the world of an engine of Windows containers."""
    server, iis = (
        "mcr.microsoft.com/windows/nanoserver:ltsc2022",
        "mcr.microsoft.com/windows/servercore/iis:latest",
    )
    world.add_image(server, size=296 * MB, age=20 * DAY)
    world.add_image(iis, size=4600 * MB, age=33 * DAY)
    for name, driver in (("nat", "nat"), ("none", "null")):
        world.create_network(name, driver=driver)
    world.create_volume("cache")
    world.create_volume("wwwroot")
    _container(world, "intranet", iis, ports={"80/tcp": 8081}, network="nat")
    _container(world, "reports", server, state="exited", network="nat")
    world.events.clear()


def _container(
    world: World,
    name: str,
    image: str,
    *,
    project: str = "",
    state: str = "running",
    code: int = 0,
    ports: dict[str, int] | None = None,
    binds: list[str] | None = None,
    health: str = "",
    network: str = "bridge",
) -> None:
    labels = {COMPOSE: project, SERVICE: name.split("-")[1]} if project else {}
    bindings = {port: [{"HostIp": "", "HostPort": str(number)}] for port, number in (ports or {}).items()}
    config = {
        "Image": image,
        "Labels": labels,
        "Cmd": ["/bin/sh", "-c", "run"],
        "Env": ["PATH=/usr/bin:/bin", f"NAME={name}"],
        "HostConfig": {
            "PortBindings": bindings,
            "Binds": binds or [],
            "NetworkMode": f"{project}_default" if project else network,
            "RestartPolicy": {"Name": "unless-stopped" if project else "no"},
        },
    }
    item = world.create(config, name)
    item["_health"] = health
    item["Created"] = int(time.time()) - 3 * 3600
    item["_since"] = time.time() - 2 * 3600
    world.start(item["Id"])
    if state == "exited":
        world.stop(item["Id"], code)
        item["_since"] = time.time() - 1800
    elif state == "paused":
        world.pause(item["Id"], True)
