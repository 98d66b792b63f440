/* Leases: how long the kernel may cache what is in a tree. */
#pragma once

#include <stdint.h>

#include "replay_mount.h"

/* Lease a tree, a path below the mount or "" for all of it, for so many seconds from now; 0 ends the lease. */
void grant_lease(struct mount *mount, const char *path, int64_t seconds);

void end_leases(void);

/* End the leases and the program when SIGHUP comes; the caller has blocked it. Returns what pthread_create(3) does. */
int start_lease_guard(void);
