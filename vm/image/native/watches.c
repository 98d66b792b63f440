#include "watches.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "times.h"

/* How long the result of a look is used, in ns. */
#define VALID (10 * SECOND)

/* Looking takes at most one part in so many of the time. */
#define SHARE_OF_TIME 5

/* Links of the folder /proc/PID/task of a process with one thread (proc_pid_task(5)); each further thread adds one. */
#define ONE_THREAD 3

struct watches {
    struct watch *found; /* sorted */
    size_t count, room;
    bool all; /* what is not watched cannot be determined */
};

static struct watches watches;
static int64_t looked, changed;
static int64_t cost; /* of the last look, in ns */

uint64_t device_number(uint64_t major, uint64_t minor) {
    return major << 20 | minor;
}

static int compare(const void *one, const void *other) {
    return memcmp(one, other, offsetof(struct watch, kind));
}

/* -- looking ------------------------------------------------------------------------------------------------------- */

static void add(struct watches *into, const struct watch *watch) {
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

/* The text after " NAME:", or NULL. */
static const char *value_of(const char *line, const char *name) {
    const char *found = strstr(line, name);
    return found ? found + strlen(name) : NULL;
}

static int digit(char hex) {
    const char *digits = "0123456789abcdef", *found = hex ? strchr(digits, hex) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* "inotify wd:1 ino:7 sdev:2a mask:2 ignored_mask:0 fhandle-bytes:c fhandle-type:81 f_handle:0000…", all in hex. */
enum line read_watch(const char *line, struct watch *watch) {
    const char *device = value_of(line, " sdev:"), *type = value_of(line, " fhandle-type:");
    const char *hex = value_of(line, " f_handle:");
    if (type && strtoul(type, NULL, 16) != HANDLE_TYPE)
        return ELSEWHERE;
    if (!device || !type || !hex)
        return UNREADABLE;
    *watch = (struct watch){.device = strtoull(device, NULL, 16)};
    for (size_t i = 0; i < HANDLE_SIZE; i++) {
        int high = digit(hex[2 * i]), low = high < 0 ? -1 : digit(hex[2 * i + 1]);
        if (low < 0)
            return UNREADABLE;
        watch->handle[i] = (unsigned char)(high << 4 | low);
    }
    return WATCH;
}

static void read_instance(struct watches *into, int proc, const char *process, const char *number) {
    static char *line;
    static size_t room;
    char place[96];
    struct watch watch;
    snprintf(place, sizeof place, "%.48s/fdinfo/%.16s", process, number);
    int file = openat(proc, place, O_RDONLY | O_CLOEXEC);
    FILE *info = file < 0 ? NULL : fdopen(file, "r");
    while (info && getline(&line, &room, info) > 0) {
        if (strncmp(line, "inotify ", strlen("inotify ")) != 0)
            continue;
        enum line kind = read_watch(line, &watch);
        if (kind == WATCH)
            add(into, &watch);
        into->all = into->all || kind == UNREADABLE;
    }
    if (info)
        fclose(info);
    else if (file >= 0)
        close(file);
}

/* Whether there was any descriptor; `process` is a path below /proc. */
static bool read_descriptors(struct watches *into, int proc, const char *process) {
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
            read_instance(into, proc, process, entry->d_name);
        else if (strcmp(link, "anon_inode:[fanotify]") == 0)
            into->all = true;
    }
    if (files)
        closedir(files);
    return any;
}

/* A process whose first thread has ended lists its descriptors below the other threads only. */
static void read_process(struct watches *into, int proc, const char *process) {
    char place[64];
    struct stat tasks;
    bool any = read_descriptors(into, proc, process);
    snprintf(place, sizeof place, "%.16s/task", process);
    if (any || fstatat(proc, place, &tasks, 0) != 0 || tasks.st_nlink <= ONE_THREAD)
        return;
    int folder = openat(proc, place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *threads = folder < 0 ? NULL : fdopendir(folder);
    for (struct dirent *entry; !any && threads && (entry = readdir(threads));) {
        snprintf(place, sizeof place, "%.16s/task/%.16s", process, entry->d_name);
        any = entry->d_name[0] != '.' && read_descriptors(into, proc, place);
    }
    if (threads)
        closedir(threads);
}

bool looked_after(int64_t time) {
    int64_t ago = real_time() - looked; /* the clock may have been set back */
    return looked > time && ago >= 0 && ago < VALID;
}

int64_t watches_looked(void) {
    return looked;
}

int64_t watches_changed(void) {
    return changed;
}

static bool same(const struct watches *one, const struct watches *other) {
    bool same = one->count == other->count && one->all == other->all;
    for (size_t i = 0; same && i < one->count; i++)
        same = compare(&one->found[i], &other->found[i]) == 0;
    return same;
}

bool look_for_watches(void) {
    static struct watches next; /* swapped in when it differs: the old one has each watch's kind already */
    int64_t now = real_time();
    if (now >= looked && now - looked < SHARE_OF_TIME * cost)
        return false;
    DIR *proc = opendir("/proc");
    next.count = 0;
    next.all = !proc;
    for (struct dirent *entry; proc && (entry = readdir(proc));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            read_process(&next, dirfd(proc), entry->d_name);
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

/* -- the result ---------------------------------------------------------------------------------------------------- */

union handle {
    struct file_handle of;
    char room[sizeof(struct file_handle) + HANDLE_SIZE];
};

bool is_watched(uint64_t device, int folder, const char *name) {
    union handle handle = {.of = {.handle_bytes = HANDLE_SIZE}};
    struct watch watch = {.device = device};
    int mount;
    if (watches.all)
        return true;
    if (name_to_handle_at(folder, name, &handle.of, &mount, *name ? 0 : AT_EMPTY_PATH) != 0)
        return errno != ENOENT;
    memcpy(watch.handle, handle.of.f_handle, HANDLE_SIZE);
    return watches.count > 0 && bsearch(&watch, watches.found, watches.count, sizeof watch, compare);
}

/* Whether the handle is a folder's; `place` is an open file of the file system. The kernel has watched files in memory
 * and does not ask the file system. */
static bool is_folder(int place, const struct watch *watch) {
    union handle handle = {.of = {.handle_bytes = HANDLE_SIZE, .handle_type = HANDLE_TYPE}};
    memcpy(handle.of.f_handle, watch->handle, HANDLE_SIZE);
    int file = open_by_handle_at(place, &handle.of, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (file >= 0)
        close(file);
    return file >= 0;
}

bool are_files_watched(uint64_t device, int mount) {
    int place = -1; /* handles cannot be opened by an O_PATH descriptor */
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
