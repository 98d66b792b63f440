/* The guest's end of the fast link: HTTP/2 (RFC 9113) over a virtio-serial port, each stream a CONNECT request.
 *
 *   CONNECT, :authority ADDRESS:PORT            a TCP connection to whatever the guest can reach
 *   CONNECT, :protocol unix, :path /PATH        a connection to a Unix socket           (RFC 8441's extended CONNECT)
 *   CONNECT, :protocol accept, :path /PATH      the next who connects to a Unix socket that is made here: a byte says
 *                                               that there is one, then come its own
 *   CONNECT, :protocol exec, command: LINE      a shell command; the stream is its stdin and stdout
 *   CONNECT, :protocol connect-udp, :path /.well-known/masque/udp/ADDRESS/PORT/     datagrams in capsules    (RFC 9298)
 *
 * The answer is 200, or 502 with a header `reason`. Then bytes go both ways, each direction ending by itself
 * (END_STREAM is a half-close); what breaks is a RST_STREAM. Each stream has a window of its own, so one that nobody
 * reads holds up no other.
 *
 * A serial port has no connections, so each begins anew: SIGHUP makes the agent drop everything, and close the port and
 * open it again, which empties it. It then waits for a line of the host's that begins with HELLO and sends it back; what
 * comes before that line belongs to nobody. Usage: agent PORT READY, where READY is a file made once the port is empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define HELLO "slipway-link "
#define HELLO_MAX 64
#define PIECE (256 * 1024)        /* bytes read from the port at once */
#define FRAME_MAX (128 * 1024)    /* longest DATA: what a short message waits for at most */
#define WINDOW_MAX 0x7fffffff
#define EVENTS_MAX 64
#define TURN 8                    /* pieces or frames before the others have their turn */

static struct {
    const char *path, *ready;
    int fd, epoll;
    nghttp2_session *session;     /* NULL until the host has said hello */
    char line[HELLO_MAX];
    size_t line_length;
    const uint8_t *out;           /* what nghttp2 gave us and the port has not taken yet */
    size_t out_length;
} port = {.fd = -1};

static void die(const char *what) {
    fprintf(stderr, "agent: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* -- what nghttp2 asks and tells --------------------------------------------------------------------------------- */

static struct stream *stream_of(int32_t id) {
    return nghttp2_session_get_stream_user_data(port.session, id);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    (void)user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct stream *s = stream_new(session, port.epoll, frame->hd.stream_id);
    if (s == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                     const uint8_t *value, size_t length, uint8_t flags, void *user) {
    (void)session, (void)flags, (void)user;
    struct stream *s = stream_of(frame->hd.stream_id);
    if (s == NULL || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    const char *wanted[] = {":protocol", ":path", ":authority", "command"};
    char **places[] = {&s->protocol, &s->path, &s->authority, &s->command};
    for (size_t i = 0; i < 4; i++) {
        if (name_length != strlen(wanted[i]) || memcmp(name, wanted[i], name_length) != 0)
            continue;
        free(*places[i]);
        *places[i] = strndup((const char *)value, length);
        if (*places[i] == NULL)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    (void)session, (void)user;
    struct stream *s = stream_of(frame->hd.stream_id);
    if (s == NULL || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        stream_open(s);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        stream_input_ended(s);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t length, void *user) {
    (void)flags, (void)user;
    struct stream *s = stream_of(id);
    nghttp2_session_consume_connection(session, length);
    if (s == NULL)
        return nghttp2_session_consume_stream(session, id, length);
    stream_input(s, data, length);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user) {
    (void)session, (void)user;
    struct stream *s = stream_of(id);
    if (s != NULL)
        stream_free(s, error != NGHTTP2_NO_ERROR);
    return 0;
}

static ssize_t frame_length(nghttp2_session *session, uint8_t type, int32_t id, int32_t all, int32_t stream,
                            uint32_t longest, void *user) {
    (void)session, (void)type, (void)id, (void)user;
    int32_t length = FRAME_MAX;
    length = all < length ? all : length;
    length = stream < length ? stream : length;
    return longest < (uint32_t)length ? (int32_t)longest : length;
}

/* -- the port ----------------------------------------------------------------------------------------------------- */

static void drop_session(void) {
    nghttp2_session *session = port.session;
    if (session != NULL) {
        streams_free_all();
        nghttp2_session_del(session);
    }
    port.session = NULL;
    port.out_length = port.line_length = 0;
}

static void begin_session(void) {
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) || nghttp2_option_new(&option))
        die("no memory");
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, frame_length);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    /* The other end is no stranger: it may end as many streams as it likes. */
    nghttp2_option_set_stream_reset_rate_limit(option, UINT64_C(1) << 40, UINT64_C(1) << 40);
    if (nghttp2_session_server_new2(&port.session, callbacks, NULL, option))
        die("no memory");
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1 << 20},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, FRAME_MAX},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    };
    nghttp2_submit_settings(port.session, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings);
    nghttp2_session_set_local_window_size(port.session, NGHTTP2_FLAG_NONE, 0, WINDOW_MAX);
}

/* Read lines until the host says hello; tells how many of the bytes were used up. */
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
            begin_session();
        }
        port.line_length = 0;
        if (hello)
            return i + 1;
    }
    return length;
}

/* Give the port what it takes, but not for ever: true when it would take more. Edge-triggered: a port that is full
 * announces when it no longer is. */
static bool write_port(void) {
    for (size_t turn = 0; port.session != NULL; turn++) {
        if (turn == TURN)
            return true;
        if (port.out_length == 0) {
            ssize_t length = nghttp2_session_mem_send(port.session, &port.out);
            if (length < 0) {
                fprintf(stderr, "agent: %s\n", nghttp2_strerror((int)length));
                drop_session();
                return false;
            }
            if (length == 0)
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
    size_t used = port.session == NULL ? await_hello(data, length) : 0;
    if (port.session == NULL || used == length)
        return;
    ssize_t taken = nghttp2_session_mem_recv(port.session, data + used, length - used);
    if (taken < 0) {
        fprintf(stderr, "agent: %s\n", nghttp2_strerror((int)taken));
        drop_session();
    }
}

/* Take what has come, but not for ever: true when there may be more. The port gives a page at a time; sockets are
 * better served with more at once. */
static bool read_port(void) {
    static uint8_t data[PIECE];
    size_t length = 0;
    ssize_t got = 0;
    while (length < sizeof data && (got = read(port.fd, data + length, sizeof data - length)) > 0)
        length += (size_t)got;
    if (length > 0)
        take(data, length);
    if (got == 0)
        drop_session(); /* the host has hung up */
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

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: agent PORT READY\n");
        return 2;
    }
    port.path = arguments[1];
    port.ready = arguments[2];
    struct rlimit files = {1 << 20, 1 << 20};
    if (setrlimit(RLIMIT_NOFILE, &files))
        die("setrlimit");
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
        int found = epoll_wait(port.epoll, events, EVENTS_MAX, spoken || more ? 0 : -1);
        bool signalled = false;
        /* Streams first: the port's news may free them. */
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
