#include "sftp_operations.h"

#include <errno.h>
#include <string.h>

#include "replay_state.h"
#include "sftp_requests.h"

#define PROGRAM "sshfs"

static struct fuse_operations below;

bool is_sftp(void) {
    return below.getattr != NULL;
}

void sftp_show(const char *path, struct stat *st) {
    if (!is_sftp())
        return;
    if (has_inodes()) {
        st->st_ino = (ino_t)st->st_uid << 32 | st->st_gid;
        st->st_nlink = st->st_mode >> 16;
    }
    st->st_mode &= 0xffff;
    if (st->st_ino == 0)
        st->st_ino = path_hash(0, path);
    if (st->st_nlink == 0)
        st->st_nlink = 1;
}

#define EXACT(file, call)                                                                                             \
    do {                                                                                                              \
        operation_begin(file);                                                                                        \
        return operation_result((call), file);                                                                        \
    } while (0)

static uint64_t number_of(const struct fuse_file_info *file) {
    return file ? file->fh : 0;
}

static int exact_getattr(const char *path, struct stat *st, struct fuse_file_info *file) {
    operation_begin(0);
    int result = operation_result(below.getattr(path, st, file), 0);
    if (result == 0)
        sftp_show(path, st);
    return result;
}

static int exact_access(const char *path, int mask) {
    EXACT(0, below.access(path, mask));
}

static int exact_readlink(const char *path, char *buffer, size_t size) {
    EXACT(0, below.readlink(path, buffer, size));
}

static int exact_opendir(const char *path, struct fuse_file_info *file) {
    EXACT(0, below.opendir(path, file));
}

static int exact_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                         struct fuse_file_info *file, enum fuse_readdir_flags flags) {
    EXACT(0, below.readdir(path, buffer, fill, offset, file, flags));
}

static int exact_statfs(const char *path, struct statvfs *fs) {
    EXACT(0, below.statfs(path, fs));
}

static int exact_mknod(const char *path, mode_t mode, dev_t device) {
    EXACT(0, below.mknod(path, mode, device));
}

static int exact_mkdir(const char *path, mode_t mode) {
    EXACT(0, below.mkdir(path, mode));
}

static int exact_symlink(const char *target, const char *path) {
    EXACT(0, below.symlink(target, path));
}

static int exact_unlink(const char *path) {
    EXACT(0, below.unlink(path));
}

static int exact_rmdir(const char *path) {
    EXACT(0, below.rmdir(path));
}

static int exact_rename(const char *from, const char *to, unsigned flags) {
    EXACT(0, below.rename(from, to, flags));
}

static int exact_link(const char *from, const char *to) {
    EXACT(0, below.link(from, to));
}

static int exact_chmod(const char *path, mode_t mode, struct fuse_file_info *file) {
    EXACT(0, below.chmod(path, mode, file));
}

static int exact_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file) {
    EXACT(0, below.utimens(path, times, file));
}

static int exact_truncate(const char *path, off_t size, struct fuse_file_info *file) {
    EXACT(0, below.truncate(path, size, file));
}

static int exact_open(const char *path, struct fuse_file_info *file) {
    EXACT(0, below.open(path, file));
}

static int exact_create(const char *path, mode_t mode, struct fuse_file_info *file) {
    EXACT(0, below.create(path, mode, file));
}

static int exact_read(const char *path, char *data, size_t size, off_t offset, struct fuse_file_info *file) {
    EXACT(0, below.read(path, data, size, offset, file));
}

static int exact_write(const char *path, const char *data, size_t size, off_t offset, struct fuse_file_info *file) {
    EXACT(number_of(file), below.write(path, data, size, offset, file));
}

static int exact_flush(const char *path, struct fuse_file_info *file) {
    EXACT(number_of(file), below.flush(path, file));
}

static int exact_fsync(const char *path, int data_only, struct fuse_file_info *file) {
    EXACT(number_of(file), below.fsync(path, data_only, file));
}

static int exact_release(const char *path, struct fuse_file_info *file) {
    uint64_t number = number_of(file);
    operation_begin(0);
    int result = below.release(path, file);
    file_closed(number);
    return result;
}

void sftp_wrap(struct fuse_operations *operations) {
    if (strcmp(program_invocation_short_name, PROGRAM) != 0)
        return;
    below = *operations;
    operations->getattr = exact_getattr;
    operations->access = exact_access;
    operations->readlink = exact_readlink;
    operations->opendir = exact_opendir;
    operations->readdir = exact_readdir;
    operations->statfs = exact_statfs;
    operations->mknod = exact_mknod;
    operations->mkdir = exact_mkdir;
    operations->symlink = exact_symlink;
    operations->unlink = exact_unlink;
    operations->rmdir = exact_rmdir;
    operations->rename = exact_rename;
    operations->link = exact_link;
    operations->chmod = exact_chmod;
    operations->utimens = exact_utimens;
    operations->truncate = exact_truncate;
    operations->open = exact_open;
    operations->create = exact_create;
    operations->read = exact_read;
    operations->write = exact_write;
    operations->flush = exact_flush;
    operations->fsync = exact_fsync;
    operations->release = exact_release;
}
