"""Parts: what runs beside the engine. One protocol, one file each, one ordered list.

base.py          the protocol                     registry.py     calls the parts in order, and keeps their state
engine_events.py the engine's events, read once for those that follow containers
host_network.py  swarm_ports.py                   ports that containers listen on without publishing them
ports.py         published ports, and those that dockerd must not choose
folders.py       shared folders                   file_events.py  their changes, for watchers in containers
host_sockets.py  the host's sockets that containers mount
names.py         the machine's name server        proxies.py      the host's proxy
trust.py         certificates of the host and of registries
tls.py           the TLS listener, for clients on other computers
kubernetes.py    the cluster in the machine       cluster_kubeconfig.py   how kubectl finds it
cluster_restore.py   makes the cluster what it was at a backup
"""
