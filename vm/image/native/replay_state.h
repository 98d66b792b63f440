/* Memory that the replay program and the file systems of the shared folders (replay_hooks.c) share.
 *
 * Both map one file. It holds
 * - the change that is being replayed now: the file systems answer the replay program accordingly;
 * - the latest changes by containers: the host's watcher reports them too, and replay must not repeat them;
 * - the leases: trees in which every change on the host is replayed, so that the kernel may cache for longer.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define REPLAY_FILE "/run/slipway/replay"

#define LEASES 64
#define WAYS 4
#define SETS (64 * 1024)

/* The latest change of a path by a container. Several threads write it without locks: a torn record makes one event
 * too many or too few, and the next change replaces it. */
struct change {
    uint64_t path; /* its hash; 0: none */
    int64_t when;  /* the guest's real time in ns; INT64_MAX while the change is under way */
    bool gone;     /* the change removed the path */
};

/* What the replay program sees at a path, whatever is on the host. */
enum appearance { TRUTH, ABSENT, PRESENT };

struct shown {
    enum appearance as;
    char path[PATH_MAX]; /* within the file system */
    struct stat st;      /* for PRESENT */
};

/* A look-up of a name with this prefix asks a file system whether it supports replay: the file system takes the share's
 * number from `asked`, copies it to `answered`, and reports that the file does not exist. */
#define PROBE ".slipway-replay-"

/* A folder and everything below it. Only the replay program writes leases. */
struct lease {
    uint64_t tree; /* the hash of its path; 0: none */
    int64_t until; /* monotonic, in ns; the lease has ended when this has passed */
};

struct replay {
    pid_t pid;         /* of the replay program while it replays a change; 0: it does not */
    uint64_t left_out; /* changes not replayed because no program would notice; tests read it */
    uint64_t asked, answered;
    unsigned moves; /* counts changes that may have renamed a folder; fuse_passthrough.c holds folders open */
    struct shown shown[2];
    bool opening;    /* the replay program is about to open what is shown: its attributes must stay valid until then */
    uint64_t owning; /* bit SHARE % 64: an owner is stored for some file of the share */
    struct lease leases[LEASES]; /* used ones come first */
    struct change changes[SETS][WAYS];
};

/* Open the file, REPLAY_FILE or $OVERLAY_REPLAY, for locking; -1 with errno. */
int replay_open(void);

/* Map the file; NULL with errno. */
struct replay *replay_map(void);

/* The hash of a path below a share, "" or "/like/this". `share` distinguishes the file systems. Never 0. */
uint64_t path_hash(uint64_t share, const char *path);

/* The record of a path's latest change, or NULL. */
struct change *change_of(struct replay *replay, uint64_t hash);

/* The end of the longest lease that covers `path`: a lease of the path itself or of a folder above it. 0: none. */
int64_t leased_until(const struct replay *replay, uint64_t share, const char *path);
