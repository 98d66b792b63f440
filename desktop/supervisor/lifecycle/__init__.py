"""The lifecycle: the one writer of the run state, of the failure and of the endpoint's gate.

phase.py           the phases, the ways between them, and the gate as a function of the phase
lifecycle.py       start, stop, restart, adopt, recover, and work that needs the engine stopped
jobs.py            long work with followers, one piece at a time
boot_plan.py       what the next start of the machine is given: image, disk, accelerator, what the parts add
boot_timeline.py   the timed stages of one start        boot_history.py    those of past starts
restart_policy.py  when to start again what ended by itself
health.py          a real call through the user's own socket, else the hop that fails
status.py          the answer to “what is going on?”
"""
