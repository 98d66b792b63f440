/* A byte stream to and from the host that survives the loss of connections.
 *
 * Both ends count the bytes that they have received, and keep the bytes that the other has not confirmed. On each new
 * connection the guest sends a hello, then the host does, and both send again what the other lacks. Big-endian:
 *
 *     hello   8 bytes "SLIPWIRE", u64 session, u64 received
 *     frame   u32 size, u64 received so far, then `size` bytes
 *
 * The host answers with its own session number; another one, 0 included, means that it does not know this session.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes between a reader and a writer. */
struct queue {
    char *data;
    size_t start, size, room;
};

struct session {
    uint64_t number;
    uint64_t received;         /* bytes of the host's */
    uint64_t confirmed;        /* bytes of ours that the host has confirmed */
    uint64_t ever_sent;        /* bytes of ours that the host may have received, on whichever connection */
    struct queue unconfirmed;  /* of ours, the following ones */
    struct queue incoming;     /* the host's, for sshfs */
    struct queue partial;      /* the rest of a hello or frame of which a part has been sent */
    size_t sent;               /* of `unconfirmed` on this connection, whole frames only */
    char head[24];             /* of a hello or frame that is being received */
    size_t head_size;
    uint32_t body;             /* bytes that are missing of the frame that is being received */
    bool greeted;              /* the host's hello has come */
};

enum outcome { GOOD, BROKEN, UNKNOWN_SESSION };

/* Start a new connection: queue the hello. */
void session_connect(struct session *session);

/* Take bytes of sshfs for the host. */
void session_send(struct session *session, const void *data, size_t size);

/* Take bytes that have come from the host. BROKEN: they break the protocol. */
enum outcome session_receive(struct session *session, const char *data, size_t size);

/* Whether there is something to write to the host. */
bool session_has_output(const struct session *session);

/* Write to the host what its connection, which does not block, takes; false when it is broken. */
bool session_write(struct session *session, int to);

/* Write what a descriptor that does not block takes; false when it is broken. */
bool queue_write(struct queue *queue, int to);
