/* What the replaying program (replay.c) and the shared folders' file systems (replay_hooks.h) tell each other.
 *
 * Both map one file. In it stands which change is being replayed right now, so that the file systems can play along,
 * and, the other way, when containers themselves have last changed what, so that their own changes, which the host's
 * watcher sees as well, are not told to them a second time. And it has the leases: the trees of which every change on
 * the host is replayed, so that the kernel may believe for long what it has been told of them.
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

#define LEASES 64
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

/* A tree with all that is in it. Only the replaying program writes it. */
struct lease {
    uint64_t tree; /* the hash of its path; 0: none */
    int64_t until; /* monotonic, in ns; passed: it has ended */
};

struct replay {
    pid_t pid; /* of the replaying program while it replays a change; 0: it does not */
    uint64_t left_out; /* changes that it did not replay since nobody would notice: for those who test it */
    uint64_t asked, answered;
    unsigned moves; /* counts what may have given a folder another name, for who holds folders (fuse_passthrough.c) */
    struct shown shown[2];
    bool opening;    /* the replaying program is about to open what is shown: its attributes have to hold until then */
    uint64_t owning; /* bit SHARE % 64: some owner of the share's files is remembered */
    struct lease leases[LEASES]; /* those that have a tree come first */
    struct change changes[SETS][WAYS];
};

static int replay_open(void) {
    const char *name = getenv("OVERLAY_REPLAY");
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

static inline int64_t monotonic_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* FNV-1a. */
static inline uint64_t hash_begin(uint64_t share) {
    return UINT64_C(14695981039346656037) ^ share;
}

static inline uint64_t hash_more(uint64_t hash, char next) {
    return (hash ^ (unsigned char)next) * UINT64_C(1099511628211);
}

/* Of a path below a share, "" or "/like/this"; `share` tells the file systems apart. Never 0. */
static uint64_t path_hash(uint64_t share, const char *path) {
    uint64_t hash = hash_begin(share);
    for (; *path; path++)
        hash = hash_more(hash, *path);
    return hash ? hash : 1;
}

static inline struct change *change_of(struct replay *replay, uint64_t hash) {
    struct change *set = replay->changes[hash % SETS];
    for (int way = 0; way < WAYS; way++)
        if (set[way].path == hash)
            return &set[way];
    return NULL;
}

static inline int64_t lease_of(const struct replay *replay, uint64_t tree) {
    for (int place = 0; place < LEASES && replay->leases[place].tree; place++)
        if (replay->leases[place].tree == tree)
            return replay->leases[place].until;
    return 0;
}

/* Until when any of the trees that `path` is in, or is, is leased. */
static inline int64_t leased_until(const struct replay *replay, uint64_t share, const char *path) {
    int64_t until = 0;
    uint64_t hash = hash_begin(share);
    if (!replay->leases[0].tree)
        return 0;
    for (;; hash = hash_more(hash, *path++)) {
        if (*path == '/' || !*path) {
            int64_t found = lease_of(replay, hash ? hash : 1);
            until = found > until ? found : until;
        }
        if (!*path)
            return until;
    }
}

#endif
