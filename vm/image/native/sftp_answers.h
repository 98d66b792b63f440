/* What sshfs does not use of the answers of an SFTP server: the errno of a refusal, whether the server sends inode
 * numbers, and whether its system has no modes (engine/folders/sftp.py). The bytes are looked at as they pass, in any
 * pieces.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INODES "inodes@slipway"
#define NO_MODES "no-modes@slipway"

/* The longest answer that is looked into. Ours have a code, a message of the C library's, and a tag. */
#define LONGEST_ANSWER 1024

struct answers {
    bool inodes;   /* the server has said that it sends inode numbers */
    bool no_modes; /* it has said that its system stores no modes */
    bool broken;   /* this is no SFTP; sshfs ends the connection */
    size_t have;
    uint32_t skip; /* bytes of an answer that is not looked into */
    uint8_t data[LONGEST_ANSWER];
};

/* Called with the errno (1 to 133, never ENOSYS) for the refusal of a request. */
typedef void refused(uint32_t request, int error);

/* Take the next bytes of the server's. `answers` starts as zeros. */
void answers_take(struct answers *answers, const void *data, size_t size, refused *found);
