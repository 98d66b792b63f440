/* Any bytes as a container's configuration, as a volume's options, and as a path of /proc/PID/mountinfo. */
#include "runc_mounts.h"

#include <stdint.h>
#include <string.h>

#include "check.h"

static bool look(void *context, const char *source, const char *destination) {
    (void)context;
    CHECK(strlen(source) < LONGEST_PATH && strlen(destination) < LONGEST_PATH);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[16], path[LONGEST_PATH];
    const char *json = (const char *)data;
    read_mounts(json, size, look, NULL);
    if (read_text(json, size, "MountDevice", text, sizeof text))
        CHECK(strlen(text) < sizeof text);
    size = size < sizeof path ? size : sizeof path - 1;
    memcpy(path, data, size);
    path[size] = 0;
    size_t before = strlen(path);
    unescape(path);
    CHECK(strlen(path) <= before);
    return 0;
}
