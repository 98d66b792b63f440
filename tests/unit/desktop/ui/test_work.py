"""What Home shows of containers: what failed first, with its reason."""

from __future__ import annotations

import pytest

from desktop.ui.models.containers import line
from desktop.ui.models.work import failed, why, work_rows
from engine.client.models import Container


def container(name: str, status: str = "Up 2 hours", state: str = "running", created: int = 0) -> Container:
    return Container.of(
        {
            "Id": f"id-{name}",
            "Names": [f"/{name}"],
            "Image": "x",
            "State": state,
            "Status": status,
            "Created": created,
        }
    )


def test_what_failed_is_first_then_projects_then_the_others() -> None:
    found = [
        container("web"),
        container("done", "Exited (0) 2 minutes ago", "exited"),
        container("shop-db"),
        container("builder", "Exited (137) 2 minutes ago", "exited", created=1),
        container("stopped", "Exited (143) 2 minutes ago", "exited"),
        container("newer", "Exited (1) 1 minute ago", "exited", created=2),
    ]
    rows = work_rows(map(line, found), {"id-shop-db": "shop"}, {"id-builder"})
    assert [(row.record.line.name, row.record.what) for row in rows] == [
        ("newer", "exited with 1, 1 minute ago"),
        ("builder", "exited with 137: out of memory, 2 minutes ago"),
        ("shop", "1 of 1 running"),
        ("web", "Up 2 hours"),
    ]


def test_a_project_that_has_ended_is_not_at_work() -> None:
    found = [container("db", "Exited (0) 2 minutes ago", "exited")]
    assert work_rows(map(line, found), {"id-db": "shop"}, ()) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("Exited (139) 3 days ago", "exited with 139: crashed, 3 days ago"),
        ("Exited (3) About an hour ago", "exited with 3, about an hour ago"),
    ],
)
def test_reasons(status: str, words: str) -> None:
    (found,) = failed([line(container("x", status, "exited"))])
    assert why(found, False) == words
