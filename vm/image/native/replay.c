/* Repeats in the guest what has been done on the host, so that the guest's kernel notifies the programs that watch.
 *
 * A change on the host bypasses the guest's kernel: inotify there reports nothing. This program reads such changes
 * from its standard input and makes real system calls in the shared folder: mknod for a new file, rename for a moved
 * one, and so on. The folder's file system recognizes this program (replay_hooks.c) and answers without asking the
 * host or changing anything there.
 *
 * Each event is ten fields, each ended by a NUL byte:
 *
 *     KIND MOUNT PATH NEW_PATH MODE SIZE MODIFIED_NS CHANGED_NS SENT_NS LINKS
 *
 * KIND is create, write (create and modify in one), modify, delete, move or lease. MOUNT is the share's mount point;
 * PATH and NEW_PATH are below it. The rest describes the file on the host: mode with its type (octal), size, time of
 * the last modification and time of the last change of any kind (for a deletion: of what is at the path by now, or 0).
 * SENT_NS is the host's time of writing. A lease promises that all changes of PATH, a folder with everything in it (or
 * the whole mount when it is empty), will be reported here for SIZE more seconds; 0 ends it. When the input ends, so
 * do the program and all leases.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "replay_calls.h"
#include "replay_echo.h"
#include "replay_event.h"
#include "replay_lease.h"
#include "replay_mount.h"
#include "replay_run.h"
#include "replay_skip.h"
#include "watches.h"

struct replay *replay;

/* For a lease: also look for watchers. When many events come later, it is known how long there have been none. */
static void lease(struct mount *mount, const struct event *event) {
    grant_lease(mount, event->path, event->seconds);
    if (real_time() - watches_looked() > LONGEST_WAY)
        look_for_watches();
}

/* Whether the event is left out. */
static bool replay_in(struct mount *mount, const struct event *event, bool dispensable) {
    if (!open_mount(mount))
        return false;
    bool unnoticed = dispensable && is_unnoticed(mount, event);
    if (event->kind == LEASE) {
        lease(mount, event);
    } else if (!unnoticed) {
        note_replayed(event);
        apply_event(mount, event);
    }
    close_mount(mount);
    return unnoticed;
}

/* The file systems recognize this program only while it replays. An echo costs no request to them: there are as many
 * echoes as containers make changes. */
static void replay_event(const struct event *event) {
    struct mount *mount = mount_at(event->mount);
    bool leasing = event->kind == LEASE;
    if (event->late)
        end_leases();
    if (!mount || (leasing ? event->late : !is_usable(event->path) || is_echo(mount, event)))
        return;
    forget_change(mount, event);
    if (S_ISDIR(event->st.st_mode))
        __atomic_add_fetch(&replay->moves, 1, __ATOMIC_RELEASE);
    bool dispensable = !leasing && is_dispensable(mount, event);
    bool left_out = dispensable && is_known_unnoticed(mount, event);
    show_truth();
    replay->pid = getpid();
    if (!left_out)
        left_out = replay_in(mount, event, dispensable);
    if (left_out)
        note_left_out(mount, event);
    replay->pid = 0;
}

/* Read events until the input ends. */
static void replay_all(FILE *input) {
    static char *fields[FIELDS];
    static size_t room[FIELDS];
    for (int field = 0; getdelim(&fields[field], &room[field], 0, input) >= 0; field = (field + 1) % FIELDS)
        if (field == FIELDS - 1) {
            struct event event = read_event(fields);
            replay_event(&event);
        }
}

int main(void) {
    /* One at a time, since the file systems recognize only one: an earlier supervisor's has to end first. */
    int lock = replay_open();
    replay = replay_map();
    if (!replay || lock < 0 || flock(lock, LOCK_EX) < 0) {
        perror("replay");
        return 1;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (start_lease_guard() != 0) {
        perror("replay");
        return 1;
    }
    replay_all(stdin);
    end_leases();
    return 0;
}
