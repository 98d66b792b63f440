"""Sets the engine of Windows containers up, and takes it away again. Only an administrator can do that.

requirements.py   what the engine needs of Windows, whether it is there, and what brings it
places.py         the service's name, its folders and files
commands.py       Windows' own programs that do the work; the one place that runs them
folder_check.py   refuses links and other users' folders in the place of its own
configuration.py  daemon.json, of which a part comes from the settings
record.py         what the setup has changed            files.py   errors of work with files
setup.py          the steps, each of which can be undone
manage.py         setup and removal as the user asks for them, handed to an administrator's process
elevation.py      starts that one, after Windows has asked the user
__main__.py       what runs then: ``--run-module desktop.windows_engine COMMAND``

The service runs as SYSTEM, so all that it executes or reads lies where only administrators can write.
"""
