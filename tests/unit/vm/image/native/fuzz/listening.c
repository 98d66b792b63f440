/* Any lines of the host's, and then, after a NUL byte, any list of sockets as the kernel has it. */
#define main listening_main
#include "../../../../../../vm/image/native/listening.c"
#undef main

#include <sys/mman.h>

#include "check.h"

static void take_lines(const char *lines) {
    char *copy = strdup(lines), *rest = copy, *line;
    while ((line = strsep(&rest, "\n")))
        if (*line)
            take(line);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int file = -1;
    char path[64];
    char *lines = strndup((const char *)data, size);
    size_t used = strlen(lines) < size ? strlen(lines) + 1 : size;
    file = file < 0 ? memfd_create("sockets", 0) : file;
    CHECK(ftruncate(file, 0) == 0 && pwrite(file, data + used, size - used, 0) == (ssize_t)(size - used));
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    containers = count = 0;
    take_lines(lines);
    CHECK(containers <= CONTAINERS);
    read_sockets(path, "tcp", AF_INET);
    read_sockets(path, "udp", AF_INET6);
    CHECK(count <= SOCKETS);
    for (size_t i = 0; i < count; i++)
        CHECK(found[i].port <= 65535 && strlen(found[i].address) >= 2);
    free(lines);
    return 0;
}
