"""An image's layers: the instruction that made each, the images that share it, and the bytes that removal frees.

A layer is identified by the chain of contents up to it: images share a layer when their chains begin alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.client.models import Layer

NO_LAYER = (
    *("ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "SHELL"),
    *("STOPSIGNAL", "USER", "VOLUME"),
)
"""Instructions that change only the configuration and make no layer."""

Chain = tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One instruction.

    :ivar chain: the contents up to this layer; empty when the instruction made no layer.
    :ivar sharers: names of other images with the same layer.
    """

    number: int
    layer: Layer
    chain: Chain
    sharers: tuple[str, ...] = ()


def instruction(text: str) -> str:
    """The line of the Dockerfile, without the shell that ran it."""
    text = text.replace("/bin/sh -c #(nop)", "").replace("# buildkit", "").strip()
    return text.replace("/bin/sh -c ", "", 1) if text.startswith("RUN /bin/sh -c ") else text


def steps(history: Sequence[Layer], layers: Chain) -> list[Step]:
    """The instructions, the first one first, each with its layer.

    The engine does not say which of them made a layer. Those with contents did. Of the empty ones, as many did as
    layers are missing; instructions that only change the configuration are the last to be considered.
    """
    ordered = list(reversed(history))
    made = {number for number, layer in enumerate(ordered) if layer.size > 0}
    empty = [number for number in range(len(ordered)) if number not in made]
    empty.sort(key=lambda number: instruction(ordered[number].created_by).partition(" ")[0] in NO_LAYER)
    made.update(empty[: max(0, len(layers) - len(made))])
    found, depth = [], 0
    for number, layer in enumerate(ordered):
        depth += number in made
        found.append(Step(number + 1, layer, layers[:depth] if number in made else ()))
    return found


def freed_bytes(gone: Mapping[str, Sequence[Step]], chains: Mapping[str, Chain], kept: Collection[str]) -> int:
    """Bytes that removing images frees: those of layers that no remaining image has.

    :param gone: ID → the steps of each removed image.    :param chains: ID → the layers of every image.
    :param kept: IDs of the remaining images.
    """
    needed = set(_prefixes(chains[key] for key in kept))
    sizes = {
        step.chain: step.layer.size
        for item in gone.values()
        for step in item
        if step.chain and step.chain not in needed
    }
    return sum(sizes.values())


def _prefixes(chains: Iterable[Chain]) -> Iterable[Chain]:
    return (chain[:depth] for chain in chains for depth in range(1, len(chain) + 1))
