"""The control API: its values, calls, client and the start of the supervisor."""
