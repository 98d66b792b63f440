/* Sends requests and reads answers as sshfs does, on the connection whose descriptor it is given. First it prints
 * whether the server sends inode numbers, and whether it has no modes. Then it follows the lines of its input:
 *
 *     o COUNT    an operation of COUNT requests, which waits for its answers: prints its errno, 1 where there is none
 *     w FILE     an operation that writes to a file and does not wait
 *     s FILE     one that waits: prints its errno as `f` does
 *     f FILE     waits for all answers, and prints the errno of what was written to the file, 5 where there is none
 *     c FILE     waits for all answers; then the file is closed
 */
#include "sftp_requests.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define INIT 1
#define WRITE 6
#define LSTAT 7

static int connection;
static uint32_t sent, answered;

static void request(uint8_t type, uint32_t number, char *body) {
    uint8_t head[9];
    uint32_t size = htonl(5 + (uint32_t)strlen(body)), identity = htonl(number);
    memcpy(head, &size, 4);
    head[4] = type;
    memcpy(head + 5, &identity, 4);
    struct iovec parts[2] = {{head, sizeof head}, {body, strlen(body)}};
    if (writev(connection, parts, *body ? 2 : 1) != (ssize_t)(sizeof head + strlen(body)))
        exit(2);
}

static void take(void *data, size_t size) {
    for (ssize_t got; size > 0; data = (char *)data + got, size -= (size_t)got)
        if ((got = read(connection, data, size)) <= 0)
            exit(3);
}

static void answer(void) {
    uint8_t head[5];
    uint32_t size;
    take(head, sizeof head);
    memcpy(&size, head, 4);
    char *body = malloc(ntohl(size));
    take(body, ntohl(size) - 1);
    free(body);
}

static void await_answers(void) {
    for (; answered < sent; answered++)
        answer();
}

int main(int count, char **words) {
    char what;
    unsigned long number;
    if (count != 2)
        return 1;
    connection = atoi(words[1]);
    request(INIT, 3, "");
    answer();
    printf("%d %d\n", has_inodes(), has_no_modes());
    while (scanf(" %c %lu", &what, &number) == 2) {
        if (what != 'c')
            operation_begin(what == 'o' ? 0 : number);
        for (unsigned long i = 0; what == 'o' && i < number; i++)
            request(LSTAT, sent++, "/a");
        if (what == 'w' || what == 's')
            request(WRITE, sent++, "data");
        if (what != 'w')
            await_answers();
        if (what == 'o' || what == 'f' || what == 's')
            printf("%d\n", -operation_result(what == 'o' ? -EPERM : -EIO, what == 'o' ? 0 : number));
        if (what == 'c')
            file_closed(number);
    }
    return 0;
}
