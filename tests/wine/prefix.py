"""A fresh registry and C: drive, as Wine makes them in half a minute; made once and kept in the cache."""

from __future__ import annotations

import shutil
from pathlib import Path

from installers.common.store import keep, key_of
from tests.wine.root import cache_folder, root_folder
from tests.wine.system import PREFIX, WineSystem

FONTS = {
    "Consolas": "Liberation Mono",
    "Courier New": "Liberation Mono",
    "MS Shell Dlg": "Liberation Sans",
    "MS Shell Dlg 2": "Liberation Sans",
    "Segoe UI": "Liberation Sans",
    "Tahoma": "Liberation Sans",
}
"""Windows' fonts, which may not be copied, and those that stand in for them."""

FONTS_KEY = r"HKEY_CURRENT_USER\Software\Wine\Fonts\Replacements"

BOOT_SECONDS = 400.0


def fresh_prefix() -> Path:
    """The folder with registry and drives, made first when it is not in the cache.

    :raise UserError: Wine cannot be fetched.
    :raise RuntimeError: this computer does not allow what Wine needs.
    """

    def make(folder: Path) -> None:
        with WineSystem(None) as wine:
            booted = wine.run(["wineboot", "--init"], seconds=BOOT_SECONDS)
            assert booted.code == 0, booted
            for name, substitute in FONTS.items():
                added = wine.run(["reg", "add", FONTS_KEY, "/v", name, "/d", substitute, "/f"])
                assert added.code == 0, added
            wine.shut_down()
            shutil.move(wine.prefix, folder / PREFIX)

    key = key_of(root_folder().parent.name, *FONTS, *FONTS.values(), Path(__file__).read_bytes())
    return keep("wine-prefix", key, make, cache_folder()) / PREFIX
