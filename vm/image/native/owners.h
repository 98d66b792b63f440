/* Who owns what on a shared folder, as far as the guest knows better than the host.
 *
 * The host's files belong to the host's user and stay so; what containers chown is remembered here and shown to them.
 * Held in memory as a tree of names, so that renaming a folder moves all below it, and kept in an append-only log
 * (records end with NUL bytes: "=UID GID MODE\0PATH\0", "-PATH\0", ">OLD\0NEW\0") which is written anew when it is read.
 */
#ifndef SLIPWAY_OWNERS_H
#define SLIPWAY_OWNERS_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What differs from the host: a mode of -1 leaves the host's; its type bits, if any, stand for a FIFO or socket. */
struct owner {
    uid_t uid;
    gid_t gid;
    int mode;
};

static const struct owner nobody_in_particular = {0, 0, -1};

struct node {
    char *name;
    struct node *parent;
    void *children; /* tsearch(3) */
    struct owner owner;
};

static struct node tree = {.name = "", .owner = {0, 0, -1}};
static pthread_mutex_t owners_lock = PTHREAD_MUTEX_INITIALIZER;
static int owners_log = -1;

static bool ordinary(const struct owner *owner) {
    return owner->uid == 0 && owner->gid == 0 && owner->mode == -1;
}

static int by_name(const void *one, const void *other) {
    return strcmp(((const struct node *)one)->name, ((const struct node *)other)->name);
}

static void node_free(void *given) {
    struct node *node = given;
    tdestroy(node->children, node_free);
    free(node->name);
    free(node);
}

static struct node *child(struct node *parent, char *name) {
    struct node wanted = {.name = name};
    struct node **found = tfind(&wanted, &parent->children, by_name);
    return found ? *found : NULL;
}

/* The node of a path; NULL when nothing is known of it or of what is below, unless it shall be made. */
static struct node *find(const char *path, bool make) {
    struct node *node = &tree;
    char *copy = strdup(path), *rest = copy, *name;
    while (copy && node && (name = strsep(&rest, "/"))) {
        if (!*name)
            continue;
        struct node *next = child(node, name);
        if (!next && make && (next = calloc(1, sizeof *next))) {
            next->owner = nobody_in_particular;
            next->parent = node;
            next->name = strdup(name);
            if (!next->name || !tsearch(next, &node->children, by_name)) {
                node_free(next);
                next = NULL;
            }
        }
        node = next;
    }
    free(copy);
    return copy ? node : NULL;
}

static void detach(struct node *node) {
    tdelete(node, &node->parent->children, by_name);
}

/* Forget a node, and the nodes above that were there for its sake only. */
static void discard(struct node *node) {
    while (node->parent) {
        struct node *parent = node->parent;
        detach(node);
        node_free(node);
        if (parent->children || !ordinary(&parent->owner))
            return;
        node = parent;
    }
}

static void set_locked(const char *path, const struct owner *owner) {
    struct node *node = find(path, !ordinary(owner));
    if (!node)
        return;
    node->owner = *owner;
    if (ordinary(owner) && !node->children)
        discard(node);
}

static bool forget_locked(const char *path) {
    struct node *node = find(path, false);
    if (!node || !node->parent)
        return false;
    discard(node);
    return true;
}

static bool move_locked(const char *from, const char *to) {
    struct node *node = find(from, false);
    bool replaced = forget_locked(to);
    if (!node || !node->parent)
        return replaced;
    struct node *place = find(to, true);
    if (!place)
        return true;
    struct node *parent = place->parent, *old = node->parent;
    char *name = strdup(place->name);
    detach(place);
    node_free(place);
    detach(node);
    free(node->name);
    node->name = name;
    node->parent = parent;
    tsearch(node, &parent->children, by_name);
    if (old->parent && !old->children && ordinary(&old->owner))
        discard(old);
    return true;
}

/* -- the log ---------------------------------------------------------------------------------------------------- */

/* One record in one write, which appending makes whole. A log that cannot be written costs no more than memory of
 * the next start. */
static void record(const char *head, const char *path, const char *more) {
    if (owners_log < 0)
        return;
    size_t a = strlen(head), b = strlen(path), c = more ? strlen(more) + 1 : 0;
    /* "-PATH" and ">OLD" are one field, "=UID GID MODE" is a field of its own */
    size_t gap = *head == '=' ? 1 : 0;
    char *line = calloc(1, a + gap + b + 1 + c);
    if (!line)
        return;
    memcpy(line, head, a);
    memcpy(line + a + gap, path, b);
    if (more)
        memcpy(line + a + gap + b + 1, more, c);
    if (write(owners_log, line, a + gap + b + 1 + c) < 0)
        perror("owners");
    free(line);
}

static void record_owner(const char *path, const struct owner *owner) {
    char head[64];
    snprintf(head, sizeof head, "=%u %u %o", owner->uid, owner->gid, (unsigned)owner->mode);
    record(head, path, NULL);
}

static char *written_path;
static size_t written_size;

static void write_below(const void *given, VISIT visit, int depth) {
    (void)depth;
    if (visit != leaf && visit != postorder)
        return;
    const struct node *node = *(struct node *const *)given;
    size_t before = strlen(written_path), wanted = before + strlen(node->name) + 2;
    if (wanted > written_size) {
        char *larger = realloc(written_path, wanted * 2);
        if (!larger)
            return;
        written_path = larger;
        written_size = wanted * 2;
    }
    sprintf(written_path + before, "/%s", node->name);
    if (!ordinary(&node->owner))
        record_owner(written_path, &node->owner);
    twalk(node->children, write_below);
    written_path[before] = 0;
}

static void replay_log(char *at, const char *end) {
    while (at < end) {
        char *field = at, *next = memchr(at, 0, (size_t)(end - at));
        if (!next)
            return; /* cut off in the middle of a record */
        at = next + 1;
        if (*field == '-') {
            forget_locked(field + 1);
            continue;
        }
        char *second = at;
        if (!(next = memchr(at, 0, (size_t)(end - at))))
            return;
        at = next + 1;
        unsigned uid, gid, mode;
        if (*field == '>') {
            move_locked(field + 1, second);
        } else if (sscanf(field, "=%u %u %o", &uid, &gid, &mode) == 3) {
            struct owner owner = {uid, gid, (int)mode};
            set_locked(second, &owner);
        }
    }
}

/* Read the log at `file` and go on with a new one that holds no more than is true now. */
static void owners_open(const char *file) {
    struct stat st;
    int old = open(file, O_RDONLY | O_CLOEXEC);
    if (old >= 0 && fstat(old, &st) == 0 && st.st_size > 0) {
        char *text = malloc((size_t)st.st_size);
        ssize_t size = text ? read(old, text, (size_t)st.st_size) : 0;
        if (size > 0)
            replay_log(text, text + size);
        free(text);
    }
    if (old >= 0)
        close(old);
    char *fresh = NULL;
    if (asprintf(&fresh, "%s.new", file) < 0)
        return;
    owners_log = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if ((written_path = calloc(1, written_size = 4096)))
        twalk(tree.children, write_below);
    if (owners_log < 0 || fdatasync(owners_log) < 0 || rename(fresh, file) < 0)
        perror(file);
    free(fresh);
}

/* -- for the file system ---------------------------------------------------------------------------------------- */

/* Who owns a path, as far as it differs from the host. */
static struct owner owner_of(const char *path) {
    struct owner owner = nobody_in_particular;
    pthread_mutex_lock(&owners_lock);
    const struct node *node = tree.children && path ? find(path, false) : NULL;
    if (node)
        owner = node->owner;
    pthread_mutex_unlock(&owners_lock);
    return owner;
}

static void owner_set(const char *path, struct owner owner) {
    pthread_mutex_lock(&owners_lock);
    const struct node *node = find(path, false);
    if (node ? memcmp(&node->owner, &owner, sizeof owner) : !ordinary(&owner)) {
        set_locked(path, &owner);
        record_owner(path, &owner);
    }
    pthread_mutex_unlock(&owners_lock);
}

static void owner_forget(const char *path) {
    pthread_mutex_lock(&owners_lock);
    if (tree.children && forget_locked(path))
        record("-", path, NULL);
    pthread_mutex_unlock(&owners_lock);
}

static void owner_move(const char *from, const char *to) {
    pthread_mutex_lock(&owners_lock);
    if (tree.children && move_locked(from, to))
        record(">", from, to);
    pthread_mutex_unlock(&owners_lock);
}

static void owner_show(const char *path, struct stat *st) {
    struct owner owner = owner_of(path);
    st->st_uid = owner.uid;
    st->st_gid = owner.gid;
    if (owner.mode == -1)
        return;
    mode_t type = (mode_t)owner.mode & S_IFMT;
    st->st_mode = (type && S_ISREG(st->st_mode) ? type : st->st_mode & S_IFMT) | ((mode_t)owner.mode & 07777);
}

#endif
