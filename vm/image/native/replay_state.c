#include "replay_state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int replay_open(void) {
    const char *name = getenv("OVERLAY_REPLAY");
    return open(name ? name : REPLAY_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

struct replay *replay_map(void) {
    int file = replay_open();
    if (file < 0)
        return NULL;
    void *map = MAP_FAILED;
    if (ftruncate(file, sizeof(struct replay)) == 0)
        map = mmap(NULL, sizeof(struct replay), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return map == MAP_FAILED ? NULL : map;
}

/* FNV-1a. */
static uint64_t hash_begin(uint64_t share) {
    return UINT64_C(14695981039346656037) ^ share;
}

static uint64_t hash_more(uint64_t hash, char next) {
    return (hash ^ (unsigned char)next) * UINT64_C(1099511628211);
}

uint64_t path_hash(uint64_t share, const char *path) {
    uint64_t hash = hash_begin(share);
    for (; *path; path++)
        hash = hash_more(hash, *path);
    return hash ? hash : 1;
}

struct change *change_of(struct replay *replay, uint64_t hash) {
    struct change *set = replay->changes[hash % SETS];
    for (int way = 0; way < WAYS; way++)
        if (set[way].path == hash)
            return &set[way];
    return NULL;
}

static int64_t lease_of(const struct replay *replay, uint64_t tree) {
    for (int place = 0; place < LEASES && replay->leases[place].tree; place++)
        if (replay->leases[place].tree == tree)
            return replay->leases[place].until;
    return 0;
}

int64_t leased_until(const struct replay *replay, uint64_t share, const char *path) {
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
