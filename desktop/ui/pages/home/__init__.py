"""Engine and machine at a glance, one module per card.

page.py     the arrangement of the cards      state.py    state, stages of a start, failures and fixes
versions.py client and server                 machine.py  load over time, acceleration
disk.py     disk use by kind, with prune      boot.py     the last start as a waterfall
events.py   recent events                     logs.py     Slipway's own logs
"""

from desktop.ui.models.states import TITLES
from desktop.ui.pages.home.page import HomePage

__all__ = ["TITLES", "HomePage"]
