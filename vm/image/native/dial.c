#include "dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "listeners.h"

extern char **environ;

static void dial(struct stream *s, int family, const struct sockaddr *address, socklen_t length) {
    s->fd = socket(family, (s->datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0) {
        stream_refuse(s, strerror(errno));
        return;
    }
    int on = 1;
    if (family != AF_UNIX && !s->datagrams)
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(s->fd, address, length) == 0)
        stream_accept(s);
    else if (errno == EINPROGRESS)
        s->connecting = true;
    else {
        stream_refuse(s, strerror(errno));
        return;
    }
    stream_watch(s);
}

static void dial_unix(struct stream *s) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (s->path == NULL || strlen(s->path) >= sizeof address.sun_path) {
        stream_refuse(s, "not a socket's path");
        return;
    }
    strcpy(address.sun_path, s->path);
    dial(s, AF_UNIX, (struct sockaddr *)&address, sizeof address);
}

static void listen_unix(struct stream *s) {
    if (s->path == NULL || *s->path != '/') {
        stream_refuse(s, "not a socket's path");
        return;
    }
    int fd = listener(s->path);
    s->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (s->fd < 0) {
        stream_refuse(s, strerror(errno));
        return;
    }
    s->accepting = true;
    stream_accept(s);
    stream_watch(s);
}

static void dial_inet(struct stream *s, const char *host, const char *port) {
    char *rest;
    unsigned long number = strtoul(port, &rest, 10);
    if (number == 0 || number > 65535 || *rest != '\0') {
        stream_refuse(s, "not a port");
        return;
    }
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number)};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        dial(s, AF_INET, (struct sockaddr *)&v4, sizeof v4);
    else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
        dial(s, AF_INET6, (struct sockaddr *)&v6, sizeof v6);
    else
        stream_refuse(s, "not an address");
}

static void dial_tcp(struct stream *s) {
    char *host = s->authority, *colon = host == NULL ? NULL : strrchr(host, ':');
    if (colon == NULL) {
        stream_refuse(s, "not an address and a port");
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
        stream_refuse(s, "not an address and a port");
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
        stream_refuse(s, "no command");
        return;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
        stream_refuse(s, strerror(errno));
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
        stream_refuse(s, strerror(problem));
        return;
    }
    s->fd = ends[0];
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    stream_accept(s);
    stream_watch(s);
}

void stream_open(struct stream *s) {
    if (s->protocol == NULL)
        dial_tcp(s);
    else if (strcmp(s->protocol, "unix") == 0)
        dial_unix(s);
    else if (strcmp(s->protocol, "accept") == 0)
        listen_unix(s);
    else if (strcmp(s->protocol, "exec") == 0)
        run(s);
    else if (strcmp(s->protocol, "connect-udp") == 0)
        dial_udp(s);
    else
        stream_refuse(s, "unknown protocol");
}
