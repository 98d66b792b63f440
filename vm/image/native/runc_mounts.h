/* What a container is to mount, by its OCI configuration, and which of that lies in folders of the host. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define LONGEST_PATH 4096
#define MOST_PLACES 256

/* The shared folders, as the machine calls them. */
struct places {
    int count;
    char *path[MOST_PLACES];
};

/* Read them from the files NAME.place in `folder`. Returns false when that cannot be done. */
bool read_places(struct places *places, const char *folder);

/* Whether `path`, which has no "." and "..", is a shared folder or lies in one. */
bool is_shared(const struct places *places, const char *path);

/* Called with each mount; false ends the reading. */
typedef bool mount_found(void *context, const char *source, const char *destination);

/* Read the mounts of a configuration (OCI runtime specification, config.json: "mounts").
 * Returns false when it is malformed, or `found` has returned that. */
bool read_mounts(const char *json, size_t size, mount_found *found, void *context);

/* The text that an object has for `key`. Returns false when it has none, or is malformed. */
bool read_text(const char *json, size_t size, const char *key, char *text, size_t room);

/* Undo the escapes of proc_pid_mountinfo(5) (a backslash and three octal digits), in place. */
void unescape(char *text);
