/* The guest's end of a wire (engine/folders/wire.py): one byte stream to the host that outlives what carries it.
 *
 *   sftp_transport                   what sshfs runs as its ssh: SFTP at stdin and stdout; $TRANSPORT_SOCKET is the socket to make
 *   sftp_transport --attach SOCKET   a stream from the host: hands its stdin and stdout over, ends when it is not used any more
 *
 * While no stream is there, nothing moves, and whoever uses the folder waits. What has gone out is kept until the
 * host has confirmed it, and sent again over the next stream. A host that does not know this session (its keeper has
 * died) ends it; sshfs then makes a new one, and files that were open give errors rather than another file's data.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define MAGIC "SLIPWIRE"
#define PIECE (256 * 1024)
#define MOST_KEPT (16 * 1024 * 1024)
#define ATTACH_SECONDS 20

struct hello {
    char magic[8];
    uint64_t session, received;
} __attribute__((packed));

struct frame {
    uint32_t size;
    uint64_t received;
} __attribute__((packed));

/* Bytes between a reader and a writer. */
struct queue {
    char *data;
    size_t start, size, room;
};

static uint64_t session, received; /* bytes of the host's that have come */
static uint64_t confirmed;         /* bytes of ours the host has; `kept` begins there */
static struct queue kept;          /* from sshfs, until it is confirmed */
static struct queue heard;         /* for sshfs */
static int host_in = -1, host_out = -1, control = -1;
static size_t sent;                /* of `kept`, whole frames only */
static struct queue leaving;       /* the rest of a hello or frame that is on its way */
static char head[sizeof(struct hello)];
static size_t head_size;           /* of a hello or frame head that is coming */
static uint32_t body;              /* bytes left of the frame that is coming */
static bool greeted;

static void die(const char *why) {
    perror(why);
    exit(1);
}

static void queue_add(struct queue *queue, const void *data, size_t size) {
    if (queue->start + queue->size + size > queue->room) {
        memmove(queue->data, queue->data + queue->start, queue->size);
        queue->start = 0;
        if (queue->size + size > queue->room) {
            queue->room = (queue->size + size) * 2;
            if (!(queue->data = realloc(queue->data, queue->room)))
                die("memory");
        }
    }
    memcpy(queue->data + queue->start + queue->size, data, size);
    queue->size += size;
}

static void queue_drop(struct queue *queue, size_t size) {
    queue->start += size;
    queue->size -= size;
    if (queue->size == 0)
        queue->start = 0;
}

/* Write what a descriptor takes; false when it is broken. */
static bool queue_write(struct queue *queue, int to) {
    while (queue->size > 0) {
        ssize_t done = write(to, queue->data + queue->start, queue->size);
        if (done < 0)
            return errno == EAGAIN || errno == EINTR;
        queue_drop(queue, (size_t)done);
    }
    return true;
}

static void host_gone(void) {
    if (host_in >= 0) {
        close(host_in);
        close(host_out);
        close(control);
    }
    host_in = host_out = control = -1;
    leaving.start = leaving.size = 0;
    head_size = 0;
    body = 0;
    greeted = false;
}

static void unblock(int descriptor) {
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

/* A stream from the host: takes the place of the one before. */
static void host_came(int listener) {
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } space;
    char byte;
    struct iovec one = {&byte, 1};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = &space, .msg_controllen = sizeof space};
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0)
        return;
    ssize_t got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *given = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!given || given->cmsg_type != SCM_RIGHTS || given->cmsg_len != CMSG_LEN(2 * sizeof(int))) {
        close(connection);
        return;
    }
    host_gone();
    int pair[2];
    memcpy(pair, CMSG_DATA(given), sizeof pair);
    host_in = pair[0];
    host_out = pair[1];
    control = connection;
    unblock(host_in);
    unblock(host_out);
    struct hello hello = {.session = htobe64(session), .received = htobe64(received)};
    memcpy(hello.magic, MAGIC, sizeof hello.magic);
    queue_add(&leaving, &hello, sizeof hello);
}

/* The host has bytes up to here; false when that cannot be. */
static bool host_has(uint64_t count) {
    if (count < confirmed || count - confirmed > kept.size)
        return false;
    size_t fewer = (size_t)(count - confirmed);
    queue_drop(&kept, fewer);
    confirmed = count;
    sent = sent > fewer ? sent - fewer : 0;
    return true;
}

static bool greet(const struct hello *hello) {
    if (memcmp(hello->magic, MAGIC, sizeof hello->magic) != 0)
        return false;
    if (be64toh(hello->session) != session)
        exit(0); /* nobody knows our files any more */
    sent = 0;
    greeted = true;
    return host_has(be64toh(hello->received));
}

/* Take what has come from the host; false when it does not keep to the rules. */
static bool understand(const char *data, size_t size) {
    while (size > 0) {
        size_t part;
        if (body > 0) {
            part = size < body ? size : body;
            queue_add(&heard, data, part);
            received += part;
            body -= (uint32_t)part;
        } else {
            size_t whole = greeted ? sizeof(struct frame) : sizeof(struct hello);
            part = whole - head_size < size ? whole - head_size : size;
            memcpy(head + head_size, data, part);
            head_size += part;
            if (head_size == whole) {
                const struct frame *frame = (const struct frame *)head;
                head_size = 0;
                if (!greeted ? !greet((const struct hello *)head) : !host_has(be64toh(frame->received)))
                    return false;
                body = whole == sizeof *frame ? be32toh(frame->size) : 0;
            }
        }
        data += part;
        size -= part;
    }
    return true;
}

static bool send_on(void) {
    while (greeted && leaving.size == 0 && sent < kept.size) {
        size_t size = kept.size - sent < PIECE ? kept.size - sent : PIECE;
        struct frame frame = {htobe32((uint32_t)size), htobe64(received)};
        struct iovec parts[2] = {{&frame, sizeof frame}, {kept.data + kept.start + sent, size}};
        ssize_t done = writev(host_out, parts, 2);
        if (done < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (done <= 0)
            return true;
        sent += size;
        size_t behind = (size_t)done;
        for (int i = 0; i < 2; i++) {
            size_t skipped = behind < parts[i].iov_len ? behind : parts[i].iov_len;
            if (skipped < parts[i].iov_len)
                queue_add(&leaving, (char *)parts[i].iov_base + skipped, parts[i].iov_len - skipped);
            behind -= skipped;
        }
    }
    return true;
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

static void carry(int listener) {
    static char piece[PIECE];
    for (;;) {
        bool speak = leaving.size > 0 || (greeted && sent < kept.size);
        struct pollfd polled[] = {
            {0, kept.size < MOST_KEPT ? POLLIN : 0, 0},
            {1, heard.size > 0 ? POLLOUT : 0, 0},
            {listener, POLLIN, 0},
            {host_in, heard.size < MOST_KEPT ? POLLIN : 0, 0},
            {host_out, speak ? POLLOUT : 0, 0},
        };
        if (poll(polled, 5, -1) < 0)
            continue;
        if (polled[0].revents) {
            ssize_t size = read(0, piece, sizeof piece);
            if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
                exit(0); /* sshfs has ended */
            if (size > 0)
                queue_add(&kept, piece, (size_t)size);
        }
        if (polled[3].revents) {
            ssize_t size = read(host_in, piece, sizeof piece);
            bool broken = size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
            if (broken || (size > 0 && !understand(piece, (size_t)size)))
                host_gone();
        }
        if (host_out >= 0 && (polled[4].revents & (POLLERR | POLLHUP)))
            host_gone();
        if (polled[2].revents)
            host_came(listener);
        if (heard.size > 0 && !queue_write(&heard, 1))
            exit(0);
        if (host_out >= 0 && (!queue_write(&leaving, host_out) || !send_on()))
            host_gone();
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
    int pair[2] = {0, 1};
    union {
        char bytes[CMSG_SPACE(sizeof pair)];
        struct cmsghdr align;
    } space = {.bytes = {0}};
    char byte = 0;
    struct iovec one = {&byte, 1};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = &space, .msg_controllen = sizeof space};
    struct cmsghdr *given = CMSG_FIRSTHDR(&message);
    given->cmsg_level = SOL_SOCKET;
    given->cmsg_type = SCM_RIGHTS;
    given->cmsg_len = CMSG_LEN(sizeof pair);
    memcpy(CMSG_DATA(given), pair, sizeof pair);
    if (sendmsg(connection, &message, 0) < 0)
        die("sendmsg");
    close(0);
    close(1);
    while (read(connection, &byte, 1) > 0)
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
    if (!path || getrandom(&session, sizeof session, 0) != sizeof session)
        die("TRANSPORT_SOCKET");
    session |= 1; /* 0 means none */
    unblock(0);
    unblock(1);
    carry(listen_at(path));
}
