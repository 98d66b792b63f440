/* Does again in the guest what has been done on the host, so that the guest's kernel tells those who watch.
 *
 * A change made on the host passes the guest's kernel by: nobody there is told by inotify. This program reads such
 * changes from its standard input and makes genuine system calls on the shared folder: mknod for a new file, rename
 * for a moved one, and so on. The folder's file system knows this program (replay_hooks.h) and answers them without
 * asking the host or changing anything there.
 *
 * Each change is ten fields, each ended by a NUL byte:
 *
 *     KIND MOUNT PATH NEW_PATH MODE SIZE MODIFIED_NS CHANGED_NS SENT_NS LINKS
 *
 * KIND is one of create, write (create and modify in one), modify, delete, move, lease. MOUNT is the share's mount
 * point, PATH and NEW_PATH are below it, the rest is the file as the host has it: mode with its type (octal), size,
 * times of the last modification and of the last change of any kind (of a deletion: of what is there again by now, or
 * 0). SENT_NS is the host's time when it wrote this. A lease says that all changes of PATH, a folder with all that is
 * in it (or the whole mount, when it is empty), will be told here for SIZE more seconds; with 0, from now on no
 * longer. It ends with its input, and so do the leases.
 */
#include "replay.h"
#include "watched.h"

#include <errno.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#define FIELDS 10

/* A change of a container's own and the host's report of it are at most so far apart, in ns. */
#define SLACK INT64_C(300000000)

/* What a report takes to come at least, in ns, which is not known apart from the difference of the clocks. */
#define TRANSIT INT64_C(20000000)

/* What comes later than this, in ns, has others waiting behind it: then all is looked up again, and nothing believed. */
#define LATE INT64_C(500000000)

/* What comes later than this, in ns, after it was done has not been heard of: the host's part of the way is long only
 * when very much happens at once. */
#define LONGEST INT64_C(10000000000)

/* Over so many ns the smallest difference of the two clocks is taken for the true one. */
#define CLOCK_SPAN INT64_C(30000000000)

struct mount {
    struct mount *next;
    uint64_t share;
    uint64_t id;     /* of what is mounted there and plays along; 0: nothing known */
    uint64_t device; /* its file system's, as the kernel numbers it */
    int folder;      /* while a change is replayed */
    bool leased;     /* some tree of it, at some time */
    char path[];
};

/* libfuse's, which mounting again has to repeat. */
#define MOUNT_FLAGS (MS_NOSUID | MS_NODEV)

#ifndef STATX_MNT_ID_UNIQUE /* Linux 6.8 */
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

static struct replay *replay;
static struct mount *mounts;
static pthread_mutex_t lease_lock = PTHREAD_MUTEX_INITIALIZER;

/* -- mounts ------------------------------------------------------------------------------------------------------ */

static bool plays_along(struct mount *mount) {
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

static struct mount *mount_at(const char *path) {
    struct mount *mount = mounts;
    while (mount && strcmp(mount->path, path) != 0)
        mount = mount->next;
    if (!mount) {
        mount = calloc(1, sizeof *mount + strlen(path) + 1);
        if (!mount)
            return NULL;
        strcpy(mount->path, path);
        mount->share = path_hash(0, path);
        mount->folder = -1;
        mount->next = mounts;
        mounts = mount;
    }
    return mount;
}

static void close_mount(struct mount *mount) {
    if (mount->folder >= 0)
        close(mount->folder);
    mount->folder = -1;
}

/* Whether its file system plays along: on any other the calls would change the host's files. It is not kept open for
 * longer than a change: another may be mounted in its place, and the old one waits for all who have it. */
static bool open_mount(struct mount *mount) {
    mount->folder = open(mount->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (mount->folder < 0)
        return false;
    uint64_t id;
    if (!identify(mount->folder, &id, &mount->device))
        mount->id = 0;
    else if (id != mount->id)
        mount->id = plays_along(mount) ? id : 0;
    if (!mount->id)
        close_mount(mount);
    return mount->id;
}

/* The folder of a path below a mount. A container may have put a symbolic link in its place, which must not lead
 * out of the share: this program may do anything in the guest. */
static int folder_of(const struct mount *mount, char *path) {
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

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* -- what a path is to look like --------------------------------------------------------------------------------- */

static void show(int place, enum appearance as, const char *path, const struct stat *st) {
    struct shown *shown = &replay->shown[place];
    shown->as = TRUTH;
    if (as == TRUTH)
        return;
    snprintf(shown->path, sizeof shown->path, "/%s", path);
    shown->st = *st;
    shown->as = as;
}

/* Have the kernel look a name up again that it takes for absent: making a folder always looks. */
static void look_again(int folder, const char *name) {
    mkdirat(folder, name, 0755);
}

/* -- the changes ------------------------------------------------------------------------------------------------- */

/* Setting nothing but the time of modification is, to those who watch, a modification. */
static bool write_to(int folder, const char *name, int flags, const struct stat *st) {
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
    flags |= O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int file = S_ISREG(st->st_mode) ? openat(folder, name, flags, 0644) : -1;
    if (file < 0)
        return false;
    futimens(file, times);
    close(file);
    return true;
}

/* Making a file by opening it takes fewer questions to the file system than making it and then opening it. */
static void create(const struct mount *mount, char *path, const struct stat *st, bool written) {
    int folder = folder_of(mount, path);
    if (folder < 0)
        return;
    show(0, ABSENT, path, st);
    if (S_ISDIR(st->st_mode))
        mkdirat(folder, name_of(path), 0755);
    else if (S_ISLNK(st->st_mode))
        symlinkat("-", folder, name_of(path));
    else if (!written || !write_to(folder, name_of(path), O_CREAT, st))
        mknodat(folder, name_of(path), st->st_mode & S_IFMT, 0);
    close(folder);
}

static void modify(const struct mount *mount, char *path, const struct stat *st) {
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
    int folder = folder_of(mount, path);
    if (folder < 0)
        return;
    show(0, PRESENT, path, st);
    replay->opening = true;
    if (!write_to(folder, name_of(path), 0, st))
        utimensat(folder, name_of(path), times, AT_SYMLINK_NOFOLLOW);
    close(folder);
}

static void delete(const struct mount *mount, char *path, const struct stat *st) {
    int flags = S_ISDIR(st->st_mode) ? AT_REMOVEDIR : 0;
    show(0, PRESENT, path, st);
    int folder = folder_of(mount, path);
    if (folder < 0)
        return;
    if (unlinkat(folder, name_of(path), flags) != 0) {
        if (errno == ENOENT)
            look_again(folder, name_of(path));
        else if (errno == EISDIR) /* not every host knows what it was */
            flags = AT_REMOVEDIR;
        unlinkat(folder, name_of(path), flags);
    }
    close(folder);
}

static void move(const struct mount *mount, char *from, char *to, const struct stat *st) {
    show(0, PRESENT, from, st);
    show(1, PRESENT, to, st); /* whether there was something is not known; replacing what nobody knows is silent */
    int old = folder_of(mount, from), new = folder_of(mount, to);
    if (old >= 0 && new >= 0 && renameat(old, name_of(from), new, name_of(to)) != 0 && errno == ENOENT) {
        look_again(old, name_of(from));
        renameat(old, name_of(from), new, name_of(to));
    }
    if (old >= 0)
        close(old);
    if (new >= 0)
        close(new);
}

/* -- which of them a container has made itself ------------------------------------------------------------------- */

/* What the guest's clock is ahead of the host's, in ns. Reports take a while to come, so the smallest difference seen
 * lately is the nearest; two spans overlap, so that it can also grow again. */
static int64_t ahead(int64_t sent) {
    static int64_t least[2] = {INT64_MAX, INT64_MAX}, since;
    int64_t now = real_time(), difference = now - sent;
    if (now - since > CLOCK_SPAN || now < since) {
        least[1] = now - since > 2 * CLOCK_SPAN || now < since ? INT64_MAX : least[0];
        least[0] = INT64_MAX;
        since = now;
    }
    if (difference < least[0])
        least[0] = difference;
    return least[0] < least[1] ? least[0] : least[1];
}

static struct change *known(const struct mount *mount, const char *path) {
    char whole[PATH_MAX];
    snprintf(whole, sizeof whole, "/%s", path);
    return change_of(replay, path_hash(mount->share, whole));
}

static bool own_change(const struct mount *mount, const char *path, int64_t changed) {
    const struct change *change = known(mount, path);
    return change && (change->when == INT64_MAX || changed <= change->when + SLACK);
}

/* `there` is the last change of what is in its place by now, 0 when nothing was at the time `sent`: what a container
 * has put there itself, since then too, is no news to it, nor is that it was away before. */
static bool own_removal(const struct mount *mount, const char *path, int64_t there, int64_t sent) {
    const struct change *change = known(mount, path);
    if (!change || change->gone || change->when == INT64_MAX)
        return change;
    return there ? own_change(mount, path, there) : change->when + TRANSIT > sent;
}

static void forget(const struct mount *mount, const char *path) {
    struct change *change = known(mount, path);
    if (change)
        change->path = 0, change->when = 0;
}

/* -- leases -------------------------------------------------------------------------------------------------------- */

/* Have the kernel look up again whatever it knows of this mount, which mounting again with nothing changed does. */
static void look_all_up_again(const char *path) {
    if (mount(NULL, path, NULL, MS_REMOUNT | MOUNT_FLAGS, NULL) != 0)
        perror(path);
}

/* The place of a tree's lease: its own, or one that has ended, or none when all are in use. */
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

static void grant(struct mount *mount, const char *path, int64_t seconds) {
    char whole[PATH_MAX];
    snprintf(whole, sizeof whole, "%s%s", *path ? "/" : "", path);
    uint64_t tree = path_hash(mount->share, whole);
    pthread_mutex_lock(&lease_lock);
    struct lease *lease = lease_for(tree);
    if (lease) {
        int64_t now = monotonic_time();
        bool ends = seconds == 0 && lease->tree == tree && lease->until > now;
        lease->until = 0; /* another tree's lease must not come to life again in between */
        lease->tree = tree;
        lease->until = seconds ? now + seconds * INT64_C(1000000000) : 0;
        mount->leased |= seconds != 0;
        if (ends)
            look_all_up_again(mount->path);
    }
    pthread_mutex_unlock(&lease_lock);
}

static void end_leases(void) {
    bool some = false;
    int64_t now = monotonic_time();
    pthread_mutex_lock(&lease_lock);
    for (struct lease *lease = replay->leases; lease < replay->leases + LEASES; lease++) {
        some |= lease->until > now;
        lease->until = 0;
    }
    for (struct mount *mount = mounts; mount; mount = mount->next) {
        if (some && mount->leased)
            look_all_up_again(mount->path);
        mount->leased = false;
    }
    pthread_mutex_unlock(&lease_lock);
}

/* The agent hangs up when the link is lost. The other thread may wait for a host that does not answer. */
static void *hung_up(void *signals) {
    int number;
    sigwait(signals, &number);
    end_leases();
    pthread_mutex_lock(&lease_lock);
    _exit(0);
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

static bool usable(const char *path) {
    return *path && *path != '/' && strlen(path) < PATH_MAX - 1;
}

/* A change by its fields, its times by the guest's clock. */
struct news {
    const char *kind;
    char *path, *other;
    int64_t changed, sent;
    bool late;
    struct stat st;
};

static struct news news_of(char *const fields[FIELDS]) {
    int64_t modified = strtoll(fields[6], NULL, 10), second = INT64_C(1000000000);
    int64_t changed = strtoll(fields[7], NULL, 10), sent = strtoll(fields[8], NULL, 10), difference = ahead(sent);
    return (struct news){
        .kind = fields[0],
        .path = fields[2],
        .other = fields[3],
        .changed = changed ? changed + difference : 0,
        .sent = sent + difference,
        .late = real_time() - difference - sent > LATE,
        .st =
            {
                .st_mode = (mode_t)strtoul(fields[4], NULL, 8),
                .st_size = strtoll(fields[5], NULL, 10),
                .st_mtim = {modified / second, modified % second},
                .st_ctim = {modified / second, modified % second},
                .st_atim = {modified / second, modified % second},
                .st_nlink = (nlink_t)strtoul(fields[9], NULL, 10),
            },
    };
}

static bool is(const struct news *news, const char *kind) {
    return strcmp(news->kind, kind) == 0;
}

/* Whether a container has done it itself. */
static bool echo(const struct mount *mount, const struct news *news) {
    if (is(news, "delete"))
        return own_removal(mount, news->path, news->changed, news->sent);
    if (is(news, "move"))
        return own_removal(mount, news->path, 0, news->sent) && own_change(mount, news->other, news->changed);
    return own_change(mount, news->path, news->changed);
}

static bool is_new(const struct news *news) {
    return is(news, "create") || is(news, "write");
}

/* Where changes go unnoticed, as long as the same is watched. */
struct quiet {
    const struct mount *mount; /* NULL: nowhere */
    int64_t since;
    size_t length;
    char path[PATH_MAX]; /* ends with a slash, unless it is the mount itself */
};

static struct quiet folder; /* the last change's; nobody watches it */
static bool whole;          /* nor a file in it */
static struct quiet tree;   /* made since the last one began to watch, who cannot watch anything in it */

static void be_quiet(struct quiet *quiet, const struct mount *mount, const char *path, size_t length) {
    quiet->mount = mount;
    quiet->since = changed;
    quiet->length = length;
    memcpy(quiet->path, path, length);
}

static bool is_quiet(const struct quiet *quiet, const struct mount *mount, const char *path) {
    return quiet->mount == mount && quiet->since == changed && strncmp(quiet->path, path, quiet->length) == 0;
}

static size_t folder_length(const char *path) {
    return (size_t)(name_of(path) - path);
}

/* Whether leaving this out can go unnoticed at all. Of folders that were there it is always told, since those who are
 * in them come along, and so is what deletes a file whose owner may be remembered. */
static bool dispensable(const struct mount *mount, const struct news *news) {
    bool owned = replay->owning >> mount->share % 64 & 1;
    if (!news->late || is(news, "move"))
        return false;
    return is_new(news) || !(S_ISDIR(news->st.st_mode) || (owned && is(news, "delete")));
}

/* Whether that is known without asking the file system. */
static bool known_unnoticed(const struct mount *mount, const struct news *news) {
    if (!looked_after(news->sent))
        return false;
    bool in_folder = is_quiet(&folder, mount, news->path) && folder.length == folder_length(news->path);
    return (in_folder && (whole || is_new(news))) || is_quiet(&tree, mount, news->path);
}

/* A folder that was left out has been made anew; when, is not known, but not before LONGEST. */
static void left_out(const struct mount *mount, const struct news *news) {
    char path[PATH_MAX + 1];
    bool new = S_ISDIR(news->st.st_mode) && changed < news->sent - LONGEST;
    if (!new || is_quiet(&tree, mount, news->path))
        return;
    be_quiet(&tree, mount, path, (size_t)snprintf(path, sizeof path, "%s/", news->path));
}

/* Whether nobody watches the file or its folder. */
static bool unnoticed(const struct mount *mount, const struct news *news) {
    if (!is_new(news))
        show(0, PRESENT, news->path, &news->st);
    int above = folder_of(mount, news->path);
    if (above < 0)
        return true;
    bool noticed = (!looked_after(news->sent) && !look_for_watches()) || watched(mount->device, above, "");
    if (!noticed) {
        be_quiet(&folder, mount, news->path, folder_length(news->path));
        whole = !files_watched(mount->device, mount->folder);
        noticed = !whole && !is_new(news) && watched(mount->device, above, name_of(news->path));
    }
    close(above);
    return !noticed;
}

static void apply(const struct mount *mount, const struct news *news) {
    if (S_ISDIR(news->st.st_mode))
        tree.mount = folder.mount = NULL;
    if (is_new(news)) {
        create(mount, news->path, &news->st, is(news, "write"));
    } else if (is(news, "modify")) {
        modify(mount, news->path, &news->st);
    } else if (is(news, "delete")) {
        delete(mount, news->path, &news->st);
    } else if (is(news, "move") && usable(news->other)) {
        move(mount, news->path, news->other, &news->st);
    }
}

/* The file systems know this program for no longer than it takes. Nothing is asked of them because of echoes, of which
 * there are as many as containers make changes. */
static void replay_change(char *const fields[FIELDS]) {
    const struct news news = news_of(fields);
    struct mount *mount = mount_at(fields[1]);
    bool leasing = is(&news, "lease");
    if (news.late)
        end_leases();
    if (!mount || (leasing ? news.late : !usable(news.path) || echo(mount, &news)))
        return;
    if (is_new(&news))
        forget(mount, news.path);
    else if (is(&news, "move"))
        forget(mount, news.other);
    if (S_ISDIR(news.st.st_mode))
        __atomic_add_fetch(&replay->moves, 1, __ATOMIC_RELEASE);
    bool spare = dispensable(mount, &news), unseen = spare && known_unnoticed(mount, &news);
    show(0, TRUTH, "", NULL);
    show(1, TRUTH, "", NULL);
    replay->opening = false;
    replay->pid = getpid();
    if (!unseen && open_mount(mount)) {
        unseen = spare && unnoticed(mount, &news);
        if (leasing) {
            grant(mount, news.path, news.st.st_size);
            if (real_time() - looked > LONGEST) /* to know, when many changes come, since when it has been so */
                look_for_watches();
        } else if (!unseen) {
            apply(mount, &news);
        }
        close_mount(mount);
    }
    if (unseen) {
        replay->left_out++;
        left_out(mount, &news);
    }
    replay->pid = 0;
}

int main(void) {
    char *fields[FIELDS] = {0};
    size_t room[FIELDS] = {0};
    /* One at a time: an earlier supervisor's has to end first, since the file systems know only one. */
    int lock = replay_open();
    replay = replay_map();
    if (!replay || lock < 0 || flock(lock, LOCK_EX) < 0) {
        perror("replay");
        return 1;
    }
    sigset_t signals;
    pthread_t thread;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (pthread_create(&thread, NULL, hung_up, &signals) != 0) {
        perror("replay");
        return 1;
    }
    for (int field = 0; getdelim(&fields[field], &room[field], 0, stdin) >= 0; field = (field + 1) % FIELDS)
        if (field == FIELDS - 1)
            replay_change(fields);
    end_leases();
    return 0;
}
