"""Colours that programs and lists choose, made readable on the window's ground."""

from __future__ import annotations

import colorsys
from functools import lru_cache

Rgb = tuple[int, int, int]
"""Red, green and blue, each up to 255."""

READABLE = 4.5
"""The contrast of text to its ground (WCAG 2.2, 1.4.3)."""

STEPS = 40


def rgb(text: str) -> Rgb:
    """Such as ``#1463b8``."""
    number = int(text.removeprefix("#"), 16)
    return number >> 16, number >> 8 & 255, number & 255


def contrast(first: Rgb, second: Rgb) -> float:
    """From 1 to 21, as WCAG defines it."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@lru_cache(maxsize=4096)
def readable(colour: Rgb, ground: Rgb, ratio: float = READABLE) -> Rgb:
    """The colour, as much lighter or darker as it takes to read it on a ground."""
    if contrast(colour, ground) >= ratio:
        return colour
    hue, light, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    end = 0.0 if _luminance(ground) > 0.18 else 1.0
    for step in range(1, STEPS + 1):
        parts = colorsys.hls_to_rgb(hue, light + (end - light) * step / STEPS, saturation)
        red, green, blue = (round(part * 255) for part in parts)
        if contrast((red, green, blue), ground) >= ratio:
            return red, green, blue
    return (round(end * 255),) * 3


def _luminance(colour: Rgb) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    return sum(weight * linear(part / 255) for weight, part in zip((0.2126, 0.7152, 0.0722), colour, strict=True))
