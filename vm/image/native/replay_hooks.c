#include "replay_hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "times.h"

/* The handle of a file that only the replay program has open. Other handles are pointers, which this is not. */
#define REPLAYED_FILE 1

struct replay *replay;
uint64_t share;

static struct fuse_operations below;

bool is_replaying(void) {
    return replay && replay->pid && fuse_get_context()->pid == replay->pid;
}

static const struct shown *shown_as(const char *path) {
    for (int i = 0; i < 2; i++)
        if (replay->shown[i].as != TRUTH && strcmp(replay->shown[i].path, path) == 0)
            return &replay->shown[i];
    return NULL;
}

/* Whether `path` is a folder above one that is shown as present: the host may have removed it by now as well. */
static bool above_present(const char *path) {
    size_t length = strlen(path);
    for (int i = 0; i < 2; i++) {
        const struct shown *shown = &replay->shown[i];
        if (shown->as == PRESENT && strncmp(shown->path, path, length) == 0 && shown->path[length] == '/')
            return true;
    }
    return false;
}

bool is_shown_briefly(const char *path) {
    return is_replaying() && !replay->opening && shown_as(path);
}

/* Where no owner is stored, replay may leave out a deletion. */
static void mark_owning(void) {
    if (share && owners_any())
        __atomic_or_fetch(&replay->owning, UINT64_C(1) << share % 64, __ATOMIC_RELAXED);
}

void remember_owner(const char *path, struct owner owner) {
    owner_set(path, owner);
    mark_owning();
}

int hook_getattr(const char *path, struct stat *st, struct fuse_file_info *file) {
    if (!is_replaying())
        return below.getattr(path, st, file);
    if (strncmp(path, "/" PROBE, strlen("/" PROBE)) == 0) {
        share = replay->asked;
        mark_owning();
        replay->answered = share;
        return -ENOENT;
    }
    const struct shown *shown = shown_as(path);
    if (!shown) {
        int result = below.getattr(path, st, file);
        if (result == -ENOENT && above_present(path)) {
            *st = (struct stat){.st_mode = S_IFDIR | 0755, .st_nlink = 2};
            result = 0;
        }
        return result;
    }
    if (shown->as == ABSENT)
        return -ENOENT;
    *st = shown->st;
    owner_show(path, st);
    return 0;
}

/* -- requests of the replay program -------------------------------------------------------------------------------- */

/* The path exists from now on: libfuse looks at it for the answer to the call that makes it. */
static int now_present(const char *path) {
    for (int i = 0; i < 2; i++)
        if (strcmp(replay->shown[i].path, path) == 0)
            replay->shown[i].as = PRESENT;
    return 0;
}

/* Closing it sends no request. */
static void replayed_file(struct fuse_file_info *file) {
    file->fh = REPLAYED_FILE;
    file->noflush = 1;
}

/* -- requests of containers ---------------------------------------------------------------------------------------- */

/* The record of a path; a new one replaces the oldest of its set. */
static struct change *change_for(struct replay *replay, uint64_t hash) {
    struct change *found = change_of(replay, hash);
    if (found)
        return found;
    struct change *set = replay->changes[hash % SETS];
    found = &set[0];
    for (int way = 1; way < WAYS; way++)
        if (set[way].when < found->when)
            found = &set[way];
    found->gone = false;
    found->path = hash;
    return found;
}

static void begin(const char *path) {
    if (share)
        change_for(replay, path_hash(share, path))->when = INT64_MAX;
}

static void end(const char *path, bool gone) {
    if (!share)
        return;
    struct change *change = change_for(replay, path_hash(share, path));
    change->gone = gone;
    change->when = real_time();
}

#define RECORDED(path, gone, call)                                                                                    \
    do {                                                                                                              \
        begin(path);                                                                                                  \
        int result_ = (call);                                                                                         \
        end(path, (gone) && result_ == 0);                                                                            \
        return result_;                                                                                               \
    } while (0)

static int hook_mknod(const char *path, mode_t mode, dev_t device) {
    if (is_replaying())
        return now_present(path);
    RECORDED(path, false, below.mknod(path, mode, device));
}

static int hook_mkdir(const char *path, mode_t mode) {
    if (is_replaying())
        return now_present(path);
    RECORDED(path, false, below.mkdir(path, mode));
}

static int hook_symlink(const char *target, const char *path) {
    if (is_replaying())
        return now_present(path);
    RECORDED(path, false, below.symlink(target, path));
}

static int hook_link(const char *from, const char *to) {
    if (is_replaying())
        return -EPERM;
    RECORDED(to, false, below.link(from, to));
}

static int hook_unlink(const char *path) {
    if (is_replaying()) {
        owner_forget(path);
        return 0;
    }
    RECORDED(path, true, below.unlink(path));
}

static int hook_rmdir(const char *path) {
    if (is_replaying()) {
        owner_forget(path);
        return 0;
    }
    RECORDED(path, true, below.rmdir(path));
}

static int hook_rename(const char *from, const char *to, unsigned flags) {
    if (is_replaying()) {
        if (shown_as(from)) /* not when libfuse hides an open file, whose owner is not needed */
            owner_move(from, to);
        return 0;
    }
    begin(from);
    begin(to);
    int result = below.rename(from, to, flags);
    end(from, result == 0 && !flags);
    end(to, false);
    return result;
}

static int hook_chmod(const char *path, mode_t mode, struct fuse_file_info *file) {
    if (is_replaying())
        return 0;
    RECORDED(path, false, below.chmod(path, mode, file));
}

static int hook_truncate(const char *path, off_t size, struct fuse_file_info *file) {
    if (is_replaying())
        return 0;
    RECORDED(path, false, below.truncate(path, size, file));
}

static int hook_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file) {
    if (is_replaying()) {
        replay->opening = false;
        return 0;
    }
    RECORDED(path, false, below.utimens(path, times, file));
}

static int hook_create(const char *path, mode_t mode, struct fuse_file_info *file) {
    if (is_replaying()) {
        replayed_file(file);
        return now_present(path);
    }
    RECORDED(path, false, below.create(path, mode, file));
}

static int hook_open(const char *path, struct fuse_file_info *file) {
    if (is_replaying()) {
        replayed_file(file);
        return 0;
    }
    if (!(file->flags & O_TRUNC))
        return below.open(path, file);
    RECORDED(path, false, below.open(path, file));
}

/* Handles through which something was written. Two that share a place replace each other, and one flush goes
 * unrecorded. */
static uint64_t written[4096];

static uint64_t *place_of(uint64_t handle) {
    return &written[(handle >> 4) % (sizeof written / sizeof *written)];
}

static int hook_write(const char *path, const char *data, size_t size, off_t offset, struct fuse_file_info *file) {
    if (is_replaying())
        return -EPERM;
    *place_of(file->fh) = file->fh;
    RECORDED(path, false, below.write(path, data, size, offset, file));
}

static int hook_flush(const char *path, struct fuse_file_info *file) {
    if (*place_of(file->fh) != file->fh)
        return below.flush(path, file);
    RECORDED(path, false, below.flush(path, file)); /* sshfs sends here what was written */
}

static int hook_release(const char *path, struct fuse_file_info *file) {
    if (file->fh == REPLAYED_FILE)
        return 0;
    if (*place_of(file->fh) == file->fh)
        *place_of(file->fh) = 0;
    return below.release(path, file);
}

void replay_wrap(struct fuse_operations *operations) {
    replay = replay_map();
    below = *operations;
    operations->getattr = hook_getattr;
    operations->mknod = hook_mknod;
    operations->mkdir = hook_mkdir;
    operations->symlink = hook_symlink;
    operations->link = hook_link;
    operations->unlink = hook_unlink;
    operations->rmdir = hook_rmdir;
    operations->rename = hook_rename;
    operations->chmod = hook_chmod;
    operations->truncate = hook_truncate;
    operations->utimens = hook_utimens;
    operations->create = hook_create;
    operations->open = hook_open;
    operations->write = hook_write;
    if (below.flush)
        operations->flush = hook_flush;
    operations->release = hook_release;
}
