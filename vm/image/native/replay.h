/* What the replaying program (replay.c) and the shared folders' file systems (replay_hooks.h) tell each other.
 *
 * Both map one file. In it stands which change is being replayed right now, so that the file systems can play along,
 * and, the other way, when containers themselves have last changed what, so that their own changes, which the host's
 * watcher sees as well, are not told to them a second time.
 */
#ifndef SLIPWAY_REPLAY_H
#define SLIPWAY_REPLAY_H

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REPLAY_FILE "/run/slipway/replay"

#define WAYS 4
#define SETS (64 * 1024)

/* The last change of a path that a container made. Written by several threads without locks: a torn record makes one
 * event too many or too few, and is gone with the next change. */
struct change {
    uint64_t path; /* its hash; 0: none */
    int64_t when;  /* the guest's real time in ns; INT64_MAX while it is being made */
    bool gone;     /* it removed the path */
};

/* What a path is to look like to the replaying program, whatever the host says. */
enum appearance { TRUTH, ABSENT, PRESENT };

struct shown {
    enum appearance as;
    char path[PATH_MAX]; /* within the file system */
    struct stat st;      /* for PRESENT */
};

/* Looking for a name that begins so asks a file system whether it plays along: it takes the share's number from
 * `asked`, puts it into `answered`, and says that there is no such file. */
#define PROBE ".slipway-replay-"

struct replay {
    pid_t pid; /* of the replaying program while it replays a change; 0: it does not */
    uint64_t asked, answered;
    unsigned moves; /* counts what may have given a folder another name, for who holds folders (sharepass.c) */
    struct shown shown[2];
    struct change changes[SETS][WAYS];
};

static int replay_open(void) {
    const char *name = getenv("SHAREFS_REPLAY");
    return open(name ? name : REPLAY_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static struct replay *replay_map(void) {
    int file = replay_open();
    if (file < 0)
        return NULL;
    void *map = MAP_FAILED;
    if (ftruncate(file, sizeof(struct replay)) == 0)
        map = mmap(NULL, sizeof(struct replay), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return map == MAP_FAILED ? NULL : map;
}

static inline int64_t real_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* FNV-1a of a path below a share; `share` tells the file systems apart. Never 0. */
static uint64_t path_hash(uint64_t share, const char *path) {
    uint64_t hash = UINT64_C(14695981039346656037) ^ share;
    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * UINT64_C(1099511628211);
    return hash ? hash : 1;
}

static inline struct change *change_of(struct replay *replay, uint64_t hash) {
    struct change *set = replay->changes[hash % SETS];
    for (int way = 0; way < WAYS; way++)
        if (set[way].path == hash)
            return &set[way];
    return NULL;
}

#endif
