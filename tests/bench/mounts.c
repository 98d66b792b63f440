/* Works with files in a folder and prints what each piece of work took: "NAME SECONDS" lines.
 *
 *   mounts FOLDER MEGABYTES FILES
 *
 * The page cache is dropped before everything that reads, so that the mount is measured and not the memory. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024 * 1024)
#define PER_FOLDER 100
#define RANDOM 1000

static char buffer[MIB];
static struct timespec began;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void drop_caches(void) {
    int file = open("/proc/sys/vm/drop_caches", O_WRONLY);
    sync();
    if (file < 0 || write(file, "3", 1) != 1)
        fail("drop_caches");
    close(file);
}

static void begin(void) {
    clock_gettime(CLOCK_MONOTONIC, &began);
}

static void done(const char *name) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%s %.6f\n", name, (double)(now.tv_sec - began.tv_sec) + (double)(now.tv_nsec - began.tv_nsec) / 1e9);
    fflush(stdout);
}

static void large(int megabytes) {
    int file = open("large", O_RDWR | O_CREAT | O_TRUNC, 0644);
    begin();
    for (int i = 0; i < megabytes; i++)
        if (write(file, buffer, MIB) != MIB)
            fail("write");
    if (fsync(file) != 0)
        fail("fsync");
    done("sequential-write");
    close(file);
    drop_caches();
    file = open("large", O_RDWR);
    begin();
    while (read(file, buffer, MIB) > 0)
        continue;
    done("sequential-read");
    close(file);
    drop_caches();
    file = open("large", O_RDWR);
    srand(1);
    begin();
    for (int i = 0; i < RANDOM; i++)
        if (pread(file, buffer, 4096, (off_t)(rand() % (megabytes * 256)) * 4096) != 4096)
            fail("pread");
    done("random-read");
    begin();
    for (int i = 0; i < RANDOM; i++)
        if (pwrite(file, buffer, 4096, (off_t)(rand() % (megabytes * 256)) * 4096) != 4096)
            fail("pwrite");
    if (fsync(file) != 0)
        fail("fsync");
    done("random-write");
    close(file);
    unlink("large");
}

static void each(int files, void (*work)(const char *)) {
    char path[64];
    for (int i = 0; i < files; i++) {
        snprintf(path, sizeof path, "small/%d/%d", i / PER_FOLDER, i % PER_FOLDER);
        work(path);
    }
}

static void make(const char *path) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (file < 0 || write(file, buffer, 1000) != 1000 || close(file) != 0)
        fail(path);
}

static void look(const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0)
        fail(path);
}

static void take(const char *path) {
    int file = open(path, O_RDONLY);
    if (file < 0 || read(file, buffer, MIB) != 1000)
        fail(path);
    close(file);
}

static void destroy(const char *path) {
    if (unlink(path) != 0)
        fail(path);
}

static void small(int files) {
    char path[64];
    mkdir("small", 0755);
    for (int i = 0; i * PER_FOLDER < files; i++) {
        snprintf(path, sizeof path, "small/%d", i);
        mkdir(path, 0755);
    }
    begin();
    each(files, make);
    done("create");
    drop_caches();
    begin();
    each(files, look);
    done("stat");
    begin();
    for (int i = 0; i * PER_FOLDER < files; i++) {
        snprintf(path, sizeof path, "small/%d", i);
        DIR *folder = opendir(path);
        struct dirent *entry;
        struct stat st;
        while (folder && (entry = readdir(folder)))
            if (fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
                fail(path);
        closedir(folder);
    }
    done("list");
    drop_caches();
    begin();
    each(files, take);
    done("read");
    begin();
    each(files, destroy);
    done("delete");
    for (int i = 0; i * PER_FOLDER < files; i++) {
        snprintf(path, sizeof path, "small/%d", i);
        rmdir(path);
    }
    rmdir("small");
}

int main(int count, char **words) {
    if (count != 4 || chdir(words[1]) != 0)
        return 2;
    large(atoi(words[2]));
    small(atoi(words[3]));
    return 0;
}
