/* Sockets are watched edge-triggered and for all events, so each is registered with the kernel once. They are read when
 * nghttp2 asks for bytes, directly into its frame. */
#include "stream.h"

#include <errno.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "datagrams.h"

#define WATCHED (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define DISCARDS 16 /* reads of an orphan before others have their turn */

static struct stream *streams, *orphans;

static void link_to(struct stream **list, struct stream *s) {
    s->next = *list;
    s->place = list;
    if (s->next != NULL)
        s->next->place = &s->next;
    *list = s;
}

static void unlink_stream(struct stream *s) {
    *s->place = s->next;
    if (s->next != NULL)
        s->next->place = s->place;
}

struct stream *stream_new(nghttp2_session *session, int epoll, int32_t id) {
    struct stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->session = session;
    s->epoll = epoll;
    s->id = id;
    s->fd = -1;
    link_to(&streams, s);
    return s;
}

/* Closing is not enough: the listener has other descriptors, so the kernel would go on watching it. */
static void unwatch_listener(struct stream *s) {
    epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->fd, NULL);
    close(s->fd);
    s->fd = -1;
}

static void stream_free(struct stream *s, bool broken) {
    unlink_stream(s);
    if (s->accepting)
        unwatch_listener(s);
    if (s->fd >= 0) {
        struct linger at_once = {1, 0}; /* then the other end sees a reset, not an end */
        if (broken)
            setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(s->fd);
    }
    if (s->child > 0)
        kill(-s->child, SIGHUP);
    free(s->pending);
    free(s->protocol);
    free(s->path);
    free(s->authority);
    free(s->command);
    free(s);
}

/* -- orphans: the host has left, and the socket has not taken all that it had said --------------------------------- */

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Look again later. Returns whether the other end has taken something since the last look. */
static bool look(struct stream *s) {
    int queued = 0, before = s->queued;
    bool known = ioctl(s->fd, SIOCOUTQ, &queued) == 0;
    s->queued = queued;
    s->deadline = milliseconds() + ORPHAN_SECONDS * 1000;
    return known && queued != before;
}

/* Read what no one wants. Returns whether that was all; what is left after some turns is reported again. */
static bool discard(struct stream *s) {
    static uint8_t bytes[64 * 1024];
    struct epoll_event event = {.events = WATCHED, .data.ptr = s};
    for (int turn = 0; turn < DISCARDS; turn++)
        if (read(s->fd, bytes, sizeof bytes) <= 0)
            return true;
    epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->fd, &event);
    return false;
}

/* A program that writes to a Unix socket fails from now on, as when its client has closed the socket. One that waits
 * notices when there is room, so what it has written is read. TCP has no such failure: all that comes is read. */
static bool stop_reading(struct stream *s) {
    shutdown(s->fd, SHUT_RD);
    return discard(s);
}

void stream_close(struct stream *s, bool broken) {
    bool complete = s->ended && !s->deaf && !s->datagrams && s->child == 0 && s->fd >= 0;
    if (!complete || s->begin == s->end || s->accepting) {
        stream_free(s, broken && !complete); /* a reset would take back what the kernel holds */
        return;
    }
    unlink_stream(s);
    link_to(&orphans, s);
    s->orphan = true;
    look(s);
    if (!s->connecting) /* shutdown would end the attempt */
        stop_reading(s);
}

int streams_expire(void) {
    int64_t soonest = -1, now = orphans != NULL ? milliseconds() : 0;
    for (struct stream *s = orphans, *next; s != NULL; s = next) {
        next = s->next;
        if (s->deadline <= now && !look(s)) {
            stream_free(s, true);
            continue;
        }
        int64_t left = s->deadline > now ? s->deadline - now : 0;
        if (soonest < 0 || left < soonest)
            soonest = left;
    }
    return (int)soonest;
}

void streams_free_all(void) {
    while (streams != NULL)
        stream_free(streams, true);
    while (orphans != NULL)
        stream_free(orphans, true);
}

void stream_child_ended(pid_t pid) {
    for (struct stream *s = streams; s != NULL; s = s->next)
        if (s->child == pid)
            s->child = 0;
}

/* -- the answer --------------------------------------------------------------------------------------------------- */

static nghttp2_nv pair(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

void stream_refuse(struct stream *s, const char *reason) {
    nghttp2_nv fields[] = {pair(":status", "502"), pair("reason", reason)};
    s->deaf = true;
    nghttp2_submit_response(s->session, s->id, fields, 2, NULL);
}

static ssize_t give_datagrams(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t length, uint32_t *flags,
                              nghttp2_data_source *source, void *user) {
    (void)session, (void)id, (void)flags, (void)user;
    struct stream *s = source->ptr;
    size_t got = datagrams_receive(s->fd, buffer, length);
    if (got > 0)
        return (ssize_t)got;
    s->waiting = true;
    return NGHTTP2_ERR_DEFERRED;
}

static ssize_t give(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t length, uint32_t *flags,
                    nghttp2_data_source *source, void *user) {
    (void)session, (void)id, (void)user;
    struct stream *s = source->ptr;
    if (s->accepting) {
        s->waiting = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (s->announce) {
        s->announce = false;
        *buffer = '\n';
        return 1;
    }
    ssize_t got = read(s->fd, buffer, length);
    if (got > 0)
        return got;
    if (got < 0 && errno == EAGAIN) {
        s->waiting = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (got < 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    s->finished = true;
    if (s->deaf) /* what the host still sends has no reader: it can stop (RFC 9113, 8.1) */
        nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
    return 0;
}

void stream_accept(struct stream *s) {
    nghttp2_nv fields[] = {pair(":status", "200")};
    nghttp2_data_provider provider = {.source.ptr = s, .read_callback = s->datagrams ? give_datagrams : give};
    s->connecting = false;
    nghttp2_submit_response(s->session, s->id, fields, 1, &provider);
}

void stream_watch(struct stream *s) {
    struct epoll_event event = {.events = WATCHED, .data.ptr = s};
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->fd, &event) != 0)
        nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
}

/* From now on the stream leads to the program that has connected. False: none has, or another stream took it. */
static bool take_caller(struct stream *s) {
    int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return false;
    unwatch_listener(s);
    s->fd = fd;
    s->accepting = false;
    s->announce = true;
    stream_watch(s);
    return true;
}

/* -- from the host to the socket ---------------------------------------------------------------------------------- */

static void consumed(struct stream *s, size_t length) {
    if (s->orphan) {
        look(s);
        return;
    }
    nghttp2_session_consume_stream(s->session, s->id, length);
    uint64_t before = s->taken;
    s->taken += length;
    if (before < WIDE_WINDOW && s->taken >= WIDE_WINDOW)
        nghttp2_session_set_local_window_size(s->session, NGHTTP2_FLAG_NONE, s->id, WIDE_WINDOW);
}

/* Write what the socket takes; returns how much. A socket that will take no more makes the stream deaf. */
static size_t put(struct stream *s, const uint8_t *data, size_t length) {
    size_t done = 0;
    if (s->datagrams && !s->deaf) {
        ssize_t sent = datagrams_send(s->fd, data, length);
        s->deaf = sent < 0;
        if (s->deaf)
            nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_PROTOCOL_ERROR);
        else
            done = (size_t)sent;
    }
    while (!s->datagrams && !s->deaf && !s->connecting && !s->accepting && done < length) {
        ssize_t sent = write(s->fd, data + done, length - done);
        if (sent > 0)
            done += (size_t)sent;
        else if (errno == EAGAIN)
            break;
        else {
            s->deaf = true;
            if (s->finished && !s->orphan)
                nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
        }
    }
    if (s->deaf)
        done = length;
    if (done > 0)
        consumed(s, done);
    return done;
}

static void flush(struct stream *s) {
    s->begin += put(s, s->pending + s->begin, s->end - s->begin);
    if (s->begin < s->end)
        return;
    free(s->pending);
    s->pending = NULL;
    s->begin = s->end = s->room = 0;
    if (s->ended && !s->shut && !s->connecting && !s->accepting && s->fd >= 0) {
        s->shut = true;
        shutdown(s->fd, SHUT_WR);
    }
}

void stream_input(struct stream *s, const uint8_t *data, size_t length) {
    size_t done = s->begin == s->end ? put(s, data, length) : 0;
    size_t rest = length - done;
    if (rest == 0)
        return;
    if (s->end + rest > s->room) {
        size_t held = s->end - s->begin, room = held + rest + WINDOW / 4;
        uint8_t *pending = malloc(room);
        if (pending == NULL) {
            s->deaf = true;
            consumed(s, rest);
            nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
            return;
        }
        if (held > 0)
            memcpy(pending, s->pending + s->begin, held);
        free(s->pending);
        s->pending = pending;
        s->begin = 0;
        s->end = held;
        s->room = room;
    }
    memcpy(s->pending + s->end, data + done, rest);
    s->end += rest;
    if (s->datagrams && done == 0)
        flush(s); /* an incomplete capsule may be complete now */
}

void stream_input_ended(struct stream *s) {
    s->ended = true;
    flush(s);
    if (s->datagrams) /* the association ends with the stream (RFC 9298, section 3.1) */
        nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

static void orphan_ready(struct stream *s, uint32_t events) {
    if (s->connecting && !(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
        return;
    bool quiet = s->connecting ? stop_reading(s) : discard(s);
    s->connecting = false; /* one that could not be made fails to be written to */
    flush(s);
    if (s->begin == s->end && quiet) /* closing it with unread bytes would be a reset */
        stream_free(s, false);
}

void stream_ready(struct stream *s, uint32_t events) {
    if (s->orphan) {
        orphan_ready(s, events);
        return;
    }
    if (s->connecting) {
        int problem = 0;
        socklen_t size = sizeof problem;
        if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
            return;
        getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &problem, &size);
        if (problem != 0) {
            s->connecting = false;
            stream_refuse(s, strerror(problem));
            flush(s);
            return;
        }
        stream_accept(s);
    }
    if (s->accepting && !take_caller(s))
        return;
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
        flush(s);
    if (s->waiting && events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) {
        s->waiting = false;
        nghttp2_session_resume_data(s->session, s->id);
    }
}
