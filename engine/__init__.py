"""The container engine in the machine, seen from the host; knows nothing of settings, windows or QEMU.

endpoint/        the local socket that `docker` talks to, and the way from there into the machine
client/          the typed client of the engine's API, over that socket
events.py        one stream of the engine's events for all parts that follow the engine
linux.py         what the engine in the machine is, and whether it answers
ports/           published ports        folders/   shared folders
file_events/     changes of the host's files, for watchers in containers
host_sockets/    the host's sockets that containers mount
trust.py         authorities and certificates for registries        proxies.py   the host's proxy
proxy_follower.py   hands a proxy that changes to builds in the machine
contexts.py      Docker contexts (context_store.py the files, context_memory.py what we changed in them,
                 context_trial.py whether one works)
helpers.py       credential helpers that are named and not there
folder_record.py what to undo in Docker's configurations, for both
cancellation.py  HTTP connections that stay usable when a call is cancelled
tls_session.py   TLS whose directions end independently, for tls/ (who listens) and remote/ (who connects)
kubernetes/      the cluster in the machine, and the user's kubeconfig
remote/          other engines: Docker contexts over SSH, TLS and other sockets
rootfs/          files that go into the image for the engine
"""
