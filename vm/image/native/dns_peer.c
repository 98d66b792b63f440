#include "dns_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns_message.h"

#define BACKLOG_BYTES (1024 * 1024) /* for one peer that does not take its bytes */

bool peer_open(struct peer *peer, int fd, size_t limit, int64_t now) {
    uint8_t *in = malloc(limit + 2);
    if (in == NULL)
        return false;
    *peer = (struct peer){.fd = fd, .life = peer->life + 1, .heard = now, .in = in, .limit = limit};
    return true;
}

void peer_close(struct peer *peer) {
    close(peer->fd);
    peer->fd = -1;
    free(peer->in);
    free(peer->out);
    peer->in = peer->out = NULL;
}

bool peer_queue(struct peer *peer, const uint8_t *message, size_t size, uint16_t id) {
    if (peer->queued + size + 2 > BACKLOG_BYTES)
        return false;
    uint8_t *out = realloc(peer->out, peer->queued + size + 2);
    if (out == NULL)
        return false;
    peer->out = out;
    out += peer->queued;
    put16(out, (unsigned)size);
    memcpy(out + 2, message, size);
    put16(out + 2, id);
    peer->queued += size + 2;
    return true;
}

bool peer_send(struct peer *peer) {
    size_t done = 0;
    while (done < peer->queued) {
        ssize_t sent = send(peer->fd, peer->out + done, peer->queued - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent < 0)
            break;
        done += (size_t)sent;
    }
    peer->queued -= done;
    if (peer->queued > 0)
        memmove(peer->out, peer->out + done, peer->queued);
    return true;
}

bool peer_read(struct peer *peer, int64_t now, void (*take)(const uint8_t *message, size_t size, int number),
               int number) {
    ssize_t got = recv(peer->fd, peer->in + peer->have, peer->limit + 2 - peer->have, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    peer->heard = now;
    peer->have += (size_t)got;
    size_t done = 0;
    while (peer->have - done >= 2) {
        size_t size = get16(peer->in + done);
        if (size < HEADER || size > peer->limit)
            return false;
        if (peer->have - done < size + 2)
            break;
        unsigned life = peer->life;
        take(peer->in + done + 2, size, number);
        if (peer->fd < 0 || peer->life != life)
            return true; /* `take` closed it */
        done += size + 2;
    }
    peer->have -= done;
    memmove(peer->in, peer->in + done, peer->have);
    return true;
}
