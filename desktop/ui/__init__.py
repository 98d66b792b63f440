"""The window: Qt widgets on top of the control API and the engine client. Imports neither supervisor nor cli.

__main__.py    the process: one window per user       app.py       puts the parts together
bridge.py      the one place where asyncio meets Qt   session.py   status, events and clients, kept alive
collector.py   garbage, in Qt's thread only
window.py      sidebar, pages, state bar              tray.py      the icon beside the clock
theme.py       colours, spacing and type              icons.py     pictures in the theme's colours
models/        what the engine has, as rows           widgets/     what pages are made of
pages/         one per place in the sidebar, and one per object
actions.py     what can be done to objects, and how it is told
"""
