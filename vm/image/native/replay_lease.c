#include "replay_lease.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "replay_run.h"

/* libfuse mounts with these; a remount has to repeat them. */
#define MOUNT_FLAGS (MS_NOSUID | MS_NODEV)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Make the kernel drop what it has cached of this mount: a remount that changes nothing does. */
static void drop_caches(const char *path) {
    if (mount(NULL, path, NULL, MS_REMOUNT | MOUNT_FLAGS, NULL) != 0)
        perror(path);
}

/* The place of a tree's lease: its own, or one that has ended; NULL when all are in use. */
static struct lease *lease_for(uint64_t tree) {
    struct lease *ended = NULL;
    int64_t now = monotonic_time();
    for (struct lease *lease = replay->leases; lease < replay->leases + LEASES; lease++) {
        if (lease->tree == tree || !lease->tree)
            return lease->tree || !ended ? lease : ended;
        if (lease->until < now)
            ended = lease;
    }
    return ended;
}

void grant_lease(struct mount *mount, const char *path, int64_t seconds) {
    char whole[PATH_MAX];
    if (snprintf(whole, sizeof whole, "%s%s", *path ? "/" : "", path) >= (int)sizeof whole)
        return;
    uint64_t tree = path_hash(mount->share, whole);
    pthread_mutex_lock(&lock);
    struct lease *lease = lease_for(tree);
    if (lease) {
        int64_t now = monotonic_time();
        bool ends = seconds == 0 && lease->tree == tree && lease->until > now;
        lease->until = 0; /* before `tree` changes: another tree's lease must not become valid again */
        lease->tree = tree;
        lease->until = seconds ? now + seconds * SECOND : 0;
        mount->leased |= seconds != 0;
        if (ends)
            drop_caches(mount->path);
    }
    pthread_mutex_unlock(&lock);
}

void end_leases(void) {
    bool some = false;
    int64_t now = monotonic_time();
    pthread_mutex_lock(&lock);
    for (struct lease *lease = replay->leases; lease < replay->leases + LEASES; lease++) {
        some |= lease->until > now;
        lease->until = 0;
    }
    for (struct mount *mount = mounts; mount; mount = mount->next) {
        if (some && mount->leased)
            drop_caches(mount->path);
        mount->leased = false;
    }
    pthread_mutex_unlock(&lock);
}

/* The agent sends SIGHUP when the link is lost. The main thread may be waiting for a host that does not answer. */
static void *wait_for_hangup(void *unused) {
    int number;
    sigset_t signals;
    (void)unused;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigwait(&signals, &number);
    end_leases();
    pthread_mutex_lock(&lock);
    _exit(0);
}

int start_lease_guard(void) {
    pthread_t thread;
    return pthread_create(&thread, NULL, wait_for_hangup, NULL);
}
