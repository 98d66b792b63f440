"""The kinds of objects that the window shows, and where the API has them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    :ivar name: as in a manifest: ``Pod``.    :ivar api: its ``apiVersion``.    :ivar plural: its name in paths.
    :ivar namespaced: whether its objects are in namespaces.
    """

    name: str
    api: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "", part: str = "") -> str:
        """Its path in the API.

        :param namespace: empty for all of them.    :param name: of one object; empty for a list.
        :param part: a subresource, such as ``log``.
        """
        root = "/api" if "/" not in self.api else "/apis"
        where = ("namespaces", namespace) if self.namespaced and namespace else ()
        return "/".join(filter(None, (f"{root}/{self.api}", *where, self.plural, name, part)))


NODES = Kind("Node", "v1", "nodes", namespaced=False)
NAMESPACES = Kind("Namespace", "v1", "namespaces", namespaced=False)
PODS = Kind("Pod", "v1", "pods")
SERVICES = Kind("Service", "v1", "services")
CONFIG_MAPS = Kind("ConfigMap", "v1", "configmaps")
SECRETS = Kind("Secret", "v1", "secrets")
CLAIMS = Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims")
VOLUMES = Kind("PersistentVolume", "v1", "persistentvolumes", namespaced=False)
EVENTS = Kind("Event", "v1", "events")
DEPLOYMENTS = Kind("Deployment", "apps/v1", "deployments")
REPLICA_SETS = Kind("ReplicaSet", "apps/v1", "replicasets")
STATEFUL_SETS = Kind("StatefulSet", "apps/v1", "statefulsets")
DAEMON_SETS = Kind("DaemonSet", "apps/v1", "daemonsets")
CONTROLLER_REVISIONS = Kind("ControllerRevision", "apps/v1", "controllerrevisions")
JOBS = Kind("Job", "batch/v1", "jobs")
CRON_JOBS = Kind("CronJob", "batch/v1", "cronjobs")
INGRESSES = Kind("Ingress", "networking.k8s.io/v1", "ingresses")

NODE_METRICS = Kind("NodeMetrics", "metrics.k8s.io/v1beta1", "nodes", namespaced=False)
POD_METRICS = Kind("PodMetrics", "metrics.k8s.io/v1beta1", "pods")

WORKLOADS = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, JOBS, CRON_JOBS)

ALL = (
    *(NODES, NAMESPACES, PODS, SERVICES, CONFIG_MAPS, SECRETS, CLAIMS, VOLUMES, EVENTS, REPLICA_SETS, INGRESSES),
    CONTROLLER_REVISIONS,
    *WORKLOADS,
)
BY_NAME = {kind.name: kind for kind in ALL}
