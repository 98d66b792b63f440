"""Images as rows: one image is one row; its further tags open below it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from desktop.ui.models.format import age, short_id, size
from desktop.ui.models.records import Column, Row
from engine.client.models import Container, Image

NONE = "<none>"


@dataclass(frozen=True)
class Line:
    """An image, or one of its tags.

    :ivar reference: what commands call it by: the tag, else the ID.    :ivar users: names of containers.
    """

    image: Image
    repository: str
    tag: str
    reference: str
    users: tuple[str, ...]
    is_tag: bool = False

    @property
    def dangling(self) -> bool:
        """Whether nothing names it."""
        return not self.image.tags


def split_tag(reference: str) -> tuple[str, str]:
    """Repository and tag; a colon before the last slash is a registry's port."""
    head, slash, last = reference.rpartition("/")
    base, _, tag = last.partition(":")
    return f"{head}{slash}{base}", tag or "latest"


def rows(images: Iterable[Image], containers: Iterable[Container]) -> list[Row]:
    """One row for each image."""
    users: dict[str, list[str]] = {}
    for container in containers:
        users.setdefault(container.image_id, []).append(container.name)
    return [_row(image, tuple(users.get(image.id, ()))) for image in images]


def _row(image: Image, users: tuple[str, ...]) -> Row:
    if not image.tags:
        name = image.digests[0].partition("@")[0] if image.digests else NONE
        return Row(image.id, Line(image, name, NONE, image.id, users))
    lines = [Line(image, *split_tag(tag), tag, users, is_tag=True) for tag in image.tags]
    if len(lines) == 1:
        return Row(image.id, Line(image, lines[0].repository, lines[0].tag, lines[0].reference, users))
    repositories = list(dict.fromkeys(item.repository for item in lines))
    more = f" and {len(repositories) - 1} more" if len(repositories) > 1 else ""
    top = Line(image, repositories[0] + more, ", ".join(item.tag for item in lines), lines[0].reference, users)
    return Row(image.id, top, tuple(Row(f"{image.id} {item.reference}", item) for item in lines))


def _digest(item: Line) -> str:
    return item.image.digests[0].partition("@sha256:")[2][:12] if item.image.digests else ""


def searched(item: Line) -> str:
    """What the search looks at."""
    return " ".join([*item.image.tags, *item.image.digests, item.image.id, item.repository, item.tag])


def _shared(item: Line) -> str:
    return size(item.image.shared) if item.image.shared > 0 and not item.is_tag else ""


def _size(item: Line) -> str:
    return "" if item.is_tag else size(item.image.size)


REPOSITORY, TAG, ID, DIGEST, SIZE, SHARED, CREATED, USERS = range(8)

COLUMNS = (
    Column("Repository", lambda item: item.repository, width=0),
    Column("Tags", lambda item: item.tag, width=150),
    Column("Image ID", lambda item: short_id(item.image.id), tip=lambda item: item.image.id, width=118),
    Column("Digest", _digest, tip=lambda item: "\n".join(item.image.digests), width=118),
    Column(
        "Size",
        _size,
        lambda item: item.image.size,
        width=80,
        right=True,
    ),
    Column("Shared", _shared, lambda item: item.image.shared, width=76, right=True),
    Column("Created", lambda item: age(item.image.created), lambda item: -item.image.created, width=110),
    Column("In use by", lambda item: "" if item.is_tag else ", ".join(item.users), width=150),
)
