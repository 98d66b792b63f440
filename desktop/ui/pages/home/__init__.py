"""Engine and machine at a glance, one module per card.

page.py     where the cards are               state.py    what goes on, stages, what failed and the fix
versions.py client and server                 machine.py  load over time, acceleration
disk.py     disk use by kind, with reclaim    boot.py     the last start as a waterfall
events.py   what has happened lately          logs.py     Slipway's own logs
"""

from desktop.ui.models.states import TITLES
from desktop.ui.pages.home.page import HomePage

__all__ = ["TITLES", "HomePage"]
