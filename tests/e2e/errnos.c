/* Does what each line of its input says, and prints the errno of that: for tests of shared folders. A line has words
 * separated by tabs: the operation, one or two paths, a number. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int outcome(long result) {
    return result < 0 ? errno : 0;
}

static int opened(const char *path, int flags) {
    int file = open(path, flags | O_CLOEXEC, 0644);
    int error = outcome(file);
    if (file >= 0)
        close(file);
    return error;
}

/* One byte at `offset`. What is written is not always on its way at once, so the first error counts. */
static int written(const char *path, off_t offset) {
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0)
        return errno;
    int error = outcome(pwrite(file, "x", 1, offset));
    error = error ? error : outcome(fsync(file));
    int last = outcome(close(file));
    return error ? error : last;
}

/* How many files can be opened at once is not for the number of the operation to say: the error of the first refusal. */
static int held(const char *path, int count) {
    for (int i = 0; i < count; i++)
        if (open(path, O_RDONLY | O_CLOEXEC) < 0)
            return errno;
    return 0;
}

static int perform(char **word) {
    const char *what = word[0], *path = word[1], *other = word[2];
    if (strcmp(what, "mkdir") == 0)
        return outcome(mkdir(path, 0755));
    if (strcmp(what, "rmdir") == 0)
        return outcome(rmdir(path));
    if (strcmp(what, "unlink") == 0)
        return outcome(unlink(path));
    if (strcmp(what, "create") == 0)
        return opened(path, O_WRONLY | O_CREAT | O_EXCL);
    if (strcmp(what, "open") == 0)
        return opened(path, O_WRONLY);
    if (strcmp(what, "write") == 0)
        return written(path, strtoll(other, NULL, 10));
    if (strcmp(what, "hold") == 0)
        return held(path, atoi(other));
    if (strcmp(what, "truncate") == 0)
        return outcome(truncate(path, strtoll(other, NULL, 10)));
    if (strcmp(what, "rename") == 0)
        return outcome(rename(path, other));
    if (strcmp(what, "link") == 0)
        return outcome(link(path, other));
    if (strcmp(what, "symlink") == 0)
        return outcome(symlink(path, other));
    if (strcmp(what, "chmod") == 0)
        return outcome(chmod(path, 0600));
    if (strcmp(what, "mkfifo") == 0)
        return outcome(mkfifo(path, 0640));
    if (strcmp(what, "mknod") == 0)
        return outcome(mknod(path, S_IFCHR | 0600, makedev(1, 3)));
    return -1;
}

int main(void) {
    char line[65536];
    while (fgets(line, sizeof line, stdin)) {
        char *words[4] = {"", "", "", ""};
        int count = 0;
        line[strcspn(line, "\n")] = 0;
        for (char *word = strtok(line, "\t"); word && count < 4; word = strtok(NULL, "\t"))
            words[count++] = word;
        printf("%d\n", perform(words));
        fflush(stdout);
    }
    return 0;
}
