/* The machine's name server: it carries each query to the host, whose resolver answers it (vm/guest/names.py).
 *
 *     dns_proxy ADDRESS PORT SOCKET FALLBACK HOSTS
 *
 * Listens at ADDRESS for UDP and TCP (RFC 1035, RFC 7766) and at the Unix socket SOCKET for the host, which gets queries
 * and gives answers in any order, each with its length in two bytes before it. The host may be away: then FALLBACK, a
 * name server, is asked. The names in the file HOSTS (hosts(5)) are answered here. An answer has to bear the number and
 * the question of a query that is open, and come from whoever was asked. Nothing is cached. */
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

#define QUERIES 4096            /* open at once */
#define FALLBACKS 400           /* of these asked of FALLBACK: each has a socket, so a port, of its own */
#define CLIENTS 256             /* TCP connections */
#define HEADER 12
#define LARGEST 65535
#define LARGEST_QUERY 4096
#define BACKLOG_BYTES (1024 * 1024) /* for one connection that does not take its bytes */
#define HOST_MS 15000           /* the host gives up sooner, and says so */
#define FALLBACK_MS 5000
#define IDLE_MS 20000
#define LOOK_MS 500
#define TTL 5

enum { FORMERR = 1, SERVFAIL = 2, NOTIMP = 4 };
enum tag { UDP, TCP, SOCKET, HOST, CLIENT, ASKED };

struct peer { /* a stream of messages */
    int fd;             /* -1: none */
    unsigned life;      /* tells a place's users apart */
    int64_t heard;
    uint8_t *in, *out;
    size_t have, queued, limit;
    unsigned open;      /* queries */
};

struct query {
    bool used;
    int fd;             /* to FALLBACK; -1: the host was asked */
    int client;         /* of TCP; -1: by UDP from `from` */
    unsigned life;
    uint16_t id, asked_id, room; /* the client's number, ours, and the largest answer by UDP */
    size_t size, question; /* `question`: where it ends */
    uint8_t *message;
    struct sockaddr_in from;
    int64_t due;
};

struct entry {
    char name[256];
    struct in_addr address;
};

static int epoll, udp, tcp, door;
static struct peer host = {.fd = -1}, clients[CLIENTS];
static struct query queries[QUERIES];
static unsigned open_queries, open_fallbacks, last_query;
static struct sockaddr_in fallback = {.sin_family = AF_INET};
static struct entry *entries;
static size_t entry_count;
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

static uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void watch(int fd, enum tag tag, uint32_t number, uint32_t events, int how) {
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)tag << 32 | number};
    if (epoll_ctl(epoll, how, fd, &event) != 0)
        die("epoll_ctl");
}

/* -- streams ------------------------------------------------------------------------------------------------------- */

static bool peer_open(struct peer *peer, int fd, enum tag tag, uint32_t number, size_t limit) {
    peer->in = malloc(limit + 2);
    if (peer->in == NULL) {
        close(fd);
        return false;
    }
    peer->fd = fd;
    peer->life++;
    peer->limit = limit;
    peer->heard = now;
    peer->have = peer->queued = peer->open = 0;
    watch(fd, tag, number, EPOLLIN, EPOLL_CTL_ADD);
    return true;
}

static void peer_close(struct peer *peer) {
    close(peer->fd);
    peer->fd = -1;
    free(peer->in);
    free(peer->out);
    peer->in = peer->out = NULL;
}

/* Send what is queued; false: the peer is gone. */
static bool peer_flush(struct peer *peer, enum tag tag, uint32_t number) {
    size_t done = 0;
    while (done < peer->queued) {
        ssize_t sent = send(peer->fd, peer->out + done, peer->queued - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent < 0)
            break;
        done += (size_t)sent;
    }
    peer->queued -= done;
    if (peer->queued > 0)
        memmove(peer->out, peer->out + done, peer->queued);
    watch(peer->fd, tag, number, EPOLLIN | (peer->queued ? EPOLLOUT : 0), EPOLL_CTL_MOD);
    return true;
}

/* Queue a message with its length and a number of its own; false: it cannot be had, or the peer takes nothing. */
static bool peer_queue(struct peer *peer, const uint8_t *message, size_t size, uint16_t id) {
    if (peer->queued + size + 2 > BACKLOG_BYTES)
        return false;
    uint8_t *out = realloc(peer->out, peer->queued + size + 2);
    if (out == NULL)
        return false;
    peer->out = out;
    out += peer->queued;
    put16(out, (unsigned)size);
    memcpy(out + 2, message, size);
    put16(out + 2, id);
    peer->queued += size + 2;
    return true;
}

/* Read and hand over whole messages; false: the peer has ended, or speaks nonsense. */
static bool peer_read(struct peer *peer, void (*take)(const uint8_t *, size_t, int), int number) {
    ssize_t got = recv(peer->fd, peer->in + peer->have, peer->limit + 2 - peer->have, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    peer->heard = now;
    peer->have += (size_t)got;
    size_t done = 0;
    while (peer->have - done >= 2) {
        size_t size = get16(peer->in + done);
        if (size < HEADER || size > peer->limit)
            return false;
        if (peer->have - done < size + 2)
            break;
        unsigned life = peer->life;
        take(peer->in + done + 2, size, number);
        if (peer->fd < 0 || peer->life != life)
            return true; /* closed meanwhile, by us */
        done += size + 2;
    }
    peer->have -= done;
    memmove(peer->in, peer->in + done, peer->have);
    return true;
}

/* -- messages ------------------------------------------------------------------------------------------------------ */

/* Where the question ends, and its name in small letters; 0: there is no question, or not one alone. */
static size_t read_question(const uint8_t *message, size_t size, char name[256]) {
    size_t at = HEADER, length = 0;
    if (get16(message + 4) != 1)
        return 0;
    while (at < size && message[at] != 0) {
        size_t label = message[at++];
        if (label > 63 || at + label > size || length + label + 1 > 254)
            return 0;
        for (size_t i = 0; i < label; i++) {
            uint8_t c = message[at + i];
            /* a dot or NUL within a label would make it look like another name */
            name[length++] = c == '.' || c == 0 ? '\1' : (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        name[length++] = '.';
        at += label;
    }
    if (at + 5 > size)
        return 0;
    name[length ? length - 1 : 0] = 0;
    return at + 5;
}

static bool same_question(const struct query *q, const uint8_t *message, size_t size) {
    char asked[256], answered[256];
    size_t end = read_question(message, size, answered);
    return end == q->question && read_question(q->message, q->size, asked) == end && strcmp(asked, answered) == 0 &&
           memcmp(q->message + end - 4, message + end - 4, 4) == 0;
}

/* What a client takes by UDP: 512, or what its OPT record says (RFC 6891). */
static uint16_t udp_room(const uint8_t *message, size_t size, size_t question) {
    bool plain = get16(message + 6) == 0 && get16(message + 8) == 0 && get16(message + 10) > 0;
    if (!plain || question + 11 > size || message[question] != 0 || get16(message + question + 1) != 41)
        return 512;
    uint16_t room = get16(message + question + 3);
    return room < 512 ? 512 : room > LARGEST_QUERY ? LARGEST_QUERY : room;
}

static void send_answer(uint8_t *message, size_t size, uint16_t id, int client, unsigned life,
                        const struct sockaddr_in *from) {
    put16(message, id);
    if (client < 0) {
        sendto(udp, message, size, MSG_DONTWAIT, (const struct sockaddr *)from, sizeof *from);
        return;
    }
    struct peer *peer = &clients[client];
    if (peer->fd < 0 || peer->life != life)
        return;
    if (!peer_queue(peer, message, size, id) || !peer_flush(peer, CLIENT, (uint32_t)client))
        peer_close(peer);
}

/* Answer with a header and the question alone. */
static void send_code(const uint8_t *message, size_t question, unsigned code, int client, unsigned life,
                      const struct sockaddr_in *from) {
    uint8_t answer[HEADER + 256 + 4];
    size_t size = question ? question : HEADER;
    memcpy(answer, message, size);
    answer[2] = (uint8_t)(0x80 | (message[2] & 0x79)); /* QR; the opcode and RD as asked */
    answer[3] = (uint8_t)(0x80 | code);                /* RA */
    memset(answer + 4, 0, 8);
    answer[5] = question != 0;
    send_answer(answer, size, get16(message), client, life, from);
}

/* Answer one of the names in HOSTS: its addresses, or that there are none of that type. */
static bool answer_here(const uint8_t *message, size_t question, const char *name, int client, unsigned life,
                        const struct sockaddr_in *from) {
    uint8_t answer[HEADER + 256 + 4 + 16 * 16];
    size_t size = question;
    unsigned type = get16(message + question - 4), count = 0;
    bool known = false;
    for (size_t i = 0; i < entry_count; i++) {
        if (strcmp(entries[i].name, name) != 0)
            continue;
        known = true;
        if ((type != 1 && type != 255) || size + 16 > sizeof answer)
            continue;
        static const uint8_t record[] = {0xc0, HEADER, 0, 1, 0, 1, 0, 0, 0, TTL, 0, 4};
        memcpy(answer + size, record, sizeof record);
        memcpy(answer + size + sizeof record, &entries[i].address, 4);
        size += 16;
        count++;
    }
    if (!known)
        return false;
    memcpy(answer, message, question);
    answer[2] = (uint8_t)(0x84 | (message[2] & 0x01));
    answer[3] = 0x80;
    put16(answer + 4, 1);
    put16(answer + 6, count);
    memset(answer + 8, 0, 4);
    send_answer(answer, size, get16(message), client, life, from);
    return true;
}

/* -- queries ------------------------------------------------------------------------------------------------------- */

static void query_end(struct query *q) {
    if (q->fd >= 0) {
        close(q->fd);
        open_fallbacks--;
    }
    if (q->client >= 0 && clients[q->client].life == q->life)
        clients[q->client].open--;
    free(q->message);
    q->used = false;
    open_queries--;
}

static void query_fail(struct query *q) {
    send_code(q->message, q->question, SERVFAIL, q->client, q->life, &q->from);
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

/* The host is gone: what it was asked is asked again elsewhere. */
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
    else if (!peer_flush(&host, HOST, 0))
        host_gone();
}

static void ask(const uint8_t *message, size_t size, int client, const struct sockaddr_in *from) {
    unsigned life = client < 0 ? 0 : clients[client].life;
    char name[256];
    if (size < HEADER || message[2] & 0x80)
        return; /* no query */
    size_t question = read_question(message, size, name);
    if (message[2] & 0x78 || question == 0) {
        send_code(message, 0, message[2] & 0x78 ? NOTIMP : FORMERR, client, life, from);
        return;
    }
    if (answer_here(message, question, name, client, life, from))
        return;
    struct query *q = NULL;
    for (unsigned tried = 0; tried < QUERIES && open_queries < QUERIES && q == NULL; tried++) {
        last_query = (last_query + 1) % QUERIES;
        if (!queries[last_query].used)
            q = &queries[last_query];
    }
    uint8_t *copy = q == NULL ? NULL : malloc(size);
    if (copy == NULL) {
        send_code(message, question, SERVFAIL, client, life, from);
        return;
    }
    memcpy(copy, message, size);
    *q = (struct query){.used = true, .fd = -1, .client = client, .life = life, .id = get16(message), .size = size,
                        .question = question, .message = copy, .room = udp_room(message, size, question)};
    if (from != NULL)
        q->from = *from;
    if (client >= 0)
        clients[client].open++;
    open_queries++;
    ask_host(q);
}

/* An answer from whoever was asked: pass it on if it is one to this query. */
static void answered(struct query *q, uint8_t *message, size_t size) {
    if (size < HEADER || !(message[2] & 0x80) || get16(message) != q->asked_id || !same_question(q, message, size))
        return;
    if (q->client < 0 && size > q->room) {
        size = q->question;
        message[2] |= 0x02; /* TC: it is to be asked by TCP */
        memset(message + 6, 0, 6);
    }
    send_answer(message, size, q->id, q->client, q->life, &q->from);
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
    ask(message, size, client, NULL);
}

/* -- events -------------------------------------------------------------------------------------------------------- */

static void udp_ready(void) {
    uint8_t message[LARGEST_QUERY];
    for (int i = 0; i < 64; i++) {
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        ssize_t got = recvfrom(udp, message, sizeof message, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
        if (got < 0)
            return;
        ask(message, (size_t)got, -1, &from);
    }
}

static void tcp_ready(void) {
    int fd = accept4(tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (int i = 0; i < CLIENTS; i++)
        if (clients[i].fd < 0) {
            peer_open(&clients[i], fd, CLIENT, (uint32_t)i, LARGEST_QUERY);
            return;
        }
    close(fd);
}

/* A new host takes the place of the one before, which may not have noticed that it is gone. */
static void door_ready(void) {
    for (int fd; (fd = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (host.fd >= 0)
            host_gone();
        peer_open(&host, fd, HOST, 0, LARGEST);
    }
}

static void asked_ready(struct query *q) {
    static uint8_t message[LARGEST];
    ssize_t got = recv(q->fd, message, sizeof message, MSG_DONTWAIT);
    if (got >= 0)
        answered(q, message, (size_t)got);
    else if (errno != EAGAIN && errno != EINTR)
        query_fail(q); /* nobody listens there */
}

static void ready(enum tag tag, uint32_t number, uint32_t events) {
    if (tag == UDP)
        udp_ready();
    else if (tag == TCP)
        tcp_ready();
    else if (tag == SOCKET)
        door_ready();
    else if (tag == ASKED && queries[number].used && queries[number].fd >= 0)
        asked_ready(&queries[number]);
    else if (tag == HOST && host.fd >= 0) {
        if ((events & EPOLLOUT && !peer_flush(&host, HOST, 0)) ||
            (events & ~EPOLLOUT && !peer_read(&host, host_answered, 0)))
            host_gone();
    } else if (tag == CLIENT && clients[number].fd >= 0) {
        struct peer *client = &clients[number];
        if ((events & EPOLLOUT && !peer_flush(client, CLIENT, number)) ||
            (events & ~EPOLLOUT && !peer_read(client, client_asked, (int)number)))
            peer_close(client);
    }
}

/* What has waited for too long; returns whether there is something left that may. */
static bool look(void) {
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

/* -- the beginning ------------------------------------------------------------------------------------------------- */

static void read_hosts(const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        die(path);
    char line[1024];
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "#\n")] = 0;
        char *rest = NULL, *word = strtok_r(line, " \t", &rest);
        struct in_addr address;
        if (word == NULL || inet_pton(AF_INET, word, &address) != 1 || ntohl(address.s_addr) >> 24 == 127)
            continue;
        while ((word = strtok_r(NULL, " \t", &rest)) != NULL) {
            entries = realloc(entries, (entry_count + 1) * sizeof *entries);
            if (entries == NULL)
                die("realloc");
            snprintf(entries[entry_count].name, sizeof entries->name, "%s", word);
            entries[entry_count++].address = address;
        }
    }
    fclose(file);
}

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
    read_hosts(words[5]);
    for (int i = 0; i < CLIENTS; i++)
        clients[i].fd = -1;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    udp = listen_at(SOCK_DGRAM, &here);
    tcp = listen_at(SOCK_STREAM, &here);
    door = listen_for_host(words[3]);
    watch(udp, UDP, 0, EPOLLIN, EPOLL_CTL_ADD);
    watch(tcp, TCP, 0, EPOLLIN, EPOLL_CTL_ADD);
    watch(door, SOCKET, 0, EPOLLIN, EPOLL_CTL_ADD);
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
            waiting = look();
        }
    }
}
