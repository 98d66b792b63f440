"""Make the cluster what it was when a backup was taken; what it is now becomes a backup first."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from desktop.control.schema import Event
from desktop.supervisor.context import Emit
from engine.kubernetes.cluster import Cluster, ClusterError

log = logging.getLogger(__name__)

RESTORED = "The backup {number} of {moment} was restored"
GO_BACK = "What the cluster was until now is the newest backup: slipway kubernetes restore"
NO_WAY_BACK = "What the cluster was until now could not be backed up"


async def restore(cluster: Cluster, number: int, emit: Emit, leave: Callable[[], Awaitable[None]]) -> str:
    """Stop the cluster and restore a backup; what there is to say about it. The cluster has to be started then.

    :param leave: stops following the cluster.
    :raise ClusterError: there is no such backup, or it is damaged: the cluster's state is as before.
    """
    wanted = next((one for one in await cluster.backups() if one.number == number), None)
    if wanted is None:
        raise ClusterError(f"There is no backup {number}", "List them: slipway kubernetes restore")
    emit(Event("progress", "backing up what the cluster is now"))
    outcome = GO_BACK
    try:
        await cluster.back_up()
    except ClusterError as error:  # it may be why a backup is wanted
        log.warning("%s %s", error.message, error.detail)
        outcome = NO_WAY_BACK
    emit(Event("progress", "stopping the cluster"))
    await leave()
    await cluster.down("clean")
    emit(Event("progress", f"restoring the backup of {wanted.moment}"))
    await cluster.restore(number)
    return f"{RESTORED.format(number=number, moment=wanted.moment)}\n{outcome}"
