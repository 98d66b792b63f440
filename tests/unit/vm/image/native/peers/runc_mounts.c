/* Reads a container's configuration from stdin; writes its mounts' sources and destinations, each ended by a NUL byte. Fails
 * when it is malformed. */
#include "runc_mounts.h"

#include <stdio.h>
#include <stdlib.h>

static bool write_mount(void *context, const char *source, const char *destination) {
    (void)context;
    return printf("%s%c%s%c", source, 0, destination, 0) > 0;
}

int main(void) {
    static char config[1 << 20];
    size_t size = fread(config, 1, sizeof config, stdin);
    return read_mounts(config, size, write_mount, NULL) ? 0 : 1;
}
