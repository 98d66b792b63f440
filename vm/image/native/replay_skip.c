#include "replay_skip.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "replay_calls.h"
#include "replay_run.h"
#include "watches.h"

/* A place in which events go unnoticed, as long as the watches stay the same. */
struct quiet {
    const struct mount *mount; /* NULL: nowhere */
    int64_t since;
    size_t length;
    char path[PATH_MAX]; /* ends with a slash, except for the mount itself */
};

static struct quiet folder; /* of the last event; it has no watcher */
static bool files_too;      /* nor a file in it */
static struct quiet tree;   /* made after the last program began to watch, so that nothing in it can have a watcher */

static void set_quiet(struct quiet *quiet, const struct mount *mount, const char *path, size_t length) {
    quiet->mount = mount;
    quiet->since = watches_changed();
    quiet->length = length;
    memcpy(quiet->path, path, length);
}

static bool is_quiet(const struct quiet *quiet, const struct mount *mount, const char *path) {
    return quiet->mount == mount && quiet->since == watches_changed() &&
           strncmp(quiet->path, path, quiet->length) == 0;
}

static size_t folder_length(const char *path) {
    return (size_t)(name_of(path) - path);
}

bool is_dispensable(const struct mount *mount, const struct event *event) {
    bool owned = replay->owning >> mount->share % 64 & 1;
    if (!event->late || event->kind == MOVE)
        return false;
    return makes_file(event) || !(S_ISDIR(event->st.st_mode) || (owned && event->kind == DELETE));
}

bool is_known_unnoticed(const struct mount *mount, const struct event *event) {
    if (!looked_after(event->sent))
        return false;
    bool in_folder = is_quiet(&folder, mount, event->path) && folder.length == folder_length(event->path);
    return (in_folder && (files_too || makes_file(event))) || is_quiet(&tree, mount, event->path);
}

bool is_unnoticed(const struct mount *mount, const struct event *event) {
    if (!makes_file(event))
        show_present(0, event->path, &event->st);
    int above = folder_of(mount, event->path);
    if (above < 0)
        return true;
    bool noticed =
        (!looked_after(event->sent) && !look_for_watches()) || is_watched(mount->device, above, "");
    if (!noticed) {
        set_quiet(&folder, mount, event->path, folder_length(event->path));
        files_too = !are_files_watched(mount->device, mount->folder);
        noticed = !files_too && !makes_file(event) && is_watched(mount->device, above, name_of(event->path));
    }
    close(above);
    return !noticed;
}

/* A folder is new then; when exactly it was made is unknown, but not before LONGEST_WAY. */
void note_left_out(const struct mount *mount, const struct event *event) {
    char path[PATH_MAX];
    bool is_new = S_ISDIR(event->st.st_mode) && watches_changed() < event->sent - LONGEST_WAY;
    replay->left_out++;
    if (!is_new || is_quiet(&tree, mount, event->path))
        return;
    int length = snprintf(path, sizeof path, "%s/", event->path);
    if (length < (int)sizeof path)
        set_quiet(&tree, mount, path, (size_t)length);
}

void note_replayed(const struct event *event) {
    if (S_ISDIR(event->st.st_mode))
        tree.mount = folder.mount = NULL;
}
