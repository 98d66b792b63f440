/* One change on the host, as the host reports it to the replay program. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* KIND MOUNT PATH NEW_PATH MODE SIZE MODIFIED_NS CHANGED_NS SENT_NS LINKS */
#define FIELDS 10

enum kind { CREATE, WRITE, MODIFY, DELETE, MOVE, LEASE, UNKNOWN_KIND };

struct event {
    enum kind kind;
    const char *mount;
    char *path, *other;    /* `other`: the new path of a move */
    int64_t changed, sent; /* by the guest's clock, in ns; changed 0: nothing is there any more */
    int64_t seconds;       /* of a lease */
    bool late;             /* others wait behind it */
    struct stat st;
};

/* Parse the fields; the event refers to them. Numbers that no clock or file can have are limited. */
struct event read_event(char *const fields[FIELDS]);

/* Whether the event makes a file. */
bool makes_file(const struct event *event);

/* Whether a path names a file below a mount, and is not too long. */
bool is_usable(const char *path);
