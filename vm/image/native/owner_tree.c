#include "owner_tree.h"

#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    char *name;
    struct node *parent;
    void *children; /* tsearch(3) */
    struct owner owner;
};

static struct node root = {.name = "", .owner = {0, 0, -1}};

bool owner_is_default(const struct owner *owner) {
    return owner->uid == 0 && owner->gid == 0 && owner->mode == -1;
}

bool tree_is_empty(void) {
    return !root.children;
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

/* Takes over `name`; NULL without memory. */
static struct node *add_child(struct node *parent, char *name) {
    struct node *node = calloc(1, sizeof *node);
    if (!node || !name) {
        free(node);
        free(name);
        return NULL;
    }
    *node = (struct node){.name = name, .parent = parent, .owner = DEFAULT_OWNER};
    if (tsearch(node, &parent->children, by_name))
        return node;
    node_free(node);
    return NULL;
}

/* The node of a path; NULL when nothing is stored for it or below it, unless `make`. */
static struct node *find(const char *path, bool make) {
    struct node *node = &root;
    char copy[PATH_MAX], *rest = copy, *name;
    if (strlen(path) >= sizeof copy)
        return NULL;
    strcpy(copy, path);
    while (node && (name = strsep(&rest, "/"))) {
        if (!*name)
            continue;
        struct node *next = child(node, name);
        node = next || !make ? next : add_child(node, strdup(name));
    }
    return node;
}

static void detach(struct node *node) {
    tdelete(node, &node->parent->children, by_name);
}

/* Remove a node, and the nodes above it that existed only for its sake. */
static void discard(struct node *node) {
    while (node->parent) {
        struct node *parent = node->parent;
        detach(node);
        node_free(node);
        if (parent->children || !owner_is_default(&parent->owner))
            return;
        node = parent;
    }
}

struct owner tree_get(const char *path) {
    const struct node *node = tree_is_empty() ? NULL : find(path, false);
    return node ? node->owner : DEFAULT_OWNER;
}

void tree_set(const char *path, const struct owner *owner) {
    struct node *node = find(path, !owner_is_default(owner));
    if (!node)
        return;
    node->owner = *owner;
    if (owner_is_default(owner) && !node->children)
        discard(node);
}

bool tree_forget(const char *path) {
    struct node *node = find(path, false);
    if (!node || !node->parent)
        return false;
    discard(node);
    return true;
}

/* Whether `node` is `above` or below it. */
static bool is_within(const struct node *node, const struct node *above) {
    while (node && node != above)
        node = node->parent;
    return node;
}

bool tree_move(const char *from, const char *to) {
    struct node *node = find(from, false), *replaced = find(to, false);
    if (!node || !node->parent)
        return tree_forget(to);
    if (is_within(node, replaced))
        return false;
    struct node *place = find(to, true);
    char *name = place ? strdup(place->name) : NULL;
    if (!name || is_within(place, node)) {
        if (place && !replaced)
            discard(place);
        free(name);
        return false;
    }
    struct node *parent = place->parent, *old = node->parent;
    detach(place);
    node_free(place);
    detach(node);
    free(node->name);
    node->name = name;
    node->parent = parent;
    tsearch(node, &parent->children, by_name);
    if (old->parent && !old->children && owner_is_default(&old->owner))
        discard(old);
    return true;
}

/* -- walking: twalk(3) passes no argument on, so these are global -------------------------------------------------- */

static bool (*walk_visit)(const char *path, const struct owner *owner);
static char walk_path[PATH_MAX];
static size_t walk_length;
static bool walk_failed;

static void walk_below(const void *given, VISIT order, int depth) {
    (void)depth;
    if (walk_failed || (order != leaf && order != postorder))
        return;
    const struct node *node = *(struct node *const *)given;
    size_t before = walk_length;
    int more = snprintf(walk_path + before, sizeof walk_path - before, "/%s", node->name);
    if (before + (size_t)more >= sizeof walk_path)
        return; /* renamed to where no path leads */
    walk_length += (size_t)more;
    if (!owner_is_default(&node->owner))
        walk_failed = !walk_visit(walk_path, &node->owner);
    twalk(node->children, walk_below);
    walk_length = before;
}

bool tree_walk(bool (*visit)(const char *path, const struct owner *owner)) {
    walk_visit = visit;
    walk_length = 0;
    walk_failed = false;
    twalk(root.children, walk_below);
    return !walk_failed;
}
