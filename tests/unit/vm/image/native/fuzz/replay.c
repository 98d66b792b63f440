/* Any events. The system calls happen in a folder of the target's own, which stands for every mount. */
#define main replay_main
#include "../../../../../../vm/image/native/replay.c"
#undef main

#include <fcntl.h>
#include <ftw.h>
#include <string.h>

#include "check.h"

#define CLEAN_RUNS 500

struct mount *mounts;
static char folder[] = "/dev/shm/fuzz-replay-XXXXXX";

int __wrap_mount(void);
struct event __real_read_event(char *const fields[FIELDS]);
struct event __wrap_read_event(char *const fields[FIELDS]);

struct event __wrap_read_event(char *const fields[FIELDS]) {
    struct event event = __real_read_event(fields);
    CHECK(event.st.st_mtim.tv_nsec >= 0 && event.st.st_mtim.tv_nsec < SECOND); /* else futimens(3) refuses it */
    CHECK(event.st.st_size >= 0 && event.seconds >= 0 && event.seconds <= 3600);
    return event;
}

int __wrap_mount(void) {
    return 0; /* a remount would change the host's mounts */
}

struct mount *mount_at(const char *path) {
    if (!mounts)
        mounts = calloc(1, sizeof *mounts + 2);
    mounts->share = path_hash(0, path);
    return mounts;
}

bool open_mount(struct mount *mount) {
    mount->folder = open(folder, O_PATH | O_DIRECTORY);
    mount->id = 1;
    return mount->folder >= 0;
}

void close_mount(struct mount *mount) {
    close(mount->folder);
}

int folder_of(const struct mount *mount, char *path) {
    return strlen(path) % 16 == 15 ? -1 : fcntl(mount->folder, F_DUPFD, 0);
}

const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    CHECK(*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/'));
    return name;
}

static int removed(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st, (void)kind;
    return place->level ? remove(path) : 0;
}

static void clean(void) {
    nftw(folder, removed, 16, FTW_DEPTH | FTW_PHYS);
}

static void end(void) {
    clean();
    rmdir(folder);
}

/* As if a container had just changed the file "a" of the mount "/m". */
static void record_change(void) {
    uint64_t hash = path_hash(path_hash(0, "/m"), "/a");
    replay->changes[hash % SETS][0] = (struct change){.path = hash, .when = real_time()};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned runs;
    if (!replay) {
        CHECK(mkdtemp(folder));
        atexit(end);
        replay = calloc(1, sizeof *replay);
    }
    if (++runs % CLEAN_RUNS == 0)
        clean();
    record_change();
    FILE *input = size > 0 ? fmemopen((void *)data, size, "r") : NULL;
    if (!input)
        return 0;
    replay_all(input);
    fclose(input);
    end_leases();
    CHECK(replay->pid == 0 && leased_until(replay, path_hash(0, "/m"), "/a") < monotonic_time());
    return 0;
}
