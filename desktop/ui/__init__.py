"""The window: Qt widgets on top of the control API and the engine client. Imports neither supervisor nor cli.

__main__.py   entry point of the process            app.py              composition root: closing, quitting
bridge.py     the one place where asyncio meets Qt  session.py          status, events and clients
engine_connection.py  one engine: client, events, state   engines.py   the engines that can be chosen
swarm.py      the lists of a swarm                switching.py  Linux or Windows containers
kubernetes/   the cluster: its state and its lists
window.py     sidebar, pages, state bar             tray.py             the tray icon and its menu
theme.py      colours, spacing and type             icons.py            pictures in the theme's colours
context.py    what every page is given              single_instance.py  one window per user
bulk.py       one operation on many objects         collector.py        garbage collection in Qt's thread
stats.py      what running containers use           image_details.py    platform and layers of images
archives.py   images to and from files              report.py           that the window is shown, or why not
memory.py     what is kept from start to start      appearance.py       the settings of the look
words.py      texts in the user's language; locale/ has the catalogues
deferred.py   what is imported when it is used
opening.py    whether there is a screen, and when the window is on it
models/       the engine's objects as rows          widgets/            the parts that pages consist of
pages/        one per place in the sidebar, and one per object
"""
