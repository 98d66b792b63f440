"""Admission: what is checked and amended before the engine gets a request that makes it mount something.

requests.py      which requests these are
filter.py        the stream around a client in which they are found; framing.py finds where messages end
pipeline.py      the steps in order, with one parse and one dump of each request
documents.py     bodies, understood as dockerd understands them
inspect.py       what the engine knows of a container that is to be started, of volumes and of plugins
folders.py       shared folders that were replaced on the host
bind_mounts.py   which bind mounts are possible: mount_sources.py finds them, real_place.py follows their links,
                 guest_paths.py asks the guest
proxies.py       the host's proxy for new containers    host_gateway.py  the host's address in their hosts
ports.py         ports that dockerd must not choose
pulls.py         the answer to a pull, to whose error is added what to do about it: platforms.py knows that
"""

from engine.endpoint.admission.filter import AdmittedStream
from engine.endpoint.admission.pipeline import Admission, Step, Unchecked
from engine.endpoint.admission.platforms import PlatformAdvice

__all__ = ["Admission", "AdmittedStream", "PlatformAdvice", "Step", "Unchecked"]
