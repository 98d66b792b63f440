/* A stream that carries datagrams: UDP proxied as RFC 9298 describes, each datagram in a capsule of RFC 9297 (type 0,
 * the length, then the context 0 and the datagram). What does not fit is dropped, as on any network.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Send the datagrams in the complete capsules among these bytes. Returns the length of the complete capsules, or -1
 * when one is longer than any datagram. Unknown types (RFC 9297, 3.2) and other contexts are skipped. */
ssize_t datagrams_send(int fd, const uint8_t *data, size_t length);

/* Fill the buffer with capsules of received datagrams; returns 0 when there are none. Room for a single datagram
 * suffices, and a datagram that is too long for the room is dropped. */
size_t datagrams_receive(int fd, uint8_t *buffer, size_t room);
