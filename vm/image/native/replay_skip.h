/* Events that are left out because no program would notice. This matters only when events come late: then each one that
 * is replayed delays those that a program waits for. */
#pragma once

#include "replay_event.h"
#include "replay_mount.h"

/* Whether an event may be left out at all. Folders that existed before are always replayed, since programs may be in
 * them, and so is the deletion of a file that may have a stored owner. */
bool is_dispensable(const struct mount *mount, const struct event *event);

/* Whether no program would notice a dispensable event: as far as that is known without a request to the file system, or
 * by looking for watchers. The second needs the open mount. */
bool is_known_unnoticed(const struct mount *mount, const struct event *event);
bool is_unnoticed(const struct mount *mount, const struct event *event);

/* Note that the event is left out, or that it is replayed. */
void note_left_out(const struct mount *mount, const struct event *event);
void note_replayed(const struct event *event);
