"""Lines that people copy, and those that the form itself shows, read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.ui.models.run import PLATFORMS, POLICIES, RunRequest
from desktop.ui.models.run_line import is_run_line, read_run_line

WORD = st.text("abc-_ '\"$\\=/é", min_size=1, max_size=8)
NAME = st.from_regex(r"[a-z][a-z0-9]{1,6}", fullmatch=True)

REQUESTS = st.builds(
    RunRequest,
    image=NAME,
    name=st.just("") | NAME,
    ports=st.lists(st.sampled_from(["80", "8080:80", "127.0.0.1:53:53/udp", "9000-9005:9000-9005"])).map(tuple),
    volumes=st.lists(st.builds("{}:/{}".format, NAME, NAME)).map(tuple),
    environment=st.lists(st.builds("{}={}".format, NAME, WORD)).map(tuple),
    network=st.just("") | NAME,
    restart=st.sampled_from(POLICIES),
    cpus=st.sampled_from(["", "1.5"]),
    memory=st.sampled_from(["", "512m"]),
    platform=st.sampled_from(PLATFORMS),
    terminal=st.booleans(),
    remove=st.booleans(),
)


@given(REQUESTS)
def test_what_the_form_shows_can_be_pasted(request: RunRequest) -> None:
    read = read_run_line(request.command_line())
    assert read.request == request
    assert read.left == ()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("docker run nginx", RunRequest("nginx")),
        ("$ sudo docker container run -dp 80:80 nginx", RunRequest("nginx", ports=("80:80",))),
        ("podman run -itd --rm alpine sh", RunRequest("alpine", command="sh", terminal=True, remove=True)),
        ("docker run -p8080:80 --publish=1:1 x:1", RunRequest("x:1", ports=("8080:80", "1:1"))),
        ("docker run -e A=1 --env B=2 -- x -e C=3", RunRequest("x", command="-e C=3", environment=("A=1", "B=2"))),
        ("docker run -m=1g --cpus 2 x", RunRequest("x", memory="1g", cpus="2")),
        ("docker.exe run ^\r\n -v C:\\\\d:/d x", RunRequest("x", volumes=("C:\\d:/d",))),
        ("docker run `\n --net host x", RunRequest("x", network="host")),
        ("docker run --rm=false x", RunRequest("x")),
        ("docker run --mount source=data,target=/d x", RunRequest("x", volumes=("data:/d",))),
    ],
)
def test_lines_of_all_kinds(line: str, wanted: RunRequest) -> None:
    assert is_run_line(line)
    assert read_run_line(line).request == wanted
    assert read_run_line(line).left == ()


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("docker run --gpus all -u 1000:1000 x", ("--gpus all", "--user 1000:1000")),
        ("docker run --privileged -P --init x", ("--privileged", "--publish-all", "--init")),
        ("docker run -e HOME -v /data x", ("--env HOME", "--volume /data")),
        ("docker run --restart on-failure:3 x", ("--restart on-failure:3",)),
        ("docker run --mount type=tmpfs,target=/t x", ("--mount type=tmpfs,target=/t",)),
        ("docker run --entrypoint sh --env-file .env x", ("--entrypoint sh", "--env-file .env")),
    ],
)
def test_what_the_form_has_no_field_for_is_told(line: str, left: tuple[str, ...]) -> None:
    assert read_run_line(line).left == left
    assert read_run_line(line).request.image == "x"


@pytest.mark.parametrize("line", ["docker run", "docker run -p 80:80", "docker ps", "docker run 'x"])
def test_what_is_no_line(line: str) -> None:
    with pytest.raises(ValueError, match=r"image|quotation mark|no “docker run” line"):
        read_run_line(line)


@pytest.mark.parametrize("text", ["nginx", "docker", "docker/run", "docker runner x", "run x"])
def test_images_are_no_lines(text: str) -> None:
    assert not is_run_line(text)
