"""A program for tests: says what it was started with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    print(os.environ["GREETING"], sys.argv[1])
    print(Path.cwd())
    print(os.getsid(0))
