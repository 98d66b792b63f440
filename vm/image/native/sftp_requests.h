/* Which request of sshfs was refused with which errno. sshfs itself keeps only the eight errors of SFTP.
 *
 * The library replaces writev and read: sshfs sends each request by one writev, in the thread of the operation that
 * needs it, and reads the answers. So a request belongs to the operation that its thread has begun. Data that programs
 * write is not waited for; a refusal of it belongs to the open file as well.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* This thread's requests from now on belong to a new operation, on the open file `file` (0: on none). */
void operation_begin(uint64_t file);

/* The errno, negated, of the operation that this thread has begun and that failed with `result`: that of its own first
 * refusal, else that of data which was written to the file before. `result` itself where the server has sent none. */
int operation_result(int result, uint64_t file);

/* The file is closed: another one may get its number. */
void file_closed(uint64_t file);

/* Whether the server sends inode numbers. */
bool has_inodes(void);

/* Whether the host stores no modes (Windows). */
bool has_no_modes(void);
