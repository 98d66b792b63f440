"""The app: what the user starts, sees and types. Imports engine and vm, and nothing imports it.

settings/     one frozen schema, its file, its migrations
control/      the control API's schema and client: all that the window and the command line know
supervisor/   the one process that owns the machine, the endpoint and the engine
cli/          the `slipway` command
diagnostics/  one check per file
system/       what the desktop part needs of the host
installation/ what an installer asks of the installed program
"""
