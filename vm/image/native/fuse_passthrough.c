/* Passes one of the host's folders, which virtiofs has mounted, on to containers. fuse_overlay.c, preloaded, adds
 * owners and replayed changes.
 *
 *     fuse_passthrough BELOW PLACE LOCK    BELOW: the mount of virtiofs, which nothing else uses. Ends when PLACE is
 *                                          unmounted. LOCK is locked while it runs.
 *     fuse_passthrough LOCK                waits until the other one has ended
 *
 * Nothing is cached below (virtiofsd --cache=never), so looking up a name costs a request to the host. Therefore
 * folders are held open for a moment, and what a request has returned is not requested again. Symbolic links are never
 * followed: the caller's kernel does that.
 */
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "replay_state.h"
#include "times.h"

/* Folders that each thread holds open, and for how long, in ns: they may be renamed on the host. */
#define HELD 64
#define HOLD (SECOND / 2)

#define FOLDER (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define ALLOWED (O_ACCMODE | O_APPEND | O_CREAT | O_EXCL | O_TRUNC | O_SYNC | O_DSYNC)
#define MODE 0777 /* set-user-ID would pass on the rights of the host's user */
#define ALWAYS (O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

struct held {
    char *path;
    int folder;
    int64_t until;
    unsigned moves;
};

static int root;
static const struct replay *replay;
static unsigned moves; /* of folders, by us */

/* Threads end with the program, so what they hold need not be released. */
static __thread struct held held[HELD];
static __thread int made = -1; /* the file this thread has just created */

/* -- names ------------------------------------------------------------------------------------------------------- */

/* A number that changes whenever a folder may have been renamed. */
static unsigned all_moves(void) {
    return __atomic_load_n(&moves, __ATOMIC_ACQUIRE) + (replay ? __atomic_load_n(&replay->moves, __ATOMIC_ACQUIRE) : 0);
}

static void moved(void) {
    __atomic_add_fetch(&moves, 1, __ATOMIC_RELEASE);
}

/* A descriptor of the folder `path`, "" being the root: valid until this thread asks for another. Or -errno. */
static int folder_at(const char *path, int64_t *until) {
    *until = monotonic_time() + HOLD;
    if (!*path)
        return root;
    struct held *place = &held[path_hash(0, path) % HELD];
    unsigned known = all_moves();
    if (place->path && place->moves == known && place->until > monotonic_time() && strcmp(place->path, path) == 0) {
        *until = place->until;
        return place->folder;
    }
    const char *name = strrchr(path, '/') + 1;
    char *above = strndup(path, (size_t)(name - 1 - path)), *copy = strdup(path);
    int folder = above && copy ? folder_at(above, until) : -ENOMEM;
    if (folder >= 0)
        folder = openat(folder, name, FOLDER);
    else
        errno = -folder;
    int result = folder < 0 ? -errno : folder;
    free(above);
    if (folder < 0) {
        free(copy);
        return result;
    }
    if (place->path) {
        close(place->folder);
        free(place->path);
    }
    *place = (struct held){copy, folder, *until, known};
    return folder;
}

/* The folder that contains `path`, or -errno, and the name in it. */
static int holder_of(const char *path, const char **name) {
    int64_t until;
    char above[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = (size_t)(slash - path);
    if (length >= sizeof above)
        return -ENAMETOOLONG;
    memcpy(above, path, length);
    above[length] = 0;
    *name = slash[1] ? slash + 1 : ".";
    return folder_at(above, &until);
}

#define AT(path)                                                                                                      \
    const char *name;                                                                                                 \
    int folder = holder_of(path, &name);                                                                              \
    if (folder < 0)                                                                                                   \
    return folder

static int outcome(int result) {
    return result < 0 ? -errno : 0;
}

/* -- looking ----------------------------------------------------------------------------------------------------- */

static void *pass_init(struct fuse_conn_info *connection, struct fuse_config *config) {
    fuse_unset_feature_flag(connection, FUSE_CAP_SPLICE_READ); /* only copies once more, there being no write_buf */
    config->use_ino = 1; /* so that two names of one file are recognized */
    return NULL;
}

static struct timespec time_of(struct statx_timestamp time) {
    return (struct timespec){time.tv_sec, time.tv_nsec};
}

/* Looking up a name has returned its attributes too; those of an open file or of the root have to be requested. */
static int pass_getattr(const char *path, struct stat *st, struct fuse_file_info *file) {
    struct statx found;
    int flags = AT_SYMLINK_NOFOLLOW, result;
    if (file) {
        flags |= AT_EMPTY_PATH | ((int)file->fh == made ? AT_STATX_DONT_SYNC : 0);
        made = -1;
        result = statx((int)file->fh, "", flags, STATX_BASIC_STATS, &found);
    } else {
        AT(path);
        flags |= strcmp(name, ".") == 0 ? 0 : AT_STATX_DONT_SYNC;
        result = statx(folder, name, flags, STATX_BASIC_STATS, &found);
    }
    if (result < 0)
        return -errno;
    *st = (struct stat){
        .st_ino = found.stx_ino,
        .st_mode = found.stx_mode,
        .st_nlink = found.stx_nlink,
        .st_uid = found.stx_uid,
        .st_gid = found.stx_gid,
        .st_rdev = makedev(found.stx_rdev_major, found.stx_rdev_minor),
        .st_size = (off_t)found.stx_size,
        .st_blksize = (blksize_t)found.stx_blksize,
        .st_blocks = (blkcnt_t)found.stx_blocks,
        .st_atim = time_of(found.stx_atime),
        .st_mtim = time_of(found.stx_mtime),
        .st_ctim = time_of(found.stx_ctime),
    };
    return 0;
}

static int pass_readlink(const char *path, char *buffer, size_t size) {
    AT(path);
    ssize_t length = readlinkat(folder, name, buffer, size - 1);
    if (length < 0)
        return -errno;
    buffer[length] = 0;
    return 0;
}

static int pass_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                        struct fuse_file_info *file, enum fuse_readdir_flags flags) {
    (void)offset, (void)file, (void)flags;
    AT(path);
    int opened = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = opened < 0 ? NULL : fdopendir(opened);
    if (!entries)
        return -errno;
    const struct dirent *entry;
    for (errno = 0; (entry = readdir(entries)); errno = 0) {
        struct stat st = {.st_ino = entry->d_ino, .st_mode = DTTOIF(entry->d_type)};
        if (fill(buffer, entry->d_name, &st, 0, 0))
            break;
    }
    int result = -errno;
    closedir(entries);
    return result;
}

static int pass_statfs(const char *path, struct statvfs *fs) {
    (void)path;
    return outcome(fstatvfs(root, fs));
}

/* -- changing ---------------------------------------------------------------------------------------------------- */

static int pass_mknod(const char *path, mode_t mode, dev_t device) {
    (void)device;
    AT(path);
    return outcome(mknodat(folder, name, (S_ISFIFO(mode) ? S_IFIFO : S_IFREG) | (mode & MODE), 0));
}

static int pass_mkdir(const char *path, mode_t mode) {
    AT(path);
    return outcome(mkdirat(folder, name, mode & MODE));
}

static int pass_symlink(const char *target, const char *path) {
    AT(path);
    return outcome(symlinkat(target, folder, name));
}

static int pass_unlink(const char *path) {
    AT(path);
    return outcome(unlinkat(folder, name, 0));
}

static int pass_rmdir(const char *path) {
    AT(path);
    int result = outcome(unlinkat(folder, name, AT_REMOVEDIR));
    moved();
    return result;
}

/* Two names at once: the folder of the first must stay open while that of the second is looked up. */
static int twice(const char *from, const char *to, int (*call)(int, const char *, int, const char *, unsigned),
                 unsigned flags) {
    const char *name;
    int first = holder_of(from, &name);
    if (first < 0)
        return first;
    first = fcntl(first, F_DUPFD_CLOEXEC, 0);
    if (first < 0)
        return -errno;
    const char *other;
    int second = holder_of(to, &other);
    int result = second < 0 ? second : outcome(call(first, name, second, other, flags));
    close(first);
    return result;
}

static int do_link(int from, const char *name, int to, const char *other, unsigned flags) {
    return linkat(from, name, to, other, (int)flags);
}

static int pass_rename(const char *from, const char *to, unsigned flags) {
    if (flags & ~(unsigned)RENAME_NOREPLACE)
        return -EINVAL;
    int result = twice(from, to, renameat2, flags);
    moved();
    return result;
}

static int pass_link(const char *from, const char *to) {
    return twice(from, to, do_link, 0);
}

static int pass_chmod(const char *path, mode_t mode, struct fuse_file_info *file) {
    if (file)
        return outcome(fchmod((int)file->fh, mode & MODE));
    AT(path);
    return outcome(fchmodat(folder, name, mode & MODE, AT_SYMLINK_NOFOLLOW));
}

static int pass_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file) {
    if (file)
        return outcome(futimens((int)file->fh, times));
    AT(path);
    return outcome(utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW));
}

static int pass_truncate(const char *path, off_t size, struct fuse_file_info *file) {
    if (file)
        return outcome(ftruncate((int)file->fh, size));
    AT(path);
    int opened = openat(folder, name, O_WRONLY | ALWAYS);
    if (opened < 0)
        return -errno;
    int result = outcome(ftruncate(opened, size));
    close(opened);
    return result;
}

/* -- files ------------------------------------------------------------------------------------------------------- */

static int pass_open(const char *path, struct fuse_file_info *file) {
    AT(path);
    int opened = openat(folder, name, (file->flags & ALLOWED) | ALWAYS);
    file->fh = (uint64_t)opened;
    return outcome(opened);
}

static int pass_create(const char *path, mode_t mode, struct fuse_file_info *file) {
    AT(path);
    int opened = openat(folder, name, (file->flags & ALLOWED) | O_CREAT | ALWAYS, mode & MODE);
    file->fh = (uint64_t)opened;
    made = opened;
    return outcome(opened);
}

static int pass_read(const char *path, char *data, size_t size, off_t offset, struct fuse_file_info *file) {
    (void)path;
    ssize_t done = pread((int)file->fh, data, size, offset);
    return done < 0 ? -errno : (int)done;
}

static int pass_write(const char *path, const char *data, size_t size, off_t offset, struct fuse_file_info *file) {
    (void)path;
    ssize_t done = pwrite((int)file->fh, data, size, offset);
    return done < 0 ? -errno : (int)done;
}

static int pass_fsync(const char *path, int data_only, struct fuse_file_info *file) {
    (void)path;
    return outcome(data_only ? fdatasync((int)file->fh) : fsync((int)file->fh));
}

static int pass_release(const char *path, struct fuse_file_info *file) {
    (void)path;
    close((int)file->fh);
    return 0;
}

static const struct fuse_operations operations = {
    .init = pass_init,
    .getattr = pass_getattr,
    .readlink = pass_readlink,
    .readdir = pass_readdir,
    .statfs = pass_statfs,
    .mknod = pass_mknod,
    .mkdir = pass_mkdir,
    .symlink = pass_symlink,
    .unlink = pass_unlink,
    .rmdir = pass_rmdir,
    .rename = pass_rename,
    .link = pass_link,
    .chmod = pass_chmod,
    .utimens = pass_utimens,
    .truncate = pass_truncate,
    .open = pass_open,
    .create = pass_create,
    .read = pass_read,
    .write = pass_write,
    .fsync = pass_fsync,
    .release = pass_release,
};

int main(int count, char **words) {
    int lock = open(words[count - 1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (flock(lock, count == 4 ? LOCK_EX : LOCK_SH) < 0) {
        perror(words[count - 1]);
        return 1;
    }
    if (count != 4)
        return 0;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    mallopt(M_MMAP_THRESHOLD, 64 << 20); /* keep memory that has been used: new pages take longer */
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    umask(0);
    replay = replay_map();
    root = open(words[1], FOLDER);
    char *argv[] = {words[0], "-oallow_other,fsname=virtiofs", NULL};
    struct fuse_args arguments = FUSE_ARGS_INIT(2, argv);
    struct fuse *fuse = root < 0 ? NULL : fuse_new(&arguments, &operations, sizeof operations, NULL);
    if (!fuse || fuse_mount(fuse, words[2]) != 0) {
        perror(words[1]);
        return 1;
    }
    fuse_set_signal_handlers(fuse_get_session(fuse));
    fuse_loop_mt(fuse, 0);
    fuse_unmount(fuse);
    return 0;
}
