/* The guest's clocks in nanoseconds. */
#pragma once

#include <stdint.h>

#define SECOND INT64_C(1000000000)

int64_t real_time(void);
int64_t monotonic_time(void);
