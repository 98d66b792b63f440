#include "replay_echo.h"

#include <stdio.h>

#include "replay_run.h"

/* A container's change and the host's report of it differ in time by at most this, in ns. */
#define SLACK (3 * SECOND / 10)

/* A report takes at least this long to come, in ns. The difference of the clocks hides it. */
#define TRANSIT (SECOND / 50)

static struct change *recorded(const struct mount *mount, const char *path) {
    char whole[PATH_MAX];
    snprintf(whole, sizeof whole, "/%.*s", PATH_MAX - 2, path);
    return change_of(replay, path_hash(mount->share, whole));
}

static bool is_own_change(const struct mount *mount, const char *path, int64_t changed) {
    const struct change *change = recorded(mount, path);
    return change && (change->when == INT64_MAX || changed <= change->when + SLACK);
}

/* `there`: the last change of what is at the path by now; 0 when nothing was there at the time `sent`. A container
 * knows of a file that it has put there itself, since then too, and that the path was empty before. */
static bool is_own_removal(const struct mount *mount, const char *path, int64_t there, int64_t sent) {
    const struct change *change = recorded(mount, path);
    if (!change || change->gone || change->when == INT64_MAX)
        return change;
    return there ? is_own_change(mount, path, there) : change->when + TRANSIT > sent;
}

bool is_echo(const struct mount *mount, const struct event *event) {
    if (event->kind == DELETE)
        return is_own_removal(mount, event->path, event->changed, event->sent);
    if (event->kind == MOVE)
        return is_own_removal(mount, event->path, 0, event->sent) &&
               is_own_change(mount, event->other, event->changed);
    return is_own_change(mount, event->path, event->changed);
}

void forget_change(const struct mount *mount, const struct event *event) {
    const char *path = makes_file(event) ? event->path : event->kind == MOVE ? event->other : NULL;
    struct change *change = path ? recorded(mount, path) : NULL;
    if (change)
        change->path = 0, change->when = 0;
}
