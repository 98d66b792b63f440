/* A peer that sends any bytes. Whole messages are queued for it again. The first byte says how long the pieces are. */
#include "dns_peer.h"

#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "dns_message.h"

#define LIMIT 256

static struct peer peer = {.fd = -1};
static size_t taken;

static void take(const uint8_t *message, size_t size, int number) {
    CHECK(size >= HEADER && size <= LIMIT && number == 7);
    taken += size + 2;
    if (message[2] == 0xee) /* as when an answer cannot be sent */
        peer_close(&peer);
    else
        CHECK(peer_queue(&peer, message, size, 42));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int pair[2];
    char back[4096];
    size_t piece = size > 0 ? 1 + data[0] : 1, at = 1;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    CHECK(peer_open(&peer, pair[0], LIMIT, 0));
    for (taken = 0; at < size && peer.fd >= 0; at += piece) {
        piece = piece < size - at ? piece : size - at;
        CHECK(write(pair[1], data + at, piece) == (ssize_t)piece);
        if (!peer_read(&peer, 1, take, 7))
            break;
        CHECK(taken < size && (peer.fd < 0 || (peer.have < LIMIT + 2 && peer_send(&peer))));
        while (read(pair[1], back, sizeof back) > 0)
            continue;
    }
    if (peer.fd >= 0)
        peer_close(&peer);
    close(pair[1]);
    return 0;
}
