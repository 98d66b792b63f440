/* How a shared folder's file system answers the replay program, and records what containers change.
 *
 * replay.c repeats in the guest what has been done on the host. The change is on the host already, so the file system
 * asks nothing of the host and changes nothing there: the replay program is shown the path as it was before (a new
 * file as absent, a deleted one as present), and its system call succeeds. The guest's kernel then drops what it had
 * cached, and notifies the programs that watch.
 *
 * The hooks also record the changes by containers (replay_state.h says why). They wrap any FUSE operations.
 */
#pragma once

#define FUSE_USE_VERSION 31
#include <fuse3/fuse.h>
#include <stdbool.h>
#include <stdint.h>

#include "owners.h"
#include "replay_state.h"

/* NULL: without the shared memory nothing is replayed. */
extern struct replay *replay;

/* The number of this file system's share; 0: nothing has been replayed here, so changes are not recorded. */
extern uint64_t share;

/* Whether the current request is by the replay program, while it replays. */
bool is_replaying(void);

/* Whether the kernel must not cache the answer for `path`: it is what replay shows, not what is on the host. */
bool is_shown_briefly(const char *path);

/* Store an owner and mark the share as one that has owners. */
void remember_owner(const char *path, struct owner owner);

/* The attributes that replay shows, or those of the wrapped operation. */
int hook_getattr(const char *path, struct stat *st, struct fuse_file_info *file);

/* Put the hooks in front of `operations`. */
void replay_wrap(struct fuse_operations *operations);
