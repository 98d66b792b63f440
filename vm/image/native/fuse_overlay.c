/* Owners, sockets and replayed changes for a shared folder, and the host's exact errors: a library preloaded into the
 * FUSE program that carries the folder (sshfs or fuse_passthrough). It wraps the operations that the program gives to
 * libfuse.
 *
 * The host's server runs as the host's user: it cannot chown, and its files belong to root here. So owners are stored
 * in the guest and shown (owners.c). Any user of any container can create files and owns them, and an image that
 * changes the owner of its data and then checks it finds what it expects. A socket here is a stored type on an empty
 * file, and its data never leaves the guest's kernel. A FIFO is one on the host too, but data does not pass between a
 * container and the host through it. Device nodes are refused.
 *
 * $OVERLAY_OWNERS is the log of owners. Operations that are not wrapped go to the carrier unchanged.
 */
#define FUSE_USE_VERSION 31
#include <dlfcn.h>
#include <errno.h>
#include <fuse3/fuse.h>
#include <fuse3/fuse_lowlevel.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "owners.h"
#include "replay_hooks.h"
#include "sftp_operations.h"
#include "sftp_requests.h"
#include "times.h"

#undef fuse_new

/* The only symbols of this library that the program and libfuse see. */
#define EXPORTED __attribute__((visibility("default")))

/* Seconds that the kernel may cache an answer; it sees a change on the host after that. Where every change is reported
 * (a lease, replay_state.h) it may cache until the lease ends. */
#define FRESH 1.0

/* Only what has not changed for so many ns is cached for longer: a file that appears and disappears quickly is not
 * reported. */
#define YOUNG (2 * SECOND)

static struct fuse_operations carrier; /* of the program that this library is in */

static struct owner caller(void) {
    const struct fuse_context *context = fuse_get_context();
    return (struct owner){context->uid, context->gid, -1};
}

/* -- looking ---------------------------------------------------------------------------------------------------- */

static void *share_init(struct fuse_conn_info *connection, struct fuse_config *config) {
    void *data = carrier.init(connection, config);
    config->entry_timeout = config->attr_timeout = FRESH;
    config->negative_timeout = FRESH;
    config->nullpath_ok = 0; /* owners are stored by path, for open files too */
    config->use_ino = 1;     /* so that two names of one file are recognized */
    return data;
}

static int share_getattr(const char *path, struct stat *st, struct fuse_file_info *file) {
    int result = carrier.getattr(path, st, file);
    if (result == 0)
        owner_show(path, st);
    return result;
}

struct listing {
    const char *folder;
    void *buffer;
    fuse_fill_dir_t fill;
};

/* Attributes are not sent to the kernel with the names (readdirplus): libfuse 3.17 then returns empty files after the
 * first 4 KiB of a listing. */
static int share_fill(void *given, const char *name, const struct stat *st, off_t offset,
                      enum fuse_fill_dir_flags flags) {
    const struct listing *listing = given;
    char path[PATH_MAX];
    struct stat shown;
    if (!st)
        return listing->fill(listing->buffer, name, st, offset, flags);
    shown = *st;
    bool fits = snprintf(path, sizeof path, "%s/%s", listing->folder, name) < (int)sizeof path;
    sftp_show(path, &shown);
    if (fits)
        owner_show(path, &shown);
    return listing->fill(listing->buffer, name, &shown, offset, flags);
}

static int share_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                         struct fuse_file_info *file, enum fuse_readdir_flags flags) {
    struct listing listing = {path, buffer, fill};
    return carrier.readdir(path, &listing, share_fill, offset, file, flags);
}

/* -- changing --------------------------------------------------------------------------------------------------- */

static int share_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *file) {
    struct owner owner = owner_of(path), who = caller();
    bool theirs = uid != (uid_t)-1 && uid != owner.uid;
    if (who.uid != 0 && (theirs || who.uid != owner.uid))
        return -EPERM;
    struct stat st;
    int result = carrier.getattr(path, &st, file);
    if (result != 0)
        return result;
    owner.uid = uid == (uid_t)-1 ? owner.uid : uid;
    owner.gid = gid == (gid_t)-1 ? owner.gid : gid;
    remember_owner(path, owner);
    return 0;
}

/* What the host's user may not set (another user owns the file, or Windows has no such mode) or must not (set-user-ID)
 * is stored. */
static int share_chmod(const char *path, mode_t mode, struct fuse_file_info *file) {
    struct owner owner = owner_of(path);
    mode_t type = owner.mode == -1 ? 0 : (mode_t)owner.mode & S_IFMT;
    int result = carrier.chmod(path, mode & 0777, file);
    bool denied = result == -EPERM || result == -EACCES;
    if (result != 0 && !denied)
        return result;
    owner.mode = denied || type || mode & 07000 ? (int)(type | (mode & 07777)) : -1;
    remember_owner(path, owner);
    return 0;
}

/* The mode to store of a file that was created with this one: none, unless the host has shown every file as 0777. */
static int stored_mode(mode_t mode) {
    return has_no_modes() && (mode & 07777) != 0777 ? (int)(mode & 07777) : -1;
}

/* A new file belongs to its creator, whatever was there before. */
static int own_created(int result, const char *path, mode_t mode) {
    if (result == 0) {
        struct owner owner = caller();
        owner.mode = stored_mode(mode);
        owner_forget(path);
        remember_owner(path, owner);
    }
    return result;
}

static int share_create(const char *path, mode_t mode, struct fuse_file_info *file) {
    struct owner before = owner_of(path);
    int result = carrier.create(path, mode, file);
    if (owner_is_default(&before))
        return own_created(result, path, mode);
    /* A file that another program created in the meantime keeps its owner. */
    if (result == 0 && has_no_modes()) {
        before.mode = stored_mode(mode);
        remember_owner(path, before);
    }
    return result;
}

static int share_mkdir(const char *path, mode_t mode) {
    return own_created(carrier.mkdir(path, mode), path, mode);
}

static int share_symlink(const char *target, const char *path) {
    return own_created(carrier.symlink(target, path), path, 0777);
}

/* sshfs makes no FIFOs, but sends any mode; our server knows what a FIFO's means, for a name that is free. */
static int make_fifo(const char *path, mode_t mode) {
    int result = is_sftp() ? carrier.chmod(path, mode, NULL) : carrier.mknod(path, mode, 0);
    return is_sftp() && result == -ENOENT ? -EOPNOTSUPP : result; /* another server looks for the file */
}

static int share_mknod(const char *path, mode_t mode, dev_t device) {
    if (S_ISREG(mode))
        return own_created(carrier.mknod(path, mode, device), path, mode);
    if (S_ISFIFO(mode))
        return own_created(make_fifo(path, S_IFIFO | (mode & 0777)), path, mode);
    if (!S_ISSOCK(mode))
        return -EPERM;
    int result = carrier.mknod(path, S_IFREG | (mode & 0777), device);
    struct owner owner = caller();
    owner.mode = (int)(mode & (S_IFMT | 07777));
    if (result == 0)
        remember_owner(path, owner);
    return result;
}

static int share_link(const char *from, const char *to) {
    int result = carrier.link(from, to);
    if (result == 0)
        remember_owner(to, owner_of(from));
    return result;
}

static int share_unlink(const char *path) {
    int result = carrier.unlink(path);
    if (result == 0)
        owner_forget(path);
    return result;
}

static int share_rmdir(const char *path) {
    int result = carrier.rmdir(path);
    if (result == 0)
        owner_forget(path);
    return result;
}

static int share_rename(const char *from, const char *to, unsigned flags) {
    int result = carrier.rename(from, to, flags);
    if (result == 0)
        owner_move(from, to);
    return result;
}

/* -- what the kernel may cache ------------------------------------------------------------------------------------- */

/* Seconds for the answer that this thread prepares; 0 stands for FRESH. libfuse answers from the same thread. */
static __thread double lasting;

#define NOT_AT_ALL (-1.0)

/* Whole seconds: a time of the host's can be too far away for nanoseconds. */
static bool is_recent(struct timespec time, int64_t now) {
    return now / SECOND - time.tv_sec <= YOUNG / SECOND;
}

/* Also what a container has just changed: replay may mistake another program's change right after that for its echo. */
static bool is_young(const char *path, const struct stat *st) {
    int64_t now = real_time();
    const struct change *change = change_of(replay, path_hash(share, path));
    return (change && now - change->when < YOUNG) ||
           (st && (is_recent(st->st_mtim, now) || is_recent(st->st_ctim, now)));
}

/* A change through another name of the file may not be reported. */
static bool has_other_names(const struct stat *st) {
    return !S_ISDIR(st->st_mode) && st->st_nlink > 1;
}

/* The lease must exist before the host is asked, and still when it has answered. */
static int share_look(const char *path, struct stat *st, struct fuse_file_info *file) {
    bool leasable = share && !is_replaying();
    int64_t before = leasable ? leased_until(replay, share, path) : 0;
    lasting = is_shown_briefly(path) ? NOT_AT_ALL : 0;
    int result = hook_getattr(path, st, file);
    if (before == 0 || (result != 0 && result != -ENOENT))
        return result;
    int64_t after = leased_until(replay, share, path), left = (before < after ? before : after) - monotonic_time();
    const struct stat *found = result == 0 ? st : NULL;
    if (!is_young(path, found) && !(found && has_other_names(found)))
        lasting = (double)left / 1e9;
    return result;
}

/* The kernel may also cache a listing. It compares the folder's time first, so that time must be some time ago. */
static int share_opendir(const char *path, struct fuse_file_info *file) {
    bool leased = share && !is_replaying() && leased_until(replay, share, path) > monotonic_time();
    struct stat st;
    int result = carrier.opendir ? carrier.opendir(path, file) : 0;
    if (result == 0 && leased && carrier.getattr(path, &st, NULL) == 0 && !is_young(path, &st))
        file->cache_readdir = file->keep_cache = 1;
    return result;
}

typedef int reply_entry(fuse_req_t, const struct fuse_entry_param *);
typedef int reply_attr(fuse_req_t, const struct stat *, double);

EXPORTED int fuse_reply_entry(fuse_req_t request, const struct fuse_entry_param *entry) {
    static reply_entry *reply;
    if (!reply)
        reply = (reply_entry *)dlsym(RTLD_NEXT, "fuse_reply_entry");
    struct fuse_entry_param answer = *entry;
    if (lasting > FRESH) {
        answer.entry_timeout = lasting;
        if (!S_ISDIR(answer.attr.st_mode)) /* changes of a folder's own attributes are not reported */
            answer.attr_timeout = lasting;
    }
    if (lasting == NOT_AT_ALL)
        answer.attr_timeout = 0;
    lasting = 0;
    return reply(request, &answer);
}

EXPORTED int fuse_reply_attr(fuse_req_t request, const struct stat *st, double seconds) {
    static reply_attr *reply;
    if (!reply)
        reply = (reply_attr *)dlsym(RTLD_NEXT, "fuse_reply_attr");
    if (lasting > FRESH && !S_ISDIR(st->st_mode))
        seconds = lasting;
    if (lasting == NOT_AT_ALL)
        seconds = 0;
    lasting = 0;
    return reply(request, st, seconds);
}

/* -- in place of libfuse's function -------------------------------------------------------------------------------- */

struct libfuse_version;

typedef struct fuse *make_fuse(struct fuse_args *, const struct fuse_operations *, size_t, struct libfuse_version *,
                               void *);

EXPORTED struct fuse *_fuse_new_31(struct fuse_args *arguments, const struct fuse_operations *operations,
                                   size_t size, struct libfuse_version *version, void *data) {
    memcpy(&carrier, operations, size < sizeof carrier ? size : sizeof carrier);
    sftp_wrap(&carrier);
    struct fuse_operations wrapped = carrier;
    wrapped.init = share_init;
    wrapped.getattr = share_getattr;
    wrapped.readdir = share_readdir;
    wrapped.chown = share_chown;
    wrapped.chmod = share_chmod;
    wrapped.create = share_create;
    wrapped.mkdir = share_mkdir;
    wrapped.symlink = share_symlink;
    wrapped.mknod = share_mknod;
    wrapped.link = share_link;
    wrapped.unlink = share_unlink;
    wrapped.rmdir = share_rmdir;
    wrapped.rename = share_rename;
    replay_wrap(&wrapped);
    wrapped.getattr = share_look;
    wrapped.opendir = share_opendir;
    const char *file = getenv("OVERLAY_OWNERS");
    if (file)
        owners_open(file);
    make_fuse *make = (make_fuse *)dlsym(RTLD_NEXT, "_fuse_new_31");
    return make(arguments, &wrapped, size < sizeof wrapped ? size : sizeof wrapped, version, data);
}
