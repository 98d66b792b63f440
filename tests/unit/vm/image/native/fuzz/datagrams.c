/* Any bytes on a stream of datagrams. What is sent of them has to come back as the same datagrams. */
#include "datagrams.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

#define ROOM (256 * 1024)

static uint8_t first[ROOM], second[ROOM];

static void make_pair(int pair[2]) {
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int pair[2], other[2];
    make_pair(pair);
    make_pair(other);
    ssize_t done = datagrams_send(pair[0], data, size);
    CHECK(done <= (ssize_t)size);
    size_t received = datagrams_receive(pair[1], first, sizeof first);
    CHECK(datagrams_send(other[0], first, received) == (ssize_t)received);
    CHECK(datagrams_receive(other[1], second, sizeof second) == received && memcmp(first, second, received) == 0);
    for (int i = 0; i < 2; i++) {
        close(pair[i]);
        close(other[i]);
    }
    return 0;
}
