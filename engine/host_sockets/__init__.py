"""The host's sockets that containers mount: the SSH agent's, the engine's, those of shared folders.

sockets.py   which ones a container can have, and how a connection gets from the machine to the host
agents.py    the user's SSH agents, as logins come and go
record.py    remembers which ones containers have mounted
"""

from engine.host_sockets.agents import SshAgents
from engine.host_sockets.record import SSH_AGENT
from engine.host_sockets.sockets import FOLDER, HostSockets

__all__ = ["FOLDER", "SSH_AGENT", "HostSockets", "SshAgents"]
