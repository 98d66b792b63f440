"""Settings. What is refused says why, in its place; Apply is there when something has changed.

page.py   the page and its tabs       form.py      a tab of fields: checked as one types, applied together
resources.py  folders.py  behaviour.py  engine.py  proxy.py  docker.py   tabs of fields
diagnosis.py  every check             bundle.py    the support bundle, shown before it is saved
reset.py      reset in levels
"""

from desktop.ui.pages.settings.page import SettingsPage

__all__ = ["SettingsPage"]
