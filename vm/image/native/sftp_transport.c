/* The transport of a folder that is mounted by SFTP, in place of ssh: a session that survives the loss of connections
 * (sftp_session.h; the host's end is engine/folders/wire.py).
 *
 *     sftp_transport                   sshfs runs this as its ssh. SFTP is at stdin and stdout;
 *                                      $TRANSPORT_SOCKET is the socket to create.
 *     sftp_transport --attach SOCKET   a connection from the host: passes its stdin and stdout to the transport,
 *                                      and ends when the transport no longer uses them
 *
 * Without a connection nothing moves, and programs that use the folder wait. A host that does not know the session,
 * because its SFTP daemon has died, ends it. sshfs then starts a new one, and files that were open return errors
 * rather than another file's data.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sftp_session.h"

#define PIECE (256 * 1024)
#define MOST_KEPT (16 * 1024 * 1024) /* bytes per direction; then reading stops */
#define ATTACH_SECONDS 20

static struct session session;
static int host_in = -1, host_out = -1; /* the connection */
static int control = -1;                /* to the `--attach` that brought it; closed when it is no longer used */

static void die(const char *why) {
    perror(why);
    exit(1);
}

static void unblock(int descriptor) {
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

static void disconnect(void) {
    if (host_in >= 0) {
        close(host_in);
        close(host_out);
        close(control);
    }
    host_in = host_out = control = -1;
}

/* A control message for two descriptors (unix(7), SCM_RIGHTS), and the byte it goes with. */
struct rights {
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(2 * sizeof(int))];
    char byte;
    struct iovec content;
};

static struct msghdr message_of(struct rights *rights) {
    rights->content = (struct iovec){&rights->byte, 1};
    return (struct msghdr){.msg_iov = &rights->content,
                           .msg_iovlen = 1,
                           .msg_control = rights->space,
                           .msg_controllen = sizeof rights->space};
}

/* A connection from the host takes the place of the one before. */
static void accept_host(int listener) {
    struct rights rights = {0};
    struct msghdr message = message_of(&rights);
    int caller = accept4(listener, NULL, NULL, SOCK_CLOEXEC), pair[2];
    if (caller < 0)
        return;
    ssize_t got = recvmsg(caller, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *given = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!given || given->cmsg_type != SCM_RIGHTS || given->cmsg_len != CMSG_LEN(sizeof pair)) {
        close(caller);
        return;
    }
    disconnect();
    memcpy(pair, CMSG_DATA(given), sizeof pair);
    host_in = pair[0];
    host_out = pair[1];
    control = caller;
    unblock(host_in);
    unblock(host_out);
    session_connect(&session);
}

static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof address.sun_path)
        die(path);
    strcpy(address.sun_path, path);
    unlink(path);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0)
        die(path);
    return listener;
}

/* Read some bytes; 0 for none now, -1 at the end. */
static ssize_t read_some(int from, char *piece) {
    ssize_t size = read(from, piece, PIECE);
    if (size > 0)
        return size;
    return size < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void read_host(char *piece) {
    ssize_t size = read_some(host_in, piece);
    enum outcome outcome = size > 0 ? session_receive(&session, piece, (size_t)size) : GOOD;
    if (outcome == UNKNOWN_SESSION)
        exit(0);
    if (size < 0 || outcome == BROKEN)
        disconnect();
}

static void carry(int listener) {
    static char piece[PIECE];
    for (;;) {
        bool writes = host_out >= 0 && session_has_output(&session);
        struct pollfd polled[] = {
            {0, session.unconfirmed.size < MOST_KEPT ? POLLIN : 0, 0},
            {1, session.incoming.size > 0 ? POLLOUT : 0, 0},
            {listener, POLLIN, 0},
            {host_in, session.incoming.size < MOST_KEPT ? POLLIN : 0, 0},
            {host_out, writes ? POLLOUT : 0, 0},
        };
        if (poll(polled, 5, -1) < 0)
            continue;
        if (polled[0].revents) {
            ssize_t size = read_some(0, piece);
            if (size < 0)
                exit(0); /* sshfs has ended */
            session_send(&session, piece, (size_t)size);
        }
        if (polled[3].revents)
            read_host(piece);
        if (host_out >= 0 && (polled[4].revents & (POLLERR | POLLHUP)))
            disconnect();
        if (polled[2].revents)
            accept_host(listener);
        if (!queue_write(&session.incoming, 1))
            exit(0);
        if (host_out >= 0 && !session_write(&session, host_out))
            disconnect();
    }
}

static int attach(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    for (int tries = 0; connect(connection, (struct sockaddr *)&address, sizeof address) < 0; tries++) {
        if (tries >= ATTACH_SECONDS * 50)
            die(path);
        usleep(20000); /* sshfs is still starting */
    }
    const int pair[2] = {0, 1};
    struct rights rights = {0};
    struct msghdr message = message_of(&rights);
    struct cmsghdr *given = CMSG_FIRSTHDR(&message);
    *given = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof pair)};
    memcpy(CMSG_DATA(given), pair, sizeof pair);
    if (sendmsg(connection, &message, 0) < 0)
        die("sendmsg");
    close(0);
    close(1);
    while (read(connection, &rights.byte, 1) > 0)
        continue;
    return 0;
}

int main(int count, char **words) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* sshfs starts this from a thread that blocks them */
    signal(SIGPIPE, SIG_IGN);
    if (count == 3 && strcmp(words[1], "--attach") == 0)
        return attach(words[2]);
    const char *path = getenv("TRANSPORT_SOCKET");
    if (!path || getrandom(&session.number, sizeof session.number, 0) != sizeof session.number)
        die("TRANSPORT_SOCKET");
    session.number |= 1; /* 0 means none */
    unblock(0);
    unblock(1);
    carry(listen_at(path));
}
