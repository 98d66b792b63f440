"""Services: programs that outlive Slipway and are started and stopped by name.

state.py     what a service can be, and what it is asked for
windows.py   a service of Windows, by its Service Control Manager
service_config.py  when such a service starts, and its command line
event_log.py what a service has written to Windows' event log
process.py   a program of one's own in the place of a service, where there is none to be had
"""
