/* Keeps a listening socket, descriptor 3, for as long as the machine runs, and passes it to each program that connects
 * to the Unix socket SOCKET (SCM_RIGHTS, unix(7)). Containers have mounted the listening socket and could not connect
 * to another one in its place; so it must outlive the agent, which accepts.
 *
 *     keep SOCKET
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define KEPT 3

static void hand_over(int to) {
    char byte = '\n', room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec content = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &content, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &(int){KEPT}, sizeof(int));
    if (sendmsg(to, &message, MSG_NOSIGNAL) < 0)
        perror("keep"); /* the caller has ended; another may come */
}

int main(int count, char **words) {
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    if (count != 2 || strlen(words[1]) >= sizeof place.sun_path) {
        fputs("usage: keep SOCKET\n", stderr);
        return 2;
    }
    strcpy(place.sun_path, words[1]);
    unlink(place.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&place, sizeof place) != 0 || listen(listener, 8) != 0) {
        perror(words[1]);
        return 1;
    }
    for (;;) {
        int who = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (who >= 0) {
            hand_over(who);
            close(who);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            perror("keep");
            return 1;
        }
    }
}
