/* What is watched of the shared folders in this machine, so that what nobody would hear need not be told.
 *
 * The kernel shows of each inotify(7) instance what it watches, in /proc/PID/fdinfo/FD (proc_pid_fdinfo(5)): the file
 * system's device and the file's handle, which name_to_handle_at(2) gives for a path. Who watches by fanotify(7) may
 * mean a whole file system, and counts as watching all.
 */
#ifndef SLIPWAY_WATCHED_H
#define SLIPWAY_WATCHED_H

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "replay.h"

/* FUSE's handles: the file's number and its generation. */
#define HANDLE_TYPE 0x81
#define HANDLE_SIZE 12

/* How long what was found is believed, in ns. */
#define BELIEVED INT64_C(10000000000)

/* Of the time since the last look, no more than one part in so many is spent on looking. */
#define SHARE_OF_TIME 5

/* Links that the folder of one thread has (proc_pid_task(5)); each further one has one more. */
#define ALONE 3

struct watch {
    uint64_t device;
    unsigned char handle[HANDLE_SIZE];
    enum { UNKNOWN, FOLDER, OTHER } kind;
};

struct watches {
    struct watch *found; /* sorted */
    size_t count, room;
    bool all; /* it cannot be told what is not watched */
};

static struct watches watches;
static int64_t looked;  /* when that was, real time in ns; 0: never */
static int64_t changed; /* when it was first seen to be what it is now */
static int64_t cost;    /* what the last look took, in ns */

/* As fdinfo has it. */
static uint64_t device_number(uint64_t major, uint64_t minor) {
    return major << 20 | minor;
}

static int compare(const void *one, const void *other) {
    return memcmp(one, other, offsetof(struct watch, kind));
}

/* -- looking ------------------------------------------------------------------------------------------------------ */

static void note(struct watches *into, const struct watch *watch) {
    if (into->count == into->room) {
        size_t room = into->room ? into->room * 2 : 256;
        struct watch *found = realloc(into->found, room * sizeof *found);
        if (!found) {
            into->all = true;
            return;
        }
        into->found = found;
        into->room = room;
    }
    into->found[into->count++] = *watch;
}

static int digit(char hex) {
    return hex <= '9' ? hex - '0' : hex - 'a' + 10;
}

/* "inotify wd:1 ino:7 sdev:2a mask:2 ignored_mask:0 fhandle-bytes:c fhandle-type:81 f_handle:0000…", all in hex. */
static void note_line(struct watches *into, const char *line) {
    struct watch watch = {0};
    const char *place = strstr(line, " sdev:"), *handle = strstr(line, " fhandle-type:");
    const char *hex = strstr(line, " f_handle:");
    if (handle && strtoul(handle + strlen(" fhandle-type:"), NULL, 16) != HANDLE_TYPE)
        return; /* another file system's */
    if (!place || !handle || !hex || strlen(hex) < strlen(" f_handle:") + 2 * HANDLE_SIZE) {
        into->all = true;
        return;
    }
    watch.device = strtoull(place + strlen(" sdev:"), NULL, 16);
    hex += strlen(" f_handle:");
    for (size_t i = 0; i < HANDLE_SIZE; i++)
        watch.handle[i] = (unsigned char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    note(into, &watch);
}

static void note_instance(struct watches *into, int proc, const char *process, const char *number) {
    static char *line;
    static size_t room;
    char place[96];
    snprintf(place, sizeof place, "%.48s/fdinfo/%.16s", process, number);
    int file = openat(proc, place, O_RDONLY | O_CLOEXEC);
    FILE *info = file < 0 ? NULL : fdopen(file, "r");
    while (info && getline(&line, &room, info) > 0)
        if (strncmp(line, "inotify ", strlen("inotify ")) == 0)
            note_line(into, line);
    if (info)
        fclose(info);
}

/* Whether there was any descriptor; `process` is a path below /proc. */
static bool note_descriptors(struct watches *into, int proc, const char *process) {
    char place[64], link[32];
    bool any = false;
    snprintf(place, sizeof place, "%.48s/fd", process);
    int folder = openat(proc, place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = folder < 0 ? NULL : fdopendir(folder);
    for (struct dirent *entry; files && (entry = readdir(files));) {
        any = any || entry->d_name[0] != '.';
        ssize_t length = readlinkat(folder, entry->d_name, link, sizeof link - 1);
        link[length < 0 ? 0 : length] = 0;
        if (strcmp(link, "anon_inode:inotify") == 0)
            note_instance(into, proc, process, entry->d_name);
        else if (strcmp(link, "anon_inode:[fanotify]") == 0)
            into->all = true;
    }
    if (files)
        closedir(files);
    return any;
}

/* A process whose first thread has ended shows its descriptors only with those that are left. */
static void note_process(struct watches *into, int proc, const char *process) {
    char place[64];
    struct stat tasks;
    bool any = note_descriptors(into, proc, process);
    snprintf(place, sizeof place, "%.16s/task", process);
    if (any || fstatat(proc, place, &tasks, 0) != 0 || tasks.st_nlink <= ALONE)
        return;
    int folder = openat(proc, place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *threads = folder < 0 ? NULL : fdopendir(folder);
    for (struct dirent *entry; !any && threads && (entry = readdir(threads));) {
        snprintf(place, sizeof place, "%.16s/task/%.16s", process, entry->d_name);
        any = entry->d_name[0] != '.' && note_descriptors(into, proc, place);
    }
    if (threads)
        closedir(threads);
}

/* Whether it has been looked after `time`, real and in ns: who begins to watch later hears of nothing that was before.
 * Not for long, since clocks can be put back. */
static bool looked_after(int64_t time) {
    int64_t ago = real_time() - looked;
    return looked > time && ago >= 0 && ago < BELIEVED;
}

static bool same(const struct watches *one, const struct watches *other) {
    bool same = one->count == other->count && one->all == other->all;
    for (size_t i = 0; same && i < one->count; i++)
        same = compare(&one->found[i], &other->found[i]) == 0;
    return same;
}

/* What was found out of the watches is kept when they are the same. False: too soon, it is as it was. */
static bool look_for_watches(void) {
    static struct watches next;
    int64_t now = real_time();
    if (now >= looked && now - looked < SHARE_OF_TIME * cost)
        return false;
    DIR *proc = opendir("/proc");
    next.count = 0;
    next.all = !proc;
    for (struct dirent *entry; proc && (entry = readdir(proc));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            note_process(&next, dirfd(proc), entry->d_name);
    if (proc)
        closedir(proc);
    if (next.count)
        qsort(next.found, next.count, sizeof *next.found, compare);
    if (!same(&watches, &next) || now < looked) {
        struct watches before = watches;
        watches = next;
        next = before;
        changed = now;
    }
    looked = now;
    cost = real_time() - now;
    return true;
}

/* -- what was found ----------------------------------------------------------------------------------------------- */

union handle {
    struct file_handle of;
    char room[sizeof(struct file_handle) + HANDLE_SIZE];
};

/* Whether somebody watches the file `name` in `folder`, or the folder itself when that is "". True when in doubt. */
static bool watched(uint64_t device, int folder, const char *name) {
    union handle handle = {.of = {.handle_bytes = HANDLE_SIZE}};
    struct watch watch = {.device = device};
    int mount;
    if (watches.all)
        return true;
    if (name_to_handle_at(folder, name, &handle.of, &mount, *name ? 0 : AT_EMPTY_PATH) != 0)
        return errno != ENOENT;
    memcpy(watch.handle, handle.of.f_handle, HANDLE_SIZE);
    return bsearch(&watch, watches.found, watches.count, sizeof watch, compare) != NULL;
}

/* Whether the handle is a folder's; `place` is open, anywhere in the file system. What is watched is in the kernel's
 * memory, so nobody has to be asked. */
static bool is_folder(int place, const struct watch *watch) {
    union handle handle = {.of = {.handle_bytes = HANDLE_SIZE, .handle_type = HANDLE_TYPE}};
    memcpy(handle.of.f_handle, watch->handle, HANDLE_SIZE);
    int file = open_by_handle_at(place, &handle.of, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (file >= 0)
        close(file);
    return file >= 0;
}

/* Whether somebody watches anything but folders in the file system that is mounted at `mount`. True when in doubt. */
static bool files_watched(uint64_t device, int mount) {
    int place = -1; /* handles are not to be opened by an O_PATH descriptor */
    bool found = watches.all;
    for (struct watch *watch = watches.found; !found && watch < watches.found + watches.count; watch++) {
        if (watch->device != device)
            continue;
        if (watch->kind == UNKNOWN) {
            place = place < 0 ? openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : place;
            watch->kind = is_folder(place, watch) ? FOLDER : OTHER;
        }
        found = watch->kind == OTHER;
    }
    if (place >= 0)
        close(place);
    return found;
}

#endif
