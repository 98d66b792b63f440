"""Settings: a form made from the schema, applied together; what is refused says why, in its place.

page.py     the page, its tabs and the model they share     bar.py      applies or discards the draft
form.py     an area of the schema as cards of editors       editors.py  one setting as a widget
resources.py  folders.py  behaviour.py  engine.py  windows.py  proxy.py  docker.py  the tabs that are forms
folder_states.py  how folders are mounted                   diagnosis.py  every check
tls.py      clients on other computers                      tls_client.py  a new one of them
bundle.py   the support bundle, shown before it is saved    reset.py    reset in levels
search.py   finds a setting on any tab

Imports go one way: page → tabs → form → editors → desktop/ui/models/settings.py.
"""

from desktop.ui.pages.settings.page import SettingsPage

__all__ = ["SettingsPage"]
