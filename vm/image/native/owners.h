/* The owners that the guest stores for the files of a shared folder.
 *
 * Files on the host belong to the host's user. What containers chown is stored here and shown to them. The store is in
 * memory (owner_tree.c) and in a log, which is read and compacted when the file system starts. All functions are safe
 * to call from several threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "owner_tree.h"

/* Read the log at `file` and continue with a new one that holds only what is current. Without a disk to write to,
 * owners are kept in memory alone; the reason goes to stderr. */
void owners_open(const char *file);

/* Apply the records in these bytes to the store. Returns the length of the complete ones: a crash may have cut off the
 * last. What is no record is skipped. */
size_t owners_apply(const char *log, size_t size);

bool owners_any(void);
struct owner owner_of(const char *path);
void owner_set(const char *path, struct owner owner);
void owner_forget(const char *path);
void owner_move(const char *from, const char *to);

/* Put a path's owner, mode and type into the host's attributes. */
void owner_show(const char *path, struct stat *st);
