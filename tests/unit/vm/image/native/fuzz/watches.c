/* Any line of fdinfo. */
#include "watches.h"

#include <string.h>

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct watch watch;
    char *line = strndup((const char *)data, size);
    if (read_watch(line, &watch) == WATCH)
        CHECK(watch.kind == UNKNOWN && strstr(line, " fhandle-type:") && strstr(line, " f_handle:"));
    free(line);
    return 0;
}
