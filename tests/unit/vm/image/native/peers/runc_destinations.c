/* Opens a path in the folder that it is given, again and again, while another process renames files there. Prints how
 * often the kernel said EAGAIN, and how often the program that opens destinations did not get the path. */
#define main runc
#include "runc.c"
#undef main

#define PATH "a/../b/../a/../b"
#define DISTURBED 100
#define SECONDS 60

static void rename_for_ever(int root) {
    struct timespec pause = {.tv_nsec = 1000};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        if (renameat(root, "x", root, "y") || renameat(root, "y", root, "x"))
            _exit(1);
        nanosleep(&pause, NULL);
    }
}

int main(int count, char **arguments) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    int disturbed = 0, failed = 0, root = count == 2 ? open(arguments[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    time_t end = time(NULL) + SECONDS;
    pid_t renamer = root < 0 ? -1 : fork();
    if (renamer == 0)
        rename_for_ever(root);
    while (renamer > 0 && disturbed < DISTURBED && time(NULL) < end) {
        int plain = (int)syscall(SYS_openat2, root, PATH, &how, sizeof how), found = open_inside(root, PATH);
        disturbed += plain < 0 && errno == EAGAIN;
        failed += found < 0;
        if (plain >= 0)
            close(plain);
        if (found >= 0)
            close(found);
    }
    if (renamer > 0 && !kill(renamer, SIGKILL))
        waitpid(renamer, NULL, 0);
    return printf("%d %d\n", disturbed, failed) < 0 || renamer < 0;
}
