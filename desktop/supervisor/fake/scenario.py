"""What ``SLIPWAY_FAKE`` can say."""

from __future__ import annotations

import os
from dataclasses import dataclass

VARIABLE = "SLIPWAY_FAKE"


@dataclass(frozen=True)
class Scenario:
    """How the stand-in behaves.

    :ivar running: the machine runs already.    :ivar failing: starts fail at the accelerator.
    :ivar slow: stages take seconds instead of moments.
    :ivar held: a start stays at “booting Linux” until the home folder has a file “go-on”.
    :ivar many: 500 containers, 2,000 images and 1,000 pods.
    :ivar empty: an engine with nothing in it.    :ivar busy: containers change their state all the time.
    :ivar two: an engine of Windows containers, too.
    :ivar bare: that engine has to be set up first.    :ivar refused: an administrator refuses its first setup.
    :ivar swarm: the engine manages a swarm.
    :ivar kubernetes: the cluster is on.    :ivar unbuilt: its image cannot be built.
    :ivar loud: the container “web” prints 10,000 lines a second.    :ivar full: the machine's memory is full.
    """

    running: bool = False
    failing: bool = False
    slow: bool = False
    held: bool = False
    many: bool = False
    empty: bool = False
    busy: bool = False
    loud: bool = False
    full: bool = False
    two: bool = False
    bare: bool = False
    refused: bool = False
    swarm: bool = False
    kubernetes: bool = False
    unbuilt: bool = False

    @classmethod
    def parse(cls, text: str) -> Scenario:
        """A scenario out of the variable's words.

        :raise ValueError: an unknown word.
        """
        words = [word for word in text.split(",") if word]
        unknown = [word for word in words if word not in cls.__dataclass_fields__]
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise ValueError(f"{VARIABLE}: {unknown[0]!r} is none of {known}")
        return cls(**dict.fromkeys(words, True))

    @classmethod
    def of_environment(cls) -> Scenario:
        """What the variable says now."""
        return cls.parse(os.environ.get(VARIABLE, ""))
