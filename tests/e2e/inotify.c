/* Prints what inotify(7) reports of the folders and files it is given: a line "FOLDER KINDS NAME" for each event, where
 * FOLDER is the argument's number, or with -r the path below the (only) argument. Statically linked it runs in any
 * container. "ready" comes first; with -r the folders that come are watched as well; with -o BEGIN before all others
 * nothing is printed but of names that begin so; with -t before even these another thread does it all, after the
 * program's first one has ended. A line that comes on the standard input is printed as it is, but
 * for "ls FOLDER", which gives a line of the names in it, and "stat PATH", which gives "INODE SIZE BLOCKS".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MASK (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)

static const struct {
    unsigned mask;
    const char *name;
} kinds[] = {
    {IN_MODIFY, "MODIFY"},         {IN_ATTRIB, "ATTRIB"},         {IN_CLOSE_WRITE, "CLOSE_WRITE"},
    {IN_MOVED_FROM, "MOVED_FROM"}, {IN_MOVED_TO, "MOVED_TO"},     {IN_CREATE, "CREATE"},
    {IN_DELETE, "DELETE"},         {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
    {IN_Q_OVERFLOW, "OVERFLOW"},   {IN_IGNORED, "IGNORED"},
};

static int queue;
static const char *only = "";
static char **paths;
static int known;

static void watch(const char *path, const char *shown) {
    int number = inotify_add_watch(queue, path, MASK);
    if (number < 0) {
        perror(path);
        exit(1);
    }
    if (number >= known) {
        paths = realloc(paths, sizeof *paths * (size_t)(number + 1));
        memset(paths + known, 0, sizeof *paths * (size_t)(number + 1 - known));
        known = number + 1;
    }
    free(paths[number]);
    paths[number] = strdup(shown);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)ftw;
    if (type == FTW_D)
        watch(path, path);
    return 0;
}

static void tell(const struct inotify_event *event, int whole) {
    if (*only && (!event->len || strncmp(event->name, only, strlen(only)) != 0))
        return;
    const char *folder = event->wd >= 0 && event->wd < known && paths[event->wd] ? paths[event->wd] : "?";
    printf("%s ", folder);
    int first = 1;
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (event->mask & kinds[i].mask) {
            printf("%s%s", first ? "" : "|", kinds[i].name);
            first = 0;
        }
    printf(" %s%s\n", event->len ? event->name : "", event->mask & IN_ISDIR ? "/" : "");
    if (whole && (event->mask & IN_ISDIR) && (event->mask & (IN_CREATE | IN_MOVED_TO))) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", folder, event->name);
        watch(path, path);
    }
}

static void answer(char *line) {
    line[strcspn(line, "\n")] = 0;
    struct stat st;
    if (strncmp(line, "stat ", 5) == 0 && stat(line + 5, &st) == 0) {
        printf("%lu %ld %ld\n", (unsigned long)st.st_ino, (long)st.st_size, (long)st.st_blocks);
        return;
    }
    DIR *folder = strncmp(line, "ls ", 3) == 0 ? opendir(line + 3) : NULL;
    if (!folder) {
        puts(line);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));)
        if (*entry->d_name != '.')
            printf("%s ", entry->d_name);
    putchar('\n');
    closedir(folder);
}

static int work(int count, char **words) {
    if (count > 3 && strcmp(words[1], "-o") == 0)
        only = words[2], count -= 2, words += 2;
    int whole = count == 3 && strcmp(words[1], "-r") == 0;
    queue = inotify_init1(IN_CLOEXEC);
    if (whole)
        nftw(words[2], visit, 64, FTW_PHYS);
    else
        for (int i = 1; i < count; i++) {
            char number[16];
            snprintf(number, sizeof number, "%d", i);
            watch(words[i], number);
        }
    puts("ready");
    fflush(stdout);
    struct pollfd ways[2] = {{.fd = queue, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    while (poll(ways, 2, -1) >= 0) {
        static char buffer[65536] __attribute__((aligned(8)));
        if (ways[1].revents) {
            ssize_t size = read(0, buffer, sizeof buffer - 1);
            if (size <= 0)
                return 0;
            buffer[size] = 0;
            answer(buffer);
        }
        if (ways[0].revents) {
            ssize_t size = read(queue, buffer, sizeof buffer);
            for (char *at = buffer; at < buffer + size;) {
                const struct inotify_event *event = (const struct inotify_event *)at;
                tell(event, whole);
                at += sizeof *event + event->len;
            }
        }
        fflush(stdout);
    }
    return 1;
}

struct arguments {
    int count;
    char **words;
};

static void *work_later(void *given) {
    const struct arguments *all = given;
    exit(work(all->count - 1, all->words + 1));
}

int main(int count, char **words) {
    static struct arguments all;
    pthread_t other;
    all.count = count;
    all.words = words;
    if (count < 2 || strcmp(words[1], "-t") != 0)
        return work(count, words);
    if (pthread_create(&other, NULL, work_later, &all) != 0)
        return 1;
    pthread_exit(NULL);
}
