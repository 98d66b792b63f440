/* Holds TCP and UDP ports that are in use on the host, so that dockerd does not choose them in the machine. Nothing
 * listens there. Ports that are in use in the machine already are left out.
 *
 *     hold_ports LOCK PORT...     releases the ports of the run before
 *
 * It returns when the ports are held. A process in the background has them, and a lock on the file LOCK, by which the
 * next run finds it (F_GETLK of fcntl(2): the kernel knows the process, and releases the lock when it ends, however it
 * does).
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define END_MS 5000

static pid_t holder(int lock) {
    struct flock found = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(lock, F_GETLK, &found) == 0 && found.l_type != F_UNLCK ? found.l_pid : 0;
}

static void end_former(int lock) {
    pid_t former = holder(lock);
    int process = former > 0 ? (int)syscall(SYS_pidfd_open, former, 0) : -1;
    struct pollfd end = {.fd = process, .events = POLLIN};
    if (process < 0)
        return;
    if (holder(lock) == former) { /* so the descriptor is that process, and not one that got its number later */
        syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
        poll(&end, 1, END_MS);  /* its ports are free after that */
    }
    close(process);
}

/* Bind without SO_REUSEADDR and for both families, so that dockerd can bind no address of this port. */
static int bind_port(int kind, int port) {
    struct sockaddr_in6 place = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const int both = 0;
    int sock = socket(AF_INET6, kind, 0);
    if (sock >= 0 && setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof both) == 0 &&
        bind(sock, (struct sockaddr *)&place, sizeof place) == 0)
        return 1;
    close(sock);
    return 0;
}

/* In the background: take the lock, report that, and stay. */
static void stay(int lock, int report) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int nothing = open("/dev/null", O_RDWR);
    if (fcntl(lock, F_SETLK, &whole) != 0 || setsid() < 0 || write(report, "", 1) != 1)
        _exit(1);
    close(report);
    for (int i = 0; i < 3; i++)
        dup2(nothing, i);
    for (;;)
        pause();
}

int main(int count, char **arguments) {
    int bound = 0, ready[2], lock = count > 1 ? open(arguments[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    char word;
    pid_t child;
    if (lock < 0 || pipe(ready) != 0) {
        perror("hold_ports");
        return 1;
    }
    end_former(lock);
    for (int i = 2; i < count; i++) {
        int port = atoi(arguments[i]);
        if (port < 1 || port > 65535) {
            fprintf(stderr, "not a port: %s\n", arguments[i]);
            return 2;
        }
        bound += bind_port(SOCK_STREAM, port) + bind_port(SOCK_DGRAM, port);
    }
    if (bound == 0)
        return 0;
    if ((child = fork()) == 0)
        stay(lock, ready[1]);
    close(ready[1]);
    if (child < 0 || read(ready[0], &word, 1) != 1) {
        fputs("no process stays to hold the ports\n", stderr);
        return 1;
    }
    return 0;
}
