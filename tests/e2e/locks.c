/* Takes the locks that programs take, and says which of them another one was refused: for tests of shared folders. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static int record_lock(int descriptor, int kind) {
    struct flock lock = {.l_type = kind, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
    return fcntl(descriptor, F_SETLK, &lock);
}

int main(int count, char **words) {
    int first = count > 1 ? open(words[1], O_RDWR) : -1, second = count > 1 ? open(words[1], O_RDWR) : -1;
    if (first < 0 || second < 0 || flock(first, LOCK_EX) != 0 || record_lock(first, F_WRLCK) != 0)
        return 1;
    if (flock(second, LOCK_EX | LOCK_NB) != 0)
        puts("flock holds");
    fflush(stdout);
    if (fork() == 0) {
        if (record_lock(open(words[1], O_RDWR), F_WRLCK) != 0)
            puts("fcntl holds");
        return 0;
    }
    wait(NULL);
    return 0;
}
