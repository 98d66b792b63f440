/* Any log of owners. A log of the result has to give the same result. */
#include "owners.h"

#include <stdint.h>
#include <string.h>

#include "check.h"

static char *written;
static size_t written_size;
static FILE *writing;
static char *paths[64 * 1024];
static size_t path_count;

static bool note(const char *path, const struct owner *owner) {
    CHECK(path_count < sizeof paths / sizeof *paths && *path == '/' && !owner_is_default(owner));
    paths[path_count++] = strdup(path);
    fprintf(writing, "=%u %u %o%c%s%c", owner->uid, owner->gid, (unsigned)owner->mode, 0, path, 0);
    return true;
}

/* Write all owners and forget them: nothing else may be stored. */
static void empty(void) {
    path_count = 0;
    writing = open_memstream(&written, &written_size);
    CHECK(tree_walk(note));
    fclose(writing);
    for (size_t i = 0; i < path_count; i++) {
        tree_forget(paths[i]);
        free(paths[i]);
    }
    CHECK(tree_is_empty());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CHECK(owners_apply((const char *)data, size) <= size);
    empty();
    char *once = written;
    size_t once_size = written_size;
    CHECK(owners_apply(once, once_size) == once_size);
    empty();
    CHECK(written_size == once_size && memcmp(written, once, once_size) == 0);
    free(once);
    free(written);
    return 0;
}
