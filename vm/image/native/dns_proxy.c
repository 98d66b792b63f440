/* The machine's name server. It passes each query to the host, whose resolver answers it (vm/guest/names.py).
 *
 *     dns_proxy ADDRESS PORT SOCKET FALLBACK HOSTS
 *
 * It listens at ADDRESS for UDP and TCP, and at the Unix socket SOCKET for the host. The host gets queries and sends
 * answers in any order. While the host is away, the name server FALLBACK is asked. The names in the file HOSTS are
 * answered here. An answer counts only if it comes from the server that was asked and has the number and the question
 * of an open query. Nothing is cached.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "dns_hosts.h"
#include "dns_message.h"
#include "dns_peer.h"

#define QUERIES 4096    /* open at once */
#define FALLBACKS 400   /* of these, asked of FALLBACK: each has a socket and a port of its own */
#define CLIENTS 256     /* TCP connections */
#define HOST_MS 15000   /* the host gives up sooner, and answers with an error */
#define FALLBACK_MS 5000
#define IDLE_MS 20000
#define LOOK_MS 500

enum tag { UDP, TCP, SOCKET, HOST, CLIENT, ASKED };

/* Who asks: a TCP connection by its place and life, or else a UDP address. */
struct asker {
    int client; /* -1: UDP */
    unsigned life;
    struct sockaddr_in from;
};

struct query {
    bool used;
    int fd; /* to FALLBACK; -1: the host was asked */
    struct asker asker;
    uint16_t id, asked_id, room; /* the asker's number, ours, and the largest answer by UDP */
    size_t size, question;       /* `question`: where it ends */
    uint8_t *message;
    int64_t due;
};

static int epoll, udp, tcp, host_listener;
static struct peer host = {.fd = -1}, clients[CLIENTS];
static struct query queries[QUERIES];
static unsigned open_queries, open_fallbacks, last_query;
static struct sockaddr_in fallback = {.sin_family = AF_INET};
static int64_t now;

static void die(const char *what) {
    fprintf(stderr, "dns_proxy: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t milliseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void watch(int fd, enum tag tag, uint32_t number, uint32_t events, int how) {
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)tag << 32 | number};
    if (epoll_ctl(epoll, how, fd, &event) != 0)
        die("epoll_ctl");
}

/* Start to watch a connection; it is closed without memory. */
static void connected(struct peer *peer, int fd, enum tag tag, uint32_t number, size_t limit) {
    if (peer_open(peer, fd, limit, now))
        watch(fd, tag, number, EPOLLIN, EPOLL_CTL_ADD);
    else
        close(fd);
}

/* Send what is queued, and watch for room for the rest; false when the peer is gone. */
static bool flush(struct peer *peer, enum tag tag, uint32_t number) {
    if (!peer_send(peer))
        return false;
    watch(peer->fd, tag, number, EPOLLIN | (peer->queued ? EPOLLOUT : 0), EPOLL_CTL_MOD);
    return true;
}

/* -- answers ------------------------------------------------------------------------------------------------------- */

static void send_answer(uint8_t *message, size_t size, uint16_t id, const struct asker *asker) {
    put16(message, id);
    if (asker->client < 0) {
        sendto(udp, message, size, MSG_DONTWAIT, (const struct sockaddr *)&asker->from, sizeof asker->from);
        return;
    }
    struct peer *peer = &clients[asker->client];
    if (peer->fd < 0 || peer->life != asker->life)
        return;
    if (!peer_queue(peer, message, size, id) || !flush(peer, CLIENT, (uint32_t)asker->client))
        peer_close(peer);
}

static void send_code(const uint8_t *message, size_t question, enum code code, const struct asker *asker) {
    uint8_t answer[LARGEST_REPLY];
    size_t size = make_code(answer, message, question, code);
    send_answer(answer, size, get16(message), asker);
}

/* Answer for a name in HOSTS: its addresses, or that there are none of that type. False: the name is unknown. */
static bool answer_here(const uint8_t *message, size_t question, const char *name, const struct asker *asker) {
    uint8_t answer[LARGEST_REPLY], addresses[ADDRESSES * 4];
    unsigned type = question_type(message, question);
    int count = hosts_find(name, addresses);
    if (count < 0)
        return false;
    if (type != TYPE_A && type != TYPE_ANY)
        count = 0;
    size_t size = make_addresses(answer, message, question, addresses, (size_t)count);
    send_answer(answer, size, get16(message), asker);
    return true;
}

/* -- queries ------------------------------------------------------------------------------------------------------- */

static void query_end(struct query *q) {
    if (q->fd >= 0) {
        close(q->fd);
        open_fallbacks--;
    }
    if (q->asker.client >= 0 && clients[q->asker.client].life == q->asker.life)
        clients[q->asker.client].open--;
    free(q->message);
    q->used = false;
    open_queries--;
}

static void query_fail(struct query *q) {
    send_code(q->message, q->question, SERVFAIL, &q->asker);
    query_end(q);
}

static void ask_fallback(struct query *q) {
    if (open_fallbacks >= FALLBACKS || getrandom(&q->asked_id, sizeof q->asked_id, 0) != sizeof q->asked_id) {
        query_fail(q);
        return;
    }
    q->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (q->fd < 0) {
        query_fail(q);
        return;
    }
    open_fallbacks++;
    q->due = now + FALLBACK_MS;
    put16(q->message, q->asked_id);
    watch(q->fd, ASKED, (uint32_t)(q - queries), EPOLLIN, EPOLL_CTL_ADD);
    bool sent = connect(q->fd, (struct sockaddr *)&fallback, sizeof fallback) == 0 &&
                send(q->fd, q->message, q->size, 0) == (ssize_t)q->size;
    put16(q->message, q->id);
    if (!sent)
        query_fail(q);
}

/* The host is gone: FALLBACK is asked what the host has not answered. */
static void host_gone(void) {
    peer_close(&host);
    for (size_t i = 0; i < QUERIES; i++)
        if (queries[i].used && queries[i].fd < 0)
            ask_fallback(&queries[i]);
}

static void ask_host(struct query *q) {
    if (host.fd < 0) {
        ask_fallback(q);
        return;
    }
    q->due = now + HOST_MS;
    q->asked_id = (uint16_t)(q - queries);
    if (!peer_queue(&host, q->message, q->size, q->asked_id))
        query_fail(q);
    else if (!flush(&host, HOST, 0))
        host_gone();
}

/* A place for a new query; NULL when all are used. */
static struct query *free_query(void) {
    for (unsigned tried = 0; tried < QUERIES && open_queries < QUERIES; tried++) {
        last_query = (last_query + 1) % QUERIES;
        if (!queries[last_query].used)
            return &queries[last_query];
    }
    return NULL;
}

static void ask(const uint8_t *message, size_t size, const struct asker *asker) {
    char name[256];
    if (size < HEADER || is_response(message))
        return;
    size_t question = read_question(message, size, name);
    if (opcode(message) != 0 || question == 0) {
        send_code(message, 0, opcode(message) != 0 ? NOTIMP : FORMERR, asker);
        return;
    }
    if (answer_here(message, question, name, asker))
        return;
    struct query *q = free_query();
    uint8_t *copy = q == NULL ? NULL : malloc(size);
    if (copy == NULL) {
        send_code(message, question, SERVFAIL, asker);
        return;
    }
    memcpy(copy, message, size);
    *q = (struct query){.used = true, .fd = -1, .asker = *asker, .id = get16(message), .size = size,
                        .question = question, .message = copy, .room = udp_room(message, size, question)};
    if (asker->client >= 0)
        clients[asker->client].open++;
    open_queries++;
    ask_host(q);
}

/* A message from the server that was asked: pass it on if it answers this query. */
static void answered(struct query *q, uint8_t *message, size_t size) {
    if (size < HEADER || !is_response(message) || get16(message) != q->asked_id ||
        !same_question(q->message, q->question, message, size))
        return;
    if (q->asker.client < 0 && size > q->room)
        size = truncate_answer(message, q->question);
    send_answer(message, size, q->id, &q->asker);
    query_end(q);
}

static void host_answered(const uint8_t *message, size_t size, int unused) {
    (void)unused;
    struct query *q = &queries[get16(message) % QUERIES];
    static uint8_t copy[LARGEST];
    memcpy(copy, message, size);
    if (q->used && q->fd < 0)
        answered(q, copy, size);
}

static void client_asked(const uint8_t *message, size_t size, int client) {
    struct asker asker = {.client = client, .life = clients[client].life};
    ask(message, size, &asker);
}

/* -- events -------------------------------------------------------------------------------------------------------- */

static void udp_ready(void) {
    uint8_t message[LARGEST_QUERY];
    for (int i = 0; i < 64; i++) {
        struct asker asker = {.client = -1};
        socklen_t length = sizeof asker.from;
        ssize_t got = recvfrom(udp, message, sizeof message, MSG_DONTWAIT, (struct sockaddr *)&asker.from, &length);
        if (got < 0)
            return;
        ask(message, (size_t)got, &asker);
    }
}

static void tcp_ready(void) {
    int fd = accept4(tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (int i = 0; i < CLIENTS; i++)
        if (clients[i].fd < 0) {
            connected(&clients[i], fd, CLIENT, (uint32_t)i, LARGEST_QUERY);
            return;
        }
    close(fd);
}

/* A new host takes the place of the one before, whose end may not have been noticed. */
static void host_connects(void) {
    for (int fd; (fd = accept4(host_listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (host.fd >= 0)
            host_gone();
        connected(&host, fd, HOST, 0, LARGEST);
    }
}

static void asked_ready(struct query *q) {
    static uint8_t message[LARGEST];
    ssize_t got = recv(q->fd, message, sizeof message, MSG_DONTWAIT);
    if (got >= 0)
        answered(q, message, (size_t)got);
    else if (errno != EAGAIN && errno != EINTR)
        query_fail(q); /* no server listens there */
}

static void ready(enum tag tag, uint32_t number, uint32_t events) {
    if (tag == UDP)
        udp_ready();
    else if (tag == TCP)
        tcp_ready();
    else if (tag == SOCKET)
        host_connects();
    else if (tag == ASKED && queries[number].used && queries[number].fd >= 0)
        asked_ready(&queries[number]);
    else if (tag == HOST && host.fd >= 0) {
        if ((events & EPOLLOUT && !flush(&host, HOST, 0)) ||
            (events & ~EPOLLOUT && !peer_read(&host, now, host_answered, 0)))
            host_gone();
    } else if (tag == CLIENT && clients[number].fd >= 0) {
        struct peer *client = &clients[number];
        if ((events & EPOLLOUT && !flush(client, CLIENT, number)) ||
            (events & ~EPOLLOUT && !peer_read(client, now, client_asked, (int)number)))
            peer_close(client);
    }
}

/* End what has waited for too long; whether something is left that may. */
static bool expire(void) {
    bool left = open_queries > 0;
    for (size_t i = 0; i < QUERIES && open_queries > 0; i++)
        if (queries[i].used && queries[i].due <= now)
            query_fail(&queries[i]);
    for (int i = 0; i < CLIENTS; i++) {
        if (clients[i].fd < 0)
            continue;
        left = true;
        if (clients[i].open == 0 && clients[i].heard + IDLE_MS <= now)
            peer_close(&clients[i]);
    }
    return left;
}

/* -- the start ----------------------------------------------------------------------------------------------------- */

static int listen_at(int kind, const struct sockaddr_in *address) {
    int on = 1, fd = socket(AF_INET, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (kind == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) != 0 ||
        (kind == SOCK_STREAM && listen(fd, 128) != 0))
        die("the name server's address");
    return fd;
}

static int listen_for_host(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    umask(077);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 8) != 0)
        die(path);
    return fd;
}

int main(int count, char **words) {
    struct sockaddr_in here = {.sin_family = AF_INET};
    if (count != 6 || inet_pton(AF_INET, words[1], &here.sin_addr) != 1 ||
        inet_pton(AF_INET, words[4], &fallback.sin_addr) != 1) {
        fputs("usage: dns_proxy ADDRESS PORT SOCKET FALLBACK HOSTS\n", stderr);
        return 2;
    }
    here.sin_port = fallback.sin_port = htons((uint16_t)atoi(words[2]));
    signal(SIGPIPE, SIG_IGN);
    if (!hosts_read(words[5]))
        die(words[5]);
    for (int i = 0; i < CLIENTS; i++)
        clients[i].fd = -1;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    udp = listen_at(SOCK_DGRAM, &here);
    tcp = listen_at(SOCK_STREAM, &here);
    host_listener = listen_for_host(words[3]);
    watch(udp, UDP, 0, EPOLLIN, EPOLL_CTL_ADD);
    watch(tcp, TCP, 0, EPOLLIN, EPOLL_CTL_ADD);
    watch(host_listener, SOCKET, 0, EPOLLIN, EPOLL_CTL_ADD);
    bool waiting = false;
    for (int64_t looked = 0;;) {
        struct epoll_event events[64];
        int got = epoll_wait(epoll, events, 64, waiting ? LOOK_MS : -1);
        now = milliseconds();
        for (int i = 0; i < got; i++)
            ready((enum tag)(events[i].data.u64 >> 32), (uint32_t)events[i].data.u64, events[i].events);
        waiting = true;
        if (now - looked >= LOOK_MS) {
            looked = now;
            waiting = expire();
        }
    }
}
