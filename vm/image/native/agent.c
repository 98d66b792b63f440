/* The guest's end of the fast link: HTTP/2 over a virtio-serial port, each stream a CONNECT request.
 *
 *     CONNECT, :authority ADDRESS:PORT          a TCP connection to any address that the guest can reach
 *     CONNECT, :protocol unix, :path /PATH      a connection to a Unix socket (RFC 8441's extended CONNECT)
 *     CONNECT, :protocol accept, :path /PATH    the next connection to a Unix socket that the agent creates: a byte
 *                                               when there is one, then its bytes
 *     CONNECT, :protocol exec, command: LINE    a shell command; the stream is its stdin and stdout
 *     CONNECT, :protocol connect-udp, :path /.well-known/masque/udp/ADDRESS/PORT/
 *                                               datagrams in capsules (RFC 9298)
 *
 * The answer is 200, or 502 with a header `reason`. Then bytes go both ways, and each direction ends by itself:
 * END_STREAM is a half-close, RST_STREAM a failure. Each stream has a window of its own, so a stream that is not read
 * does not delay the others.
 *
 * A serial port has no connections, so the two ends agree on a start: SIGHUP makes the agent drop everything, close
 * the port and open it again, which empties it. It then waits for a line of the host's that begins with HELLO and
 * sends it back. It ignores what comes before that line.
 *
 *     agent PORT READY     READY is a file that is created when the port is empty
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"
#include "stream.h"

#define HELLO "slipway-link "
#define HELLO_MAX 64
#define PIECE (256 * 1024)        /* bytes read from the port at once */
#define EVENTS_MAX 64
#define FILES_MAX (1 << 20)
#define TURN 8                    /* frames that are written before other events are handled */

static struct {
    const char *path, *ready;
    int fd, epoll;
    char line[HELLO_MAX];
    size_t line_length;
    const uint8_t *out;           /* bytes of the session's that the port has not taken yet */
    size_t out_length;
} port = {.fd = -1};

static void die(const char *what) {
    fprintf(stderr, "agent: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void drop_session(void) {
    session_end();
    port.out_length = port.line_length = 0;
}

/* Read lines until the host says hello; returns how many of the bytes were used. */
static size_t await_hello(const uint8_t *data, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (data[i] != '\n') {
            if (port.line_length < HELLO_MAX - 1)
                port.line[port.line_length++] = (char)data[i];
            continue;
        }
        port.line[port.line_length++] = '\n';
        bool hello = memcmp(port.line, HELLO, strlen(HELLO)) == 0 && port.line_length > strlen(HELLO);
        if (hello) {
            port.out = (const uint8_t *)port.line;
            port.out_length = port.line_length;
            session_begin(port.epoll);
        }
        port.line_length = 0;
        if (hello)
            return i + 1;
    }
    return length;
}

/* Write to the port what it takes, up to a limit; true when it would take more. The port is watched edge-triggered: it
 * reports when it is no longer full. */
static bool write_port(void) {
    for (size_t turn = 0; session_is_open(); turn++) {
        if (turn == TURN)
            return true;
        if (port.out_length == 0) {
            ssize_t length = session_give(&port.out);
            if (length <= 0)
                return false;
            port.out_length = (size_t)length;
        }
        ssize_t sent = write(port.fd, port.out, port.out_length);
        if (sent < 0)
            return false; /* full, or the host is away; reading finds out which */
        port.out += sent;
        port.out_length -= (size_t)sent;
    }
    return false;
}

static void take(const uint8_t *data, size_t length) {
    size_t used = session_is_open() ? 0 : await_hello(data, length);
    if (session_is_open() && used < length && !session_take(data + used, length - used))
        drop_session();
}

/* Read what has come, up to a limit; true when there may be more. The port returns a page at a time; sockets are served
 * better with more at once. */
static bool read_port(void) {
    static uint8_t data[PIECE];
    size_t length = 0;
    ssize_t got = 0;
    while (length < sizeof data && (got = read(port.fd, data + length, sizeof data - length)) > 0)
        length += (size_t)got;
    if (length > 0)
        take(data, length);
    if (got == 0)
        drop_session(); /* the host has closed its end */
    return got > 0;
}

static void open_port(void) {
    drop_session();
    if (port.fd >= 0)
        close(port.fd);
    port.fd = open(port.path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (port.fd < 0)
        die(port.path);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &port};
    if (epoll_ctl(port.epoll, EPOLL_CTL_ADD, port.fd, &event))
        die("epoll_ctl");
    int made = open(port.ready, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (made < 0)
        die(port.ready);
    close(made);
}

static void take_signals(int signals) {
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP)
            open_port();
        else if (info.ssi_signo == SIGTERM)
            exit(0);
    }
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        stream_child_ended(pid);
}

/* Each stream has a descriptor. Without the right to raise the limit, as in tests, the present one has to do. */
static void allow_many_files(void) {
    struct rlimit files = {FILES_MAX, FILES_MAX};
    if (setrlimit(RLIMIT_NOFILE, &files) == 0 || getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: agent PORT READY\n");
        return 2;
    }
    port.path = arguments[1];
    port.ready = arguments[2];
    allow_many_files();
    signal(SIGPIPE, SIG_IGN);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    int signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    port.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &signals};
    if (signals < 0 || port.epoll < 0 || epoll_ctl(port.epoll, EPOLL_CTL_ADD, signals, &event))
        die("epoll");
    open_port();
    for (bool spoken = true, more = false;;) {
        struct epoll_event events[EVENTS_MAX];
        int wait = streams_expire();
        int found = epoll_wait(port.epoll, events, EVENTS_MAX, spoken || more ? 0 : wait);
        bool signalled = false;
        /* Streams first: what the port brings may free them. */
        for (int i = 0; i < found; i++) {
            if (events[i].data.ptr == &signals)
                signalled = true;
            else if (events[i].data.ptr == &port)
                spoken = true;
            else
                stream_ready(events[i].data.ptr, events[i].events);
        }
        spoken = spoken && read_port();
        if (signalled)
            take_signals(signals);
        more = write_port();
    }
}
