/* One stream of the link, and the socket or program of the guest that it leads to. */
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WINDOW (256 * 1024)        /* bytes the host may send before the stream has taken any */
#define WIDE_WINDOW (1024 * 1024)  /* the same for a stream that has taken a lot */
#ifndef ORPHAN_SECONDS
#define ORPHAN_SECONDS 60          /* how long an orphan's other end may take nothing */
#endif

struct stream {
    struct stream *next, **place;  /* the list of all, or that of the orphans */
    nghttp2_session *session;
    int32_t id;
    int epoll, fd;                 /* fd: -1 until it is opened */
    pid_t child;                   /* the command's process group; 0: none */
    bool datagrams;                /* a UDP socket, with capsules on the stream (datagrams.h) */
    bool connecting, ended;        /* ended: the host sends no more */
    bool accepting, announce;      /* no connection yet; one has come, and the host is to be notified */
    bool deaf;                     /* the other end takes no more bytes */
    bool finished;                 /* our END_STREAM is on its way */
    bool shut;                     /* the half-close was passed on */
    bool orphan;                   /* the host has left; what it had said is still to be passed on */
    bool waiting;                  /* nghttp2 waits for bytes of ours */
    int64_t deadline;              /* when to look at an orphan, in milliseconds of the monotonic clock */
    int queued;                    /* bytes in an orphan's socket that the other end had not taken at the last look */
    uint64_t taken;                /* bytes of the host's that were passed on */
    uint8_t *pending;              /* bytes of the host's that the socket has not taken yet */
    size_t begin, end, room;
    char *protocol, *path, *authority, *command; /* the request */
};

struct stream *stream_new(nghttp2_session *session, int epoll, int32_t id);

/* Bytes of the host's have come, or its half-close. */
void stream_input(struct stream *s, const uint8_t *data, size_t length);
void stream_input_ended(struct stream *s);

/* epoll reports these events of the stream's socket. */
void stream_ready(struct stream *s, uint32_t events);

/* The host has ended a stream altogether. When it was `broken`, the other end sees a reset rather than an end. All that
 * the host had said before its half-close still arrives there. */
void stream_close(struct stream *s, bool broken);
void streams_free_all(void);

/* End orphans whose other end takes nothing. Returns milliseconds until the next look; -1: there are none. */
int streams_expire(void);

void stream_child_ended(pid_t pid);

/* Answer 200, and send the socket's bytes from then on; or answer 502 with a reason. */
void stream_accept(struct stream *s);
void stream_refuse(struct stream *s, const char *reason);

/* Have epoll report the socket's events; without memory the stream is reset. */
void stream_watch(struct stream *s);
