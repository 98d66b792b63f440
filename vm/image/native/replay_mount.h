/* The mounts of the shared folders that events name. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mount {
    struct mount *next;
    uint64_t share;  /* the number of the share: the hash of its mount point */
    uint64_t id;     /* of the mount that supports replay; 0: unknown */
    uint64_t device; /* of its file system, as the kernel numbers it */
    int folder;      /* open while an event is replayed; -1 otherwise */
    bool leased;     /* a tree of it has been leased */
    char path[];
};

/* All that have been named. */
extern struct mount *mounts;

/* The mount at a path, a new one if need be; NULL without memory. */
struct mount *mount_at(const char *path);

/* Open the mount's folder if its file system supports replay: on any other, the system calls would change the host's
 * files. It stays open for one event only: another file system may be mounted there, and the old one waits until it
 * is no longer open. */
bool open_mount(struct mount *mount);
void close_mount(struct mount *mount);

/* Open the folder of a path below an open mount; -1 with errno. `path` is unchanged when this returns. */
int folder_of(const struct mount *mount, char *path);

/* The last component of a path. */
const char *name_of(const char *path);
