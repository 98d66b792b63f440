#include "datagrams.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD 6                    /* ours: the type, a length of four bytes, the context */
#define LONGEST (64 * 1024)       /* no datagram is longer */

/* Read a QUIC number (RFC 9000, 16); its first two bits give its length. Returns that, or 0: bytes are missing. */
static size_t number(const uint8_t *data, size_t length, uint64_t *value) {
    if (length == 0 || length < (size_t)1 << (data[0] >> 6))
        return 0;
    size_t size = (size_t)1 << (data[0] >> 6);
    *value = data[0] & 0x3f;
    for (size_t i = 1; i < size; i++)
        *value = *value << 8 | data[i];
    return size;
}

ssize_t datagrams_send(int fd, const uint8_t *data, size_t length) {
    size_t done = 0;
    for (;;) {
        uint64_t type = 0, size = 0;
        size_t at = number(data + done, length - done, &type);
        size_t more = at == 0 ? 0 : number(data + done + at, length - done - at, &size);
        if (more == 0)
            return (ssize_t)done;
        if (size > 2 * LONGEST)
            return -1;
        at += more;
        if (size > length - done - at)
            return (ssize_t)done;
        const uint8_t *value = data + done + at;
        /* The error may be an earlier datagram's: there was no listener then, but there may be one by now. */
        if (type == 0 && size > 0 && value[0] == 0 && send(fd, value + 1, size - 1, 0) < 0 && errno == ECONNREFUSED)
            (void)!send(fd, value + 1, size - 1, 0);
        done += at + size;
    }
}

size_t datagrams_receive(int fd, uint8_t *buffer, size_t room) {
    size_t done = 0;
    while (room > HEAD && (done == 0 || room - done >= HEAD + LONGEST)) {
        uint8_t *head = buffer + done;
        ssize_t got = recv(fd, head + HEAD, room - done - HEAD, MSG_TRUNC);
        if (got < 0 && errno == ECONNREFUSED)
            continue; /* as docker-proxy does: the next one may be received */
        if (got < 0)
            break;
        if ((size_t)got > room - done - HEAD)
            continue;
        uint32_t size = (uint32_t)got + 1;
        const uint8_t made[HEAD] = {0, (uint8_t)(0x80 | size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                                    (uint8_t)size, 0};
        memcpy(head, made, HEAD);
        done += HEAD + (size_t)got;
    }
    return done;
}
