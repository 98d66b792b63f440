/* A peer that sends and takes DNS messages over a stream, each with its length in two bytes before it (RFC 7766, 8). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer {
    int fd;        /* -1: none */
    unsigned life; /* counts the connections that have used this place */
    int64_t heard; /* when bytes last came, in ms */
    uint8_t *in, *out;
    size_t have, queued, limit;
    unsigned open; /* queries */
};

/* Use a place for a connection; messages have at most `limit` bytes. False without memory. */
bool peer_open(struct peer *peer, int fd, size_t limit, int64_t now);
void peer_close(struct peer *peer);

/* Queue a message under another number. False when the peer takes no bytes, or without memory. */
bool peer_queue(struct peer *peer, const uint8_t *message, size_t size, uint16_t id);

/* Send what is queued; false when the peer is gone. */
bool peer_send(struct peer *peer);

/* Read, and hand over each whole message; `take` may close the peer. False when the peer has ended or breaks the
 * protocol. */
bool peer_read(struct peer *peer, int64_t now, void (*take)(const uint8_t *message, size_t size, int number),
               int number);
