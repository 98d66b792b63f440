/* A stream of the link and the socket or program it leads to. Sockets are watched edge-triggered and for everything, so
 * each is told to the kernel once; reading happens when nghttp2 asks for bytes, straight into its frame. */
#include "agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

static struct stream *streams;

struct stream *stream_new(nghttp2_session *session, int epoll, int32_t id) {
    struct stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->session = session;
    s->epoll = epoll;
    s->id = id;
    s->fd = -1;
    s->next = streams;
    s->place = &streams;
    if (streams != NULL)
        streams->place = &s->next;
    streams = s;
    return s;
}

/* The listener itself is the same for all duplicates, and the kernel watches that until it is told otherwise. */
static void unwatch_listener(struct stream *s) {
    epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->fd, NULL);
    close(s->fd);
    s->fd = -1;
}

void stream_free(struct stream *s, bool broken) {
    *s->place = s->next;
    if (s->next != NULL)
        s->next->place = s->place;
    if (s->accepting)
        unwatch_listener(s);
    if (s->fd >= 0) {
        struct linger at_once = {1, 0}; /* the other end is to see a reset, not an end */
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

void streams_free_all(void) {
    while (streams != NULL)
        stream_free(streams, true);
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

static void refuse(struct stream *s, const char *reason) {
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
    if (s->deaf) /* nobody takes what the host still sends: it may stop, what it was sent is good (RFC 9113, 8.1) */
        nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
    return 0;
}

static void accept_stream(struct stream *s) {
    nghttp2_nv fields[] = {pair(":status", "200")};
    nghttp2_data_provider provider = {.source.ptr = s, .read_callback = s->datagrams ? give_datagrams : give};
    s->connecting = false;
    nghttp2_submit_response(s->session, s->id, fields, 1, &provider);
}

/* -- opening ------------------------------------------------------------------------------------------------------ */

static bool watch(struct stream *s) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = s};
    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->fd, &event) == 0;
}

static void dial(struct stream *s, int family, const struct sockaddr *address, socklen_t length) {
    s->fd = socket(family, (s->datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0) {
        refuse(s, strerror(errno));
        return;
    }
    int on = 1;
    if (family != AF_UNIX && !s->datagrams)
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(s->fd, address, length) == 0)
        accept_stream(s);
    else if (errno == EINPROGRESS)
        s->connecting = true;
    else {
        refuse(s, strerror(errno));
        return;
    }
    if (!watch(s))
        nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
}

static void dial_unix(struct stream *s) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (s->path == NULL || strlen(s->path) >= sizeof address.sun_path) {
        refuse(s, "not a socket's path");
        return;
    }
    strcpy(address.sun_path, s->path);
    dial(s, AF_UNIX, (struct sockaddr *)&address, sizeof address);
}

static void await_caller(struct stream *s) {
    if (s->path == NULL || *s->path != '/') {
        refuse(s, "not a socket's path");
        return;
    }
    int fd = listener(s->path);
    s->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (s->fd < 0) {
        refuse(s, strerror(errno));
        return;
    }
    s->accepting = true;
    accept_stream(s);
    if (!watch(s))
        nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
}

/* The stream is whoever has connected from now on; false: nobody has, or another stream took them. */
static bool take_caller(struct stream *s) {
    int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return false;
    unwatch_listener(s);
    s->fd = fd;
    s->accepting = false;
    s->announce = true;
    if (!watch(s))
        nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
    return true;
}

static void dial_inet(struct stream *s, const char *host, const char *port) {
    char *rest;
    unsigned long number = strtoul(port, &rest, 10);
    if (number == 0 || number > 65535 || *rest != '\0') {
        refuse(s, "not a port");
        return;
    }
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number)};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        dial(s, AF_INET, (struct sockaddr *)&v4, sizeof v4);
    else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
        dial(s, AF_INET6, (struct sockaddr *)&v6, sizeof v6);
    else
        refuse(s, "not an address");
}

static void dial_tcp(struct stream *s) {
    char *host = s->authority, *colon = host == NULL ? NULL : strrchr(host, ':');
    if (colon == NULL) {
        refuse(s, "not an address and a port");
        return;
    }
    *colon = '\0';
    if (*host == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        host++;
    }
    dial_inet(s, host, colon + 1);
}

/* The path is a URI's: the colons of an address are %3A there. */
static void dial_udp(struct stream *s) {
    char host[INET6_ADDRSTRLEN * 3], port[8];
    if (s->path == NULL || sscanf(s->path, "/.well-known/masque/udp/%137[^/]/%7[0-9]/", host, port) != 2) {
        refuse(s, "not an address and a port");
        return;
    }
    char *to = host;
    for (const char *from = host; *from != '\0'; from++) {
        bool colon = strncmp(from, "%3A", 3) == 0;
        *to++ = colon ? ':' : *from;
        from += colon ? 2 : 0;
    }
    *to = '\0';
    s->datagrams = true;
    dial_inet(s, host, port);
}

static void run(struct stream *s) {
    int ends[2];
    if (s->command == NULL) {
        refuse(s, "no command");
        return;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
        refuse(s, strerror(errno));
        return;
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    char *arguments[] = {"sh", "-c", s->command, NULL};
    int problem = posix_spawn(&s->child, "/bin/sh", &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (problem != 0) {
        s->child = 0;
        close(ends[0]);
        refuse(s, strerror(problem));
        return;
    }
    s->fd = ends[0];
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    accept_stream(s);
    if (!watch(s))
        nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
}

void stream_open(struct stream *s) {
    if (s->protocol == NULL)
        dial_tcp(s);
    else if (strcmp(s->protocol, "unix") == 0)
        dial_unix(s);
    else if (strcmp(s->protocol, "accept") == 0)
        await_caller(s);
    else if (strcmp(s->protocol, "exec") == 0)
        run(s);
    else if (strcmp(s->protocol, "connect-udp") == 0)
        dial_udp(s);
    else
        refuse(s, "unknown protocol");
}

/* -- from the host to the socket ---------------------------------------------------------------------------------- */

static void consumed(struct stream *s, size_t length) {
    nghttp2_session_consume_stream(s->session, s->id, length);
    uint64_t before = s->taken;
    s->taken += length;
    if (before < WIDE_WINDOW && s->taken >= WIDE_WINDOW)
        nghttp2_session_set_local_window_size(s->session, NGHTTP2_FLAG_NONE, s->id, WIDE_WINDOW);
}

/* Write what the socket takes; tells how much that was. A socket that takes no more makes the stream deaf. */
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
            if (s->finished)
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
        flush(s); /* what was half a capsule may be whole now */
}

void stream_input_ended(struct stream *s) {
    s->ended = true;
    flush(s);
    if (s->datagrams) /* the association ends with the stream (RFC 9298, section 3.1) */
        nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

void stream_ready(struct stream *s, uint32_t events) {
    if (s->connecting) {
        int problem = 0;
        socklen_t size = sizeof problem;
        if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
            return;
        getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &problem, &size);
        if (problem != 0) {
            s->connecting = false;
            refuse(s, strerror(problem));
            flush(s);
            return;
        }
        accept_stream(s);
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
