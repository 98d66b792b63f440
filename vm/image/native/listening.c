/* Reports what containers in the machine's own network (`--network host`) listen on, so that the host can listen as
 * well.
 *
 * It reads lines from stdin: `+ID` or `-ID`, a container that is to be looked at, or no longer. Whenever what their
 * processes listen on has changed, it writes a line with all of it, as `PROTOCOL ADDRESS PORT`. It ends with its
 * input.
 *
 * /proc/net lists the sockets (proc_pid_net(5)); only the descriptors of each process show whose they are. Those are
 * looked through soon after the sockets have changed, some times, since a process may be about to join, and then
 * seldom, for sockets that are passed on. A UDP socket does not show that it waits for datagrams: one that does is not
 * connected, and its port is not one of those that the kernel chooses.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup/docker/"
#define ID 64
#define CONTAINERS 128
#define SOCKETS 2048
#define PERIOD 500     /* milliseconds */
#define LOOKS 3        /* at all processes, after a change */
#define SELDOM 20      /* periods between looks without a change */
#define LISTEN 0x0A    /* TCP_LISTEN in the kernel's tcp_states.h */
#define UNCONNECTED 0x07 /* TCP_CLOSE there */
#define SOCKET_LINE " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %" SCNu64
#define RANGE "/proc/sys/net/ipv4/ip_local_port_range"

struct place {
    uint64_t inode;
    const char *protocol;
    char address[INET6_ADDRSTRLEN];
    unsigned port;
    bool ours;
};

static char ids[CONTAINERS][ID + 1];
static struct place found[SOCKETS], known[SOCKETS];
static size_t containers, count, known_count;
static unsigned chosen_first = 32768, chosen_last = 60999; /* ports that the kernel chooses */

static void read_range(void) {
    FILE *file = fopen(RANGE, "re");
    if (file != NULL && fscanf(file, "%u %u", &chosen_first, &chosen_last) == 2)
        fclose(file);
}

static void read_sockets(const char *path, const char *protocol, int family) {
    const bool tcp = strcmp(protocol, "tcp") == 0;
    char line[512], hex[33];
    unsigned port, state;
    uint64_t inode;
    FILE *file = fopen(path, "re");
    while (file != NULL && count < SOCKETS && fgets(line, sizeof line, file) != NULL) {
        struct place *one = &found[count];
        uint32_t words[4];
        if (sscanf(line, SOCKET_LINE, hex, &port, &state, &inode) != 4 || port > 65535 ||
            state != (tcp ? LISTEN : UNCONNECTED) || strlen(hex) != (family == AF_INET ? 8 : 32))
            continue;
        if (!tcp && port >= chosen_first && port <= chosen_last)
            continue;
        for (size_t i = 0; i * 8 < strlen(hex); i++) {
            char word[9] = {0};
            memcpy(word, hex + i * 8, 8);
            words[i] = (uint32_t)strtoul(word, NULL, 16);
        }
        inet_ntop(family, words, one->address, sizeof one->address);
        one->protocol = protocol;
        one->port = port;
        one->inode = inode;
        one->ours = false;
        count++;
    }
    if (file != NULL)
        fclose(file);
}

static void look_through(const char *process) {
    char path[300], target[64];
    uint64_t inode;
    snprintf(path, sizeof path, "/proc/%s/fd", process);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return; /* it has ended */
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        ssize_t size = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (size <= 0)
            continue;
        target[size] = '\0';
        if (sscanf(target, "socket:[%" SCNu64, &inode) == 1)
            for (size_t i = 0; i < count; i++)
                found[i].ours = found[i].ours || found[i].inode == inode;
    }
    closedir(folder);
}

/* A container may have control groups of its own below the one that Docker created. */
static int visit(const char *path, const struct stat *status, int kind, struct FTW *place) {
    char line[32];
    (void)status;
    if (kind != FTW_F || strcmp(path + place->base, "cgroup.procs") != 0)
        return 0;
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        look_through(line);
    }
    if (file != NULL)
        fclose(file);
    return 0;
}

static bool same(void) {
    if (count != known_count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (found[i].inode != known[i].inode)
            return false;
    return true;
}

static void report(void) {
    for (size_t i = 0; i < known_count; i++)
        if (known[i].ours)
            printf("%s %s %u ", known[i].protocol, known[i].address, known[i].port);
    puts("");
    if (fflush(stdout) != 0)
        exit(0); /* the reader has ended */
}

/* Look at the sockets, and at the processes if `looks` more looks at them are due; returns how many are then. */
static int look(int looks) {
    static int periods;
    bool changed = false;
    count = 0;
    read_sockets("/proc/net/tcp", "tcp", AF_INET);
    read_sockets("/proc/net/tcp6", "tcp", AF_INET6);
    read_sockets("/proc/net/udp", "udp", AF_INET);
    read_sockets("/proc/net/udp6", "udp", AF_INET6);
    if (!same())
        looks = LOOKS;
    else if (looks == 0 && ++periods == SELDOM)
        looks = 1;
    if (looks == 0)
        return 0;
    periods = 0;
    for (size_t i = 0; i < containers; i++) {
        char path[sizeof CGROUPS + ID];
        snprintf(path, sizeof path, CGROUPS "%.*s", ID, ids[i]);
        nftw(path, visit, 16, FTW_PHYS);
    }
    changed = !same();
    for (size_t i = 0; i < count && !changed; i++)
        changed = found[i].ours != known[i].ours;
    memcpy(known, found, sizeof *found * count);
    known_count = count;
    if (changed)
        report();
    return looks - 1;
}

static void take(const char *line) {
    size_t size = strlen(line + 1), i = 0;
    if (size == 0 || size > ID || strspn(line + 1, "0123456789abcdef") != size)
        return;
    while (i < containers && strcmp(ids[i], line + 1) != 0)
        i++;
    if (line[0] == '+' && i == containers && containers < CONTAINERS)
        strcpy(ids[containers++], line + 1);
    else if (line[0] == '-' && i < containers && i != --containers)
        memcpy(ids[i], ids[containers], sizeof ids[i]);
}

int main(void) {
    static char input[8192];
    size_t have = 0;
    int looks = 0;
    read_range();
    for (;;) {
        struct pollfd news = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&news, 1, PERIOD) > 0) {
            ssize_t got = read(STDIN_FILENO, input + have, sizeof input - 1 - have);
            char *end;
            if (got <= 0)
                return 0;
            input[have += (size_t)got] = '\0';
            while ((end = strchr(input, '\n')) != NULL) {
                *end = '\0';
                take(input);
                have -= (size_t)(end + 1 - input);
                memmove(input, end + 1, have + 1);
            }
            if (have == sizeof input - 1)
                return 1; /* no line is that long */
            looks = LOOKS;
        }
        looks = look(looks);
    }
}
