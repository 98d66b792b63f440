"""Images as rows: one for each image, with its tags below it if there are several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from desktop.ui.models.facts import USERS as USED_BY
from desktop.ui.models.facts import Described, Fact
from desktop.ui.models.format import age, short_id, size
from desktop.ui.models.origin import HERE, Origin
from desktop.ui.models.records import Column, Row
from engine.client.models import Container, Image

NONE = "<none>"
DANGLING = "dangling"


@dataclass(frozen=True)
class ImageDetails:
    """What the list of images lacks. :ivar layers: digests of the layers' contents, the lowest first."""

    platform: str
    layers: tuple[str, ...]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ImageDetails:
        """From the values of ``inspect``."""
        parts = (values.get("Os"), values.get("Architecture"), values.get("Variant"))
        layers = (values.get("RootFS") or {}).get("Layers") or ()
        return cls("/".join(str(part) for part in parts if part), tuple(layers))


@dataclass(frozen=True)
class Line:
    """An image, or one of its tags.

    :ivar reference: its name in commands: the tag, else the ID.    :ivar users: names of containers.
    :ivar details: image ID → details; entries are added while the line exists.    :ivar origin: its engine.
    :ivar doing: what brings it, and how far that is: ``Pulling 40 %``.
    """

    image: Image
    repository: str
    tag: str
    reference: str
    users: tuple[str, ...]
    details: Mapping[str, ImageDetails] = field(default_factory=dict, compare=False, repr=False)
    is_tag: bool = False
    origin: Origin = HERE
    doing: str = ""

    @property
    def is_new(self) -> bool:
        """Whether the engine does not have it yet."""
        return bool(self.doing)

    @property
    def platform(self) -> str:
        """Such as ``linux/arm64``; empty while it is not known."""
        found = self.details.get(self.image.id)
        return "" if found is None else found.platform

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the line stands for: a tag, all tags of an image, or its ID."""
        return (self.reference,) if self.is_tag else self.image.tags or (self.image.id,)

    @property
    def dangling(self) -> bool:
        """Whether the image has no tag."""
        return not self.image.tags


def split_tag(reference: str) -> tuple[str, str]:
    """Repository and tag; a colon before the last slash is a registry's port."""
    head, slash, last = reference.rpartition("/")
    base, _, tag = last.partition(":")
    return f"{head}{slash}{base}", tag or "latest"


def rows(
    images: Iterable[Image],
    containers: Iterable[Container],
    details: Mapping[str, ImageDetails],
    before: Iterable[Row] = (),
    origin: Origin = HERE,
) -> list[Row]:
    """One row for each image.

    :param before: the current rows; unchanged ones are kept.    :param origin: the engine of all of them.
    """
    users: dict[str, list[str]] = {}
    for container in containers:
        users.setdefault(container.image_id, []).append(container.name)
    known = {row.key: row for row in before}

    def line(image: Image, name: str, tag: str, reference: str, *, is_tag: bool = False) -> Line:
        return Line(image, name, tag, reference, tuple(users.get(image.id, ())), details, is_tag, origin)

    made = []
    for image in images:
        before_it = known.get(image.id)
        if before_it is None or not _is_same(before_it.record, image, tuple(users.get(image.id, ())), origin):
            before_it = _row(image, line)
        made.append(before_it)
    return made


def arriving_line(key: str, name: str, doing: str, began: int, origin: Origin = HERE) -> Line:
    """The line of an image that is on its way. :param key: of what brings it."""
    image = Image(key, (name,), (), began, 0, 0, 0, {})
    return Line(image, name, doing, name, (), origin=origin, doing=doing)


def _is_same(line: Line, image: Image, users: tuple[str, ...], origin: Origin) -> bool:
    return line.image is image and line.users == users and line.origin == origin


def _row(image: Image, line: Callable[..., Line]) -> Row:
    if not image.tags:
        name = image.digests[0].partition("@")[0] if image.digests else NONE
        return Row(image.id, line(image, name, DANGLING, image.id))
    if len(image.tags) == 1:
        return Row(image.id, line(image, *split_tag(image.tags[0]), image.tags[0]))
    lines = [line(image, *split_tag(tag), tag, is_tag=True) for tag in image.tags]
    repositories = list(dict.fromkeys(item.repository for item in lines))
    more = f" and {len(repositories) - 1} more" if len(repositories) > 1 else ""
    tags = ", ".join(dict.fromkeys(item.tag for item in lines))
    top = replace(lines[0], repository=repositories[0] + more, tag=tags, is_tag=False)
    return Row(image.id, top, tuple(Row(f"{image.id} {item.reference}", item) for item in lines))


def _digest(item: Line) -> str:
    return item.image.digests[0].partition("@sha256:")[2][:12] if item.image.digests else ""


def searched(item: Line) -> str:
    """The text that the search looks at."""
    return " ".join(
        [*item.image.tags, *item.image.digests, item.image.id, item.repository, item.tag, item.platform]
    )


def _shared(item: Line) -> str:
    return size(item.image.shared) if item.image.shared > 0 else ""


def _shared_tip(item: Line) -> str:
    shared = max(0, item.image.shared)
    return f"{size(shared)} of layers shared with other images, {size(item.image.size - shared)} of its own"


def _once(text: Callable[[Line], str]) -> Callable[[Line], str]:
    """For the image's own row only: the rows of its tags would repeat it."""
    return lambda item: "" if item.is_tag or item.is_new else text(item)


def describe(item: Line) -> Described:
    """What the panel beside the list says."""
    if item.is_new:
        return Described(item.reference, item.doing, ())
    image = item.image
    facts = (
        Fact("Names", ", ".join(image.tags)),
        Fact(USED_BY, links=item.users),
        Fact("Platform", item.platform),
        Fact("Shared", _shared(item)),
        Fact("Created", age(image.created)),
        Fact("ID", short_id(image.id)),
        Fact("Digest", _digest(item)),
    )
    return Described(short_id(image.id) if item.dangling else item.reference, size(image.size), facts)


REPOSITORY, TAG, ID, DIGEST, PLATFORM, SIZE, SHARED, CREATED, USERS = range(9)

COLUMNS = (
    Column("Repository", lambda item: item.repository, width=0, least=220),
    Column("Tags", lambda item: item.tag, width=120),
    Column(
        "Image ID", _once(lambda item: short_id(item.image.id)), tip=lambda item: item.image.id, width=118, rank=6
    ),
    Column("Digest", _once(_digest), tip=lambda item: "\n".join(item.image.digests), width=118, rank=7),
    Column("Platform", _once(lambda item: item.platform), width=124, rank=4),
    Column(
        "Size",
        _once(lambda item: size(item.image.size)),
        lambda item: item.image.size,
        width=72,
        right=True,
        rank=1,
    ),
    Column("Shared", _once(_shared), lambda item: item.image.shared, _shared_tip, width=72, right=True, rank=5),
    Column(
        "Created", _once(lambda item: age(item.image.created)), lambda item: -item.image.created, width=112, rank=3
    ),
    Column("In use by", _once(lambda item: ", ".join(item.users)), width=130, rank=2),
)
