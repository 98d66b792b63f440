/* The names that the machine answers itself: those of a hosts(5) file, without the machine's own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Addresses of one name at most. */
#define ADDRESSES 16

/* Read the file, in place of one read before; false with errno when that is not possible. Addresses of 127.0.0.0/8 are
 * left out: in a container they would be the container's own. */
bool hosts_read(const char *path);

/* The IPv4 addresses of a name in lower case, each four bytes; how many, or -1 for an unknown name. */
int hosts_find(const char *name, uint8_t addresses[ADDRESSES * 4]);
