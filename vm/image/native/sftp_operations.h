/* sshfs's operations with the host's errors and inode numbers: what our server sends and sshfs drops (sftp_requests.h).
 */
#pragma once

#define FUSE_USE_VERSION 31
#include <fuse3/fuse.h>
#include <stdbool.h>

/* Put the wrappers in front of `operations`. Those of another program than sshfs stay as they are. */
void sftp_wrap(struct fuse_operations *operations);

/* Whether this program is sshfs. */
bool is_sftp(void);

/* Put the inode and link numbers, which the attributes carry in place of the owner and beside the mode, in their own
 * places. A file without one gets a number from its path. */
void sftp_show(const char *path, struct stat *st);
