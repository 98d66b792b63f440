"""The user's work at a glance, and the machine below it; one module per card.

page.py     the arrangement of the cards      state.py    state, stages of a start, failures and fixes
work.py     what runs, what failed, images    dials.py    the machine's load, in three dials
disk.py     disk use by kind, with prune      events.py   recent events
logs.py     Slipway's own logs                about.py    the page about the machine, with the cards of
versions.py client and server                 machine.py  load over time, acceleration
boot.py     the last start as a waterfall
"""

from desktop.ui.models.states import TITLES
from desktop.ui.pages.home.page import HomePage

__all__ = ["TITLES", "HomePage"]
