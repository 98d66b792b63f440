"""A window that says nothing; the variable ``SILENCE`` has the seconds for which it does so."""

from __future__ import annotations

import os
import sys
import time

if __name__ == "__main__":
    print("the last words", file=sys.stderr, flush=True)
    time.sleep(float(os.environ["SILENCE"]))
