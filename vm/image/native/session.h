/* The HTTP/2 session with the host (RFC 9113), by nghttp2. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Start a session whose streams use this epoll instance; ends the program without memory. */
void session_begin(int epoll);

/* End the session with all its streams, if there is one. */
void session_end(void);
bool session_is_open(void);

/* Take bytes of the host's. False: they break the protocol, and the session has ended. */
bool session_take(const uint8_t *data, size_t length);

/* Bytes for the host, valid until the next call; 0: none now, -1: the session has ended. */
ssize_t session_give(const uint8_t **bytes);
