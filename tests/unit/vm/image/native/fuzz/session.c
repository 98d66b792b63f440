/* Any frames of the host's after its preface. What a request names is stood in for by an echo: nothing is connected
 * to, and no command runs. */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "listeners.h"
#include "stream.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define ECHOES 64
#define ROUNDS 4

static int echoes[ECHOES], echo_count;

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_posix_spawn(void);

/* Port 2 refuses, and port 3 is slow; all others answer at once. */
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length) {
    int kind, pair[2];
    socklen_t size = sizeof kind;
    unsigned port = address->sa_family == AF_UNIX ? 0 : (unsigned)(uint8_t)address->sa_data[1];
    CHECK(length > 2 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size) == 0);
    errno = port == 3 ? EINPROGRESS : ECONNREFUSED;
    if (port == 2 || echo_count == ECHOES)
        return -1;
    CHECK(socketpair(AF_UNIX, kind | SOCK_NONBLOCK, 0, pair) == 0 && dup2(pair[0], fd) == fd);
    close(pair[0]);
    echoes[echo_count++] = pair[1];
    errno = EINPROGRESS;
    return port == 3 ? -1 : 0;
}

int __wrap_posix_spawn(void) {
    return ENOENT;
}

int listener(const char *path) {
    static int made = -1;
    CHECK(*path == '/');
    if (made < 0) {
        struct sockaddr_un {
            sa_family_t family;
            char path[108];
        } address = {AF_UNIX, "\0slipway-fuzz"};
        made = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        snprintf(address.path + 13, sizeof address.path - 13, "-%d", getpid());
        CHECK(bind(made, (struct sockaddr *)&address, sizeof address) == 0 && listen(made, 8) == 0);
    }
    return made;
}

static void echo(void) {
    static char bytes[4096];
    for (int i = 0; i < echo_count; i++) {
        ssize_t got = recv(echoes[i], bytes, sizeof bytes, MSG_DONTWAIT);
        if (got > 0)
            (void)!send(echoes[i], bytes, (size_t)got, MSG_DONTWAIT | MSG_NOSIGNAL);
        else if (got == 0)
            shutdown(echoes[i], SHUT_WR);
    }
}

/* Whether the session goes on. */
static bool give(void) {
    const uint8_t *bytes;
    ssize_t length = 1;
    while (session_is_open() && (length = session_give(&bytes)) > 0)
        CHECK(bytes != NULL);
    return length >= 0 && session_is_open();
}

static void turn(int epoll) {
    struct epoll_event events[ECHOES];
    int found = epoll_wait(epoll, events, ECHOES, 0);
    for (int i = 0; i < found; i++)
        stream_ready(events[i].data.ptr, events[i].events);
    echo();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int epoll = -1;
    epoll = epoll < 0 ? epoll_create1(0) : epoll;
    session_begin(epoll);
    bool open = session_take((const uint8_t *)PREFACE, strlen(PREFACE)) && session_take(data, size / 2) && give();
    if (open) {
        turn(epoll);
        open = session_take(data + size / 2, size - size / 2) && give();
    }
    for (int round = 0; round < ROUNDS && open; round++) {
        turn(epoll);
        CHECK(size % 2 || streams_expire() <= 0); /* each is looked at */
        open = give();
    }
    session_end();
    for (int i = 0; i < echo_count; i++)
        close(echoes[i]);
    echo_count = 0;
    return 0;
}
