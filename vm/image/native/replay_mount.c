#include "replay_mount.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "replay_run.h"
#include "watches.h"

#ifndef STATX_MNT_ID_UNIQUE /* Linux 6.8 */
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

struct mount *mounts;

struct mount *mount_at(const char *path) {
    struct mount *mount = mounts;
    while (mount && strcmp(mount->path, path) != 0)
        mount = mount->next;
    if (mount)
        return mount;
    mount = calloc(1, sizeof *mount + strlen(path) + 1);
    if (!mount)
        return NULL;
    strcpy(mount->path, path);
    mount->share = path_hash(0, path);
    mount->folder = -1;
    mount->next = mounts;
    return mounts = mount;
}

static bool supports_replay(const struct mount *mount) {
    static unsigned count;
    char name[sizeof PROBE + 32];
    struct stat st;
    snprintf(name, sizeof name, PROBE "%d-%u", (int)getpid(), count++);
    replay->answered = 0;
    replay->asked = mount->share;
    fstatat(mount->folder, name, &st, AT_SYMLINK_NOFOLLOW);
    return replay->answered == mount->share;
}

static bool identify(int folder, uint64_t *id, uint64_t *device) {
    struct statx found;
    int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    if (statx(folder, "", flags, STATX_MNT_ID_UNIQUE, &found) != 0)
        return false;
    *id = found.stx_mnt_id;
    *device = device_number(found.stx_dev_major, found.stx_dev_minor);
    return true;
}

bool open_mount(struct mount *mount) {
    uint64_t id;
    mount->folder = open(mount->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (mount->folder < 0)
        return false;
    if (!identify(mount->folder, &id, &mount->device))
        mount->id = 0;
    else if (id != mount->id)
        mount->id = supports_replay(mount) ? id : 0;
    if (!mount->id)
        close_mount(mount);
    return mount->id;
}

void close_mount(struct mount *mount) {
    if (mount->folder >= 0)
        close(mount->folder);
    mount->folder = -1;
}

/* A container may have put a symbolic link there. It must not lead out of the share: this program has all rights in the
 * guest. */
int folder_of(const struct mount *mount, char *path) {
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = 0;
    int folder = (int)syscall(SYS_openat2, mount->folder, slash ? path : ".", &how, sizeof how);
    if (slash)
        *slash = '/';
    return folder;
}

const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
