"""Entry point of the window: ``python -m desktop.ui``."""

from __future__ import annotations

import sys

from desktop.ui.app import main
from vm.errors import UserError

if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"{error.message}\n{error.hint}")
