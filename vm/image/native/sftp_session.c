#include "sftp_session.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC "SLIPWIRE"
#define LARGEST_FRAME (256 * 1024)

struct hello {
    char magic[8];
    uint64_t session, received;
} __attribute__((packed));

struct frame {
    uint32_t size;
    uint64_t received;
} __attribute__((packed));

/* -- queues -------------------------------------------------------------------------------------------------------- */

static void queue_add(struct queue *queue, const void *data, size_t size) {
    if (queue->start + queue->size + size > queue->room) {
        if (queue->size > 0)
            memmove(queue->data, queue->data + queue->start, queue->size);
        queue->start = 0;
        if (queue->size + size > queue->room) {
            queue->room = (queue->size + size) * 2;
            queue->data = realloc(queue->data, queue->room);
            if (!queue->data) {
                perror("sftp_transport");
                exit(1);
            }
        }
    }
    if (size > 0)
        memcpy(queue->data + queue->start + queue->size, data, size);
    queue->size += size;
}

static void queue_drop(struct queue *queue, size_t size) {
    queue->start += size;
    queue->size -= size;
    if (queue->size == 0)
        queue->start = 0;
}

bool queue_write(struct queue *queue, int to) {
    while (queue->size > 0) {
        ssize_t done = write(to, queue->data + queue->start, queue->size);
        if (done < 0)
            return errno == EAGAIN || errno == EINTR;
        queue_drop(queue, (size_t)done);
    }
    return true;
}

/* -- from sshfs to the host ---------------------------------------------------------------------------------------- */

void session_connect(struct session *session) {
    struct hello hello = {.session = htobe64(session->number), .received = htobe64(session->received)};
    memcpy(hello.magic, MAGIC, sizeof hello.magic);
    session->partial.start = session->partial.size = 0;
    session->head_size = 0;
    session->body = 0;
    session->sent = 0;
    session->greeted = false;
    queue_add(&session->partial, &hello, sizeof hello);
}

void session_send(struct session *session, const void *data, size_t size) {
    queue_add(&session->unconfirmed, data, size);
}

bool session_has_output(const struct session *session) {
    return session->partial.size > 0 || (session->greeted && session->sent < session->unconfirmed.size);
}

/* Write one frame; what the connection does not take of it is kept in `partial`. False when nothing was written. */
static bool write_frame(struct session *session, int to) {
    size_t left = session->unconfirmed.size - session->sent, size = left < LARGEST_FRAME ? left : LARGEST_FRAME;
    struct frame frame = {htobe32((uint32_t)size), htobe64(session->received)};
    char *data = session->unconfirmed.data + session->unconfirmed.start + session->sent;
    struct iovec parts[2] = {{&frame, sizeof frame}, {data, size}};
    ssize_t done = writev(to, parts, 2);
    if (done <= 0)
        return false;
    session->sent += size;
    if (session->ever_sent < session->confirmed + session->sent)
        session->ever_sent = session->confirmed + session->sent;
    size_t behind = (size_t)done;
    for (int i = 0; i < 2; i++) {
        size_t skipped = behind < parts[i].iov_len ? behind : parts[i].iov_len;
        queue_add(&session->partial, (char *)parts[i].iov_base + skipped, parts[i].iov_len - skipped);
        behind -= skipped;
    }
    return true;
}

bool session_write(struct session *session, int to) {
    if (!queue_write(&session->partial, to))
        return false;
    while (session->greeted && session->partial.size == 0 && session->sent < session->unconfirmed.size)
        if (!write_frame(session, to))
            return errno == EAGAIN || errno == EINTR;
    return true;
}

/* -- from the host to sshfs ---------------------------------------------------------------------------------------- */

/* The host has this many bytes of ours; false when that is impossible. */
static bool confirm(struct session *session, uint64_t count) {
    if (count < session->confirmed || count > session->ever_sent)
        return false;
    size_t fewer = (size_t)(count - session->confirmed);
    queue_drop(&session->unconfirmed, fewer);
    session->confirmed = count;
    session->sent = session->sent > fewer ? session->sent - fewer : 0;
    return true;
}

static enum outcome receive_hello(struct session *session) {
    struct hello hello;
    memcpy(&hello, session->head, sizeof hello);
    if (memcmp(hello.magic, MAGIC, sizeof hello.magic) != 0)
        return BROKEN;
    if (be64toh(hello.session) != session->number)
        return UNKNOWN_SESSION;
    session->greeted = true;
    return confirm(session, be64toh(hello.received)) ? GOOD : BROKEN;
}

static enum outcome receive_frame(struct session *session) {
    struct frame frame;
    memcpy(&frame, session->head, sizeof frame);
    session->body = be32toh(frame.size);
    return confirm(session, be64toh(frame.received)) ? GOOD : BROKEN;
}

enum outcome session_receive(struct session *session, const char *data, size_t size) {
    while (size > 0) {
        size_t part;
        if (session->body > 0) {
            part = size < session->body ? size : session->body;
            queue_add(&session->incoming, data, part);
            session->received += part;
            session->body -= (uint32_t)part;
        } else {
            size_t whole = session->greeted ? sizeof(struct frame) : sizeof(struct hello);
            part = whole - session->head_size < size ? whole - session->head_size : size;
            memcpy(session->head + session->head_size, data, part);
            session->head_size += part;
            if (session->head_size == whole) {
                session->head_size = 0;
                enum outcome outcome = session->greeted ? receive_frame(session) : receive_hello(session);
                if (outcome != GOOD)
                    return outcome;
            }
        }
        data += part;
        size -= part;
    }
    return GOOD;
}
