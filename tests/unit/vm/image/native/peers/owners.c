/* Opens the log that it is given, makes the changes that it reads from stdin, as records of a log, and writes all owners to
 * stdout, as records too. */
#include "owners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool write_owner(const char *path, const struct owner *owner) {
    return printf("=%u %u %o%c%s%c", owner->uid, owner->gid, (unsigned)owner->mode, 0, path, 0) > 0;
}

static void change(const char *field, const char *second) {
    unsigned uid, gid, mode;
    if (*field == '-')
        owner_forget(field + 1);
    else if (*field == '>')
        owner_move(field + 1, second);
    else if (sscanf(field, "=%u %u %o", &uid, &gid, &mode) == 3)
        owner_set(second, (struct owner){uid, gid, (int)mode});
}

int main(int count, char **words) {
    char *field = NULL, *second = NULL;
    size_t room = 0, more = 0;
    if (count != 2)
        return 2;
    owners_open(words[1]);
    while (getdelim(&field, &room, 0, stdin) > 0) {
        if (*field != '-' && getdelim(&second, &more, 0, stdin) < 0)
            break;
        change(field, second);
    }
    free(field);
    free(second);
    return tree_walk(write_owner) ? 0 : 1;
}
