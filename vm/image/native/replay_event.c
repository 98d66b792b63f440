#include "replay_event.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "times.h"

/* An event that is older than this when it comes, in ns, is late. */
#define LATE (SECOND / 2)

/* The smallest difference of the two clocks within so many ns counts as the true one. */
#define CLOCK_SPAN (30 * SECOND)

/* Sums and differences of a few times up to this one fit into 64 bits. */
#define LAST_TIME (INT64_MAX / 4)

/* The supervisor renews a lease after seconds; no lease lasts longer than this. */
#define LONGEST_LEASE 3600

/* How far the guest's clock is ahead of the host's, in ns. Reports take a while to come, so the smallest recent
 * difference is the best estimate; two spans overlap, so that it can also grow again. */
static int64_t clock_difference(int64_t sent) {
    static int64_t least[2] = {INT64_MAX, INT64_MAX}, since;
    int64_t now = real_time(), difference = now - sent;
    if (now - since > CLOCK_SPAN || now < since) {
        least[1] = now - since > 2 * CLOCK_SPAN || now < since ? INT64_MAX : least[0];
        least[0] = INT64_MAX;
        since = now;
    }
    if (difference < least[0])
        least[0] = difference;
    return least[0] < least[1] ? least[0] : least[1];
}

static enum kind read_kind(const char *name) {
    static const char *const names[] = {
        [CREATE] = "create", [WRITE] = "write", [MODIFY] = "modify",
        [DELETE] = "delete", [MOVE] = "move",   [LEASE] = "lease",
    };
    for (enum kind kind = CREATE; kind < UNKNOWN_KIND; kind++)
        if (strcmp(name, names[kind]) == 0)
            return kind;
    return UNKNOWN_KIND;
}

static int64_t limit(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : value > most ? most : value;
}

static int64_t read_time(const char *field) {
    return limit(strtoll(field, NULL, 10), 0, LAST_TIME);
}

/* A file may be older than 1970: the part below a second is never negative. */
static struct timespec read_timespec(const char *field) {
    int64_t time = limit(strtoll(field, NULL, 10), -LAST_TIME, LAST_TIME);
    int64_t part = (time % SECOND + SECOND) % SECOND;
    return (struct timespec){(time - part) / SECOND, part};
}

struct event read_event(char *const fields[FIELDS]) {
    int64_t changed = read_time(fields[7]), sent = read_time(fields[8]), difference = clock_difference(sent);
    struct timespec modified = read_timespec(fields[6]);
    int64_t size = limit(strtoll(fields[5], NULL, 10), 0, INT64_MAX);
    return (struct event){
        .kind = read_kind(fields[0]),
        .mount = fields[1],
        .path = fields[2],
        .other = fields[3],
        .changed = changed ? changed + difference : 0,
        .sent = sent + difference,
        .seconds = limit(size, 0, LONGEST_LEASE),
        .late = real_time() - difference - sent > LATE,
        .st =
            {
                .st_mode = (mode_t)strtoul(fields[4], NULL, 8),
                .st_size = size,
                .st_mtim = modified,
                .st_ctim = modified,
                .st_atim = modified,
                .st_nlink = (nlink_t)strtoul(fields[9], NULL, 10),
            },
    };
}

bool makes_file(const struct event *event) {
    return event->kind == CREATE || event->kind == WRITE;
}

bool is_usable(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    bool is_name = *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    return is_name && *path != '/' && strlen(path) < PATH_MAX - 1;
}
