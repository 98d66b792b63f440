/* What programs in this machine watch, so that changes no program would notice need not be replayed.
 *
 * The kernel lists the watches of each inotify(7) instance in /proc/PID/fdinfo/FD (proc_pid_fdinfo(5)): the device of
 * the file system and the file's handle, which name_to_handle_at(2) returns for a path. A fanotify(7) instance may
 * cover a whole file system and counts as watching everything.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* FUSE's handles: the file's number and its generation. */
#define HANDLE_TYPE 0x81
#define HANDLE_SIZE 12

struct watch {
    uint64_t device;
    unsigned char handle[HANDLE_SIZE];
    enum { UNKNOWN, FOLDER, OTHER } kind;
};

/* A device's number as fdinfo has it. */
uint64_t device_number(uint64_t major, uint64_t minor);

/* A line of fdinfo: a watch on a FUSE file system, one elsewhere, or one in a format this program does not know. */
enum line { WATCH, ELSEWHERE, UNREADABLE };
enum line read_watch(const char *line, struct watch *watch);

/* Look through /proc, unless that was done a moment ago: then false, and the result of that time stays. */
bool look_for_watches(void);

/* When watches were looked for, and when the result was first seen to be the current one: real time in ns, 0: never. */
int64_t watches_looked(void);
int64_t watches_changed(void);

/* Whether the last look is recent and was after `time`, real and in ns: who starts to watch later does not expect
 * events from before. */
bool looked_after(int64_t time);

/* Whether the file `name` in `folder` is watched, or the folder itself when that is "". True when in doubt. */
bool is_watched(uint64_t device, int folder, const char *name);

/* Whether anything but folders is watched in the file system mounted at `mount`. True when in doubt. */
bool are_files_watched(uint64_t device, int mount);
