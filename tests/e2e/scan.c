/* Prints each TCP port of an address (IPv4 or IPv6) that takes connections, one a line: of all, or from one to another. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define AT_ONCE 256
#define PATIENCE_MS 5000

/* A port among those that the system gives to those who connect may by chance be connected to itself. */
static int itself(int fd) {
    struct sockaddr_in6 one = {0}, other = {0};
    socklen_t size = sizeof one, same = sizeof other;
    return getsockname(fd, (struct sockaddr *)&one, &size) == 0 && getpeername(fd, (struct sockaddr *)&other, &same) == 0 &&
           one.sin6_port == other.sin6_port;
}

int main(int count, char **arguments) {
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found;
    int port_of[2] = {1, 65535};
    for (int one = 2; one < count && one < 4; one++)
        port_of[one - 2] = atoi(arguments[one]);
    if (count < 2 || getaddrinfo(arguments[1], NULL, &hints, &found) != 0) {
        fprintf(stderr, "usage: scan ADDRESS [FROM TO]\n");
        return 2;
    }
    in_port_t *port = found->ai_family == AF_INET6 ? &((struct sockaddr_in6 *)found->ai_addr)->sin6_port
                                                   : &((struct sockaddr_in *)found->ai_addr)->sin_port;
    for (int first = port_of[0]; first <= port_of[1]; first += AT_ONCE) {
        struct pollfd waiting[AT_ONCE];
        int left = 0;
        for (int i = 0; i < AT_ONCE; i++) {
            waiting[i] = (struct pollfd){.fd = -1, .events = POLLOUT};
            if (first + i > port_of[1])
                continue;
            *port = htons((in_port_t)(first + i));
            int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
            if (fd < 0) {
                perror("socket");
                return 1;
            }
            if (connect(fd, found->ai_addr, found->ai_addrlen) == 0) {
                if (!itself(fd))
                    printf("%d\n", first + i);
                close(fd);
            } else if (errno == EINPROGRESS) {
                waiting[i].fd = fd;
                left++;
            } else
                close(fd);
        }
        while (left > 0 && poll(waiting, AT_ONCE, PATIENCE_MS) > 0)
            for (int i = 0; i < AT_ONCE; i++) {
                if (waiting[i].fd < 0 || !waiting[i].revents)
                    continue;
                int error = 0;
                socklen_t size = sizeof error;
                getsockopt(waiting[i].fd, SOL_SOCKET, SO_ERROR, &error, &size);
                if (error == 0 && !itself(waiting[i].fd))
                    printf("%d\n", first + i);
                close(waiting[i].fd);
                waiting[i].fd = -1;
                left--;
            }
        if (left > 0) { /* neither open nor closed: the scan is not complete */
            fprintf(stderr, "no answer from %d ports from %d on\n", left, first);
            return 1;
        }
    }
    return 0;
}
