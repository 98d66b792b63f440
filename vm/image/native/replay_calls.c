#include "replay_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay_run.h"

static void show(int place, enum appearance as, const char *path, const struct stat *st) {
    struct shown *shown = &replay->shown[place];
    shown->as = TRUTH;
    snprintf(shown->path, sizeof shown->path, "/%s", path);
    shown->st = *st;
    shown->as = as;
}

void show_present(int place, const char *path, const struct stat *st) {
    show(place, PRESENT, path, st);
}

void show_truth(void) {
    replay->shown[0].as = replay->shown[1].as = TRUTH;
    replay->opening = false;
}

/* Make the kernel look up a name again that it has cached as absent: creating a folder always looks. */
static void look_again(int folder, const char *name) {
    mkdirat(folder, name, 0755);
}

/* Programs that watch see a new time of modification as a modification. */
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

/* Creating a file by opening it takes fewer requests to the file system than creating it and then opening it. */
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
    show_present(0, path, st);
    replay->opening = true;
    if (!write_to(folder, name_of(path), 0, st))
        utimensat(folder, name_of(path), times, AT_SYMLINK_NOFOLLOW);
    close(folder);
}

static void delete(const struct mount *mount, char *path, const struct stat *st) {
    int flags = S_ISDIR(st->st_mode) ? AT_REMOVEDIR : 0;
    show_present(0, path, st);
    int folder = folder_of(mount, path);
    if (folder < 0)
        return;
    if (unlinkat(folder, name_of(path), flags) != 0) {
        if (errno == ENOENT)
            look_again(folder, name_of(path));
        else if (errno == EISDIR) /* some hosts do not know what it was */
            flags = AT_REMOVEDIR;
        unlinkat(folder, name_of(path), flags);
    }
    close(folder);
}

/* Whether the new name existed is unknown; replacing what the kernel has not cached notifies no program. */
static void move(const struct mount *mount, char *from, char *to, const struct stat *st) {
    show_present(0, from, st);
    show_present(1, to, st);
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

void apply_event(const struct mount *mount, const struct event *event) {
    if (makes_file(event))
        create(mount, event->path, &event->st, event->kind == WRITE);
    else if (event->kind == MODIFY)
        modify(mount, event->path, &event->st);
    else if (event->kind == DELETE)
        delete(mount, event->path, &event->st);
    else if (event->kind == MOVE && is_usable(event->other))
        move(mount, event->path, event->other, &event->st);
}
