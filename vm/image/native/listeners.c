#include "listeners.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define KEEP "/usr/lib/slipway/keep"
#define KEPT 3                     /* the descriptor by which it gets the socket */
#define BACKLOG 128                /* connections that may wait to be accepted */
#define KEEP_SECONDS 2             /* it answers at once, or never */

extern char **environ;

static struct listener {
    struct listener *next;
    int fd;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
} *listeners;

/* The socket that an earlier agent listened on; -1: none. */
static int get_back(const struct sockaddr_un *door) {
    char byte, room[CMSG_SPACE(sizeof(int))];
    struct iovec content = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &content, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct timeval limit = {KEEP_SECONDS, 0};
    int keeper = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = -1;
    if (keeper < 0)
        return -1;
    setsockopt(keeper, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(keeper, (const struct sockaddr *)door, sizeof *door) == 0 &&
        recvmsg(keeper, &message, MSG_CMSG_CLOEXEC) == 1) {
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        if (rights != NULL && rights->cmsg_type == SCM_RIGHTS)
            memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    }
    close(keeper);
    return fd;
}

/* What is at the path cannot be in use: it may be a folder that dockerd created where it found no socket. */
static int create(const struct sockaddr_un *place) {
    if (unlink(place->sun_path) != 0 && errno == EISDIR)
        rmdir(place->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)place, sizeof *place) == 0 &&
        chmod(place->sun_path, 0666) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

/* Without that process the socket works too, but ends with this agent. */
static void have_kept(int fd, const char *door) {
    char *arguments[] = {KEEP, (char *)door, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t child;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, KEPT);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    int problem = posix_spawn(&child, KEEP, &actions, &attributes, arguments, environ);
    if (problem != 0)
        fprintf(stderr, "agent: %s: %s\n", KEEP, strerror(problem));
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
}

int listener(const char *path) {
    for (struct listener *known = listeners; known != NULL; known = known->next)
        if (strcmp(known->path, path) == 0)
            return known->fd;
    struct sockaddr_un place = {.sun_family = AF_UNIX}, door = {.sun_family = AF_UNIX};
    int length = snprintf(door.sun_path, sizeof door.sun_path, "%s~", path);
    struct listener *made = calloc(1, sizeof *made);
    if (made == NULL || length < 0 || (size_t)length >= sizeof door.sun_path) {
        errno = made == NULL ? ENOMEM : ENAMETOOLONG;
        free(made);
        return -1;
    }
    strcpy(place.sun_path, path);
    strcpy(made->path, path);
    made->fd = get_back(&door);
    if (made->fd < 0) {
        made->fd = create(&place);
        if (made->fd < 0) {
            free(made);
            return -1;
        }
        have_kept(made->fd, door.sun_path);
    }
    made->next = listeners;
    listeners = made;
    return made->fd;
}
