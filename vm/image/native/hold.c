/* hold PORT...: have these TCP and UDP ports, and no others of before, so that dockerd takes none of them when it may
 * choose: they are in use on the host. Nobody listens there. A port that is in use in the machine already is left out.
 * Returns when they are had; who has them stays in the background, and its process id in a file. */
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

#define NOTE "/run/slipway/held"
#define PATIENCE 5000          /* milliseconds */

static void end_former(void) {
    FILE *note = fopen(NOTE, "re");
    int pid = 0, process;
    if (note == NULL)
        return;
    if (fscanf(note, "%d", &pid) == 1 && pid > 1 && (process = (int)syscall(SYS_pidfd_open, pid, 0)) >= 0) {
        struct pollfd end = {.fd = process, .events = POLLIN};
        kill(pid, SIGKILL);
        poll(&end, 1, PATIENCE); /* only then are its ports free */
        close(process);
    }
    fclose(note);
    unlink(NOTE);
}

/* Without SO_REUSEADDR, and for both families: whatever address dockerd binds to, it cannot. */
static int have(int kind, int port) {
    struct sockaddr_in6 place = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const int both = 0;
    int sock = socket(AF_INET6, kind, 0);
    if (sock >= 0 && setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof both) == 0 &&
        bind(sock, (struct sockaddr *)&place, sizeof place) == 0)
        return 1;
    close(sock);
    return 0;
}

int main(int count, char **arguments) {
    int had = 0, nothing;
    pid_t child;
    end_former();
    for (int i = 1; i < count; i++) {
        int port = atoi(arguments[i]);
        if (port < 1 || port > 65535) {
            fprintf(stderr, "not a port: %s\n", arguments[i]);
            return 2;
        }
        had += have(SOCK_STREAM, port) + have(SOCK_DGRAM, port);
    }
    if (had == 0)
        return 0;
    if ((child = fork()) < 0) {
        perror("fork");
        return 1;
    }
    if (child > 0) {
        FILE *note = fopen(NOTE, "we");
        if (note == NULL || fprintf(note, "%d\n", child) < 0 || fclose(note) != 0) {
            perror(NOTE);
            kill(child, SIGKILL);
            return 1;
        }
        return 0;
    }
    setsid();
    nothing = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++)
        dup2(nothing, i);
    for (;;)
        pause();
}
