/* A log is a sequence of records. A record is one or two fields, each ended by a NUL byte:
 *
 *     =UID GID MODE   PATH   an owner (decimal, decimal, octal)
 *     -PATH                  no owner any more, for everything below either
 *     >OLD            NEW    a rename
 */
#include "owners.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_file = -1;
static off_t log_size; /* whole records; more may be in the file after a failed write */

/* -- writing ------------------------------------------------------------------------------------------------------- */

/* Append one record by one write; `format` has `%c` for the NUL byte between two fields. A part of a record would spoil
 * the next one, so it is cut off again. */
__attribute__((format(printf, 1, 2))) static bool append(const char *format, ...) {
    char *record = NULL;
    va_list values;
    if (log_file < 0)
        return false;
    va_start(values, format);
    int size = vasprintf(&record, format, values);
    va_end(values);
    if (size < 0)
        return false;
    ssize_t done = write(log_file, record, (size_t)size + 1);
    if (done < 0)
        perror("owners");
    free(record);
    if (done == size + 1) {
        log_size += done;
        return true;
    }
    if (ftruncate(log_file, log_size) != 0)
        perror("owners");
    return false;
}

static bool append_owner(const char *path, const struct owner *owner) {
    return append("=%u %u %o%c%s", owner->uid, owner->gid, (unsigned)owner->mode, 0, path);
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

size_t owners_apply(const char *log, size_t size) {
    const char *at = log, *end = log + size;
    while (at < end) {
        const char *field = at, *ended = memchr(at, 0, (size_t)(end - at));
        if (!ended)
            break;
        const char *next = ended + 1;
        if (*field == '-') {
            tree_forget(field + 1);
        } else if (*field == '>' || *field == '=') {
            const char *path = next;
            ended = path < end ? memchr(path, 0, (size_t)(end - path)) : NULL;
            if (!ended)
                break;
            next = ended + 1;
            unsigned uid, gid, mode;
            if (*field == '>')
                tree_move(field + 1, path);
            else if (sscanf(field, "=%u %u %o", &uid, &gid, &mode) == 3)
                tree_set(path, &(struct owner){uid, gid, (int)mode});
        }
        at = next;
    }
    return (size_t)(at - log);
}

/* The length of the complete records. */
static size_t apply_file(const char *file) {
    struct stat st;
    size_t have = 0, applied = 0;
    int old = open(file, O_RDONLY | O_CLOEXEC);
    if (old >= 0 && fstat(old, &st) == 0 && st.st_size > 0) {
        char *text = malloc((size_t)st.st_size);
        ssize_t got;
        while (text && (got = read(old, text + have, (size_t)st.st_size - have)) > 0)
            have += (size_t)got;
        applied = have ? owners_apply(text, have) : 0;
        free(text);
    }
    if (old >= 0)
        close(old);
    return applied;
}

/* Write the current owners to `fresh` and put it in the place of `file`; false: the old log is the only one. */
static bool compact(const char *file, const char *fresh) {
    log_size = 0;
    log_file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (log_file >= 0 && tree_walk(append_owner) && fdatasync(log_file) == 0 && rename(fresh, file) == 0)
        return true;
    perror(fresh);
    if (log_file >= 0) {
        close(log_file);
        unlink(fresh);
    }
    return false;
}

void owners_open(const char *file) {
    size_t complete = apply_file(file);
    char *fresh = NULL;
    if (asprintf(&fresh, "%s.new", file) < 0)
        return;
    if (!compact(file, fresh)) {
        log_size = (off_t)complete;
        log_file = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log_file < 0 || ftruncate(log_file, log_size) != 0)
            perror(file);
    }
    free(fresh);
}

/* -- for the file system ------------------------------------------------------------------------------------------- */

bool owners_any(void) {
    return !tree_is_empty();
}

struct owner owner_of(const char *path) {
    pthread_mutex_lock(&lock);
    struct owner owner = path ? tree_get(path) : DEFAULT_OWNER;
    pthread_mutex_unlock(&lock);
    return owner;
}

void owner_set(const char *path, struct owner owner) {
    pthread_mutex_lock(&lock);
    struct owner before = tree_get(path);
    if (before.uid != owner.uid || before.gid != owner.gid || before.mode != owner.mode) {
        tree_set(path, &owner);
        append_owner(path, &owner);
    }
    pthread_mutex_unlock(&lock);
}

void owner_forget(const char *path) {
    pthread_mutex_lock(&lock);
    if (tree_forget(path))
        append("-%s", path);
    pthread_mutex_unlock(&lock);
}

void owner_move(const char *from, const char *to) {
    pthread_mutex_lock(&lock);
    if (!tree_is_empty() && tree_move(from, to))
        append(">%s%c%s", from, 0, to);
    pthread_mutex_unlock(&lock);
}

void owner_show(const char *path, struct stat *st) {
    struct owner owner = owner_of(path);
    st->st_uid = owner.uid;
    st->st_gid = owner.gid;
    if (owner.mode == -1)
        return;
    mode_t type = (mode_t)owner.mode & S_IFMT;
    st->st_mode = (type && S_ISREG(st->st_mode) ? type : st->st_mode & S_IFMT) | ((mode_t)owner.mode & 07777);
}
