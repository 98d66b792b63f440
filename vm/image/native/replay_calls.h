/* The system calls that make the guest's kernel see a change which is on the host already. */
#pragma once

#include "replay_event.h"
#include "replay_mount.h"

/* Have the file systems show `path` to this program as existing with these attributes; `place` is 0 or 1. */
void show_present(int place, const char *path, const struct stat *st);

/* Have them show what is on the host again. */
void show_truth(void);

/* Make the calls for an event. What a call answers does not matter: the host has the file, or another event follows. */
void apply_event(const struct mount *mount, const struct event *event);
