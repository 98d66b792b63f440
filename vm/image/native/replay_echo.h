/* Events that report what a container has done itself. The container has been notified already. */
#pragma once

#include "replay_event.h"
#include "replay_mount.h"

bool is_echo(const struct mount *mount, const struct event *event);

/* Forget the container's change of the path that the event creates or replaces: it is another file now. */
void forget_change(const struct mount *mount, const struct event *event);
