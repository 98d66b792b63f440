/* The owners of files as a tree of path components: renaming a folder moves everything below it in one step.
 *
 * The functions take no lock; owners.c does. A path longer than PATH_MAX names no file and has no owner.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* The difference from the host's file. A mode of -1 leaves the host's; a file type in the mode turns the host's empty
 * file into a socket, or a FIFO where an older Slipway made it. */
struct owner {
    uid_t uid;
    gid_t gid;
    int mode;
};

/* What a file without a stored owner has. */
#define DEFAULT_OWNER ((struct owner){0, 0, -1})

bool owner_is_default(const struct owner *owner);

/* Whether no owner is stored at all. */
bool tree_is_empty(void);

struct owner tree_get(const char *path);
void tree_set(const char *path, const struct owner *owner);

/* Forget a path and everything below it; whether anything was stored. */
bool tree_forget(const char *path);

/* Rename a path with everything below it, replacing what was at `to`; whether anything was stored at either. A path
 * cannot move to itself, or into or onto a part of itself: then nothing changes. */
bool tree_move(const char *from, const char *to);

/* Call `visit` for each path that has an owner; stops and returns false when `visit` does. */
bool tree_walk(bool (*visit)(const char *path, const struct owner *owner));
