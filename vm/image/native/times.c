#include "times.h"

#include <time.h>

static int64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

int64_t real_time(void) {
    return read_clock(CLOCK_REALTIME);
}

int64_t monotonic_time(void) {
    return read_clock(CLOCK_MONOTONIC);
}
