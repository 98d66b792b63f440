/* runc, which makes no container whose mounts are not what they say.
 *
 * A bind mount's source in one of the host's folders has been looked at before dockerd got it. But until runc mounts
 * it, somebody may put a symbolic link in its place, which leads to the machine's own files. So what has been mounted
 * is looked at, before the container's program runs: what is said to be in a shared folder must be in a file system
 * that brings one, and those are the machine's only ones by FUSE. The same holds for volumes that mount a folder.
 *
 * All else is runc's: this program becomes it, except to create a container that mounts shared folders. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runc_mounts.h"

#ifndef RUNC
#define RUNC "/usr/sbin/runc"
#endif
#ifndef SHARES
#define SHARES "/run/slipway/folders.d"
#endif
#define VOLUMES "/var/lib/slipway/docker/volumes/"
#define DATA "/_data"

#define TRIES 128
#define PAUSE_NS 1000000

/* What the command line says. */
static struct {
    const char *bundle, *pid_file, *log, *id;
    int globals; /* so many words come before "create" */
} asked;

static struct places shares;

static const char *destinations[1024];
static int destination_count;

static bool read_words(int count, char **words) {
    for (int one = 1; one < count; one++) {
        const char *value = one + 1 < count ? words[one + 1] : NULL;
        if (!asked.globals && !strcmp(words[one], "create"))
            asked.globals = one;
        else if (!strcmp(words[one], "--bundle"))
            asked.bundle = value;
        else if (!strcmp(words[one], "--pid-file"))
            asked.pid_file = value;
        else if (!strcmp(words[one], "--log"))
            asked.log = value;
    }
    asked.id = words[count - 1];
    return asked.globals && asked.bundle && asked.pid_file;
}

static char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t room = 0;
    *size = 0;
    while (file && !feof(file) && !ferror(file)) {
        char *more = *size + 1 < room ? text : realloc(text, room += 1 << 16);
        if (!more)
            break;
        text = more;
        *size += fread(text + *size, 1, room - *size - 1, file);
        text[*size] = 0;
    }
    if (file)
        fclose(file);
    return text;
}

/* runc's way to tell containerd why it has failed: a line of its log. */
__attribute__((format(printf, 1, 2))) static int refuse(const char *format, ...) {
    char reason[2 * LONGEST_PATH], moment[64];
    va_list arguments;
    time_t now = time(NULL);
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    FILE *log = asked.log ? fopen(asked.log, "a") : NULL;
    if (log) {
        fputs("{\"level\":\"error\",\"msg\":\"", log);
        for (const char *one = reason; *one; one++)
            if (*one == '"' || *one == '\\' || (unsigned char)*one < 0x20)
                fprintf(log, "\\u%04x", (unsigned char)*one);
            else
                fputc(*one, log);
        fprintf(log, "\",\"time\":\"%s\"}\n", moment);
        fclose(log);
    }
    fprintf(stderr, "%s\n", reason);
    return 1;
}

/* runc ends with this program: containerd, which ends that, knows of no other. */
static int run(char **words) {
    pid_t parent = getpid(), child = fork();
    int status;
    if (child == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
            _exit(127);
        execv(RUNC, words);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return 1;
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static bool note(void *context, const char *source, const char *destination) {
    (void)context;
    if (!is_shared(&shares, source))
        return true;
    if (destination_count == sizeof destinations / sizeof *destinations)
        return false;
    return (destinations[destination_count++] = strdup(destination));
}

/* The type of the file system whose mount has this number, or that is mounted there; "" when there is none. */
static void type_of_mount(FILE *mounts, unsigned long long number, const char *place, char *type, size_t room) {
    char line[4 * LONGEST_PATH];
    *type = 0;
    rewind(mounts);
    while (fgets(line, sizeof line, mounts)) {
        unsigned long long found;
        int begin = 0, end = 0;
        char *after = strstr(line, " - ");
        if (sscanf(line, "%llu %*s %*s %*s %n%*s%n", &found, &begin, &end) != 1 || !end || !after)
            continue;
        line[end] = 0;
        unescape(line + begin);
        if (place ? !strcmp(line + begin, place) : found == number)
            snprintf(type, room, "%.*s", (int)strcspn(after + 3, " \n"), after + 3);
    }
}

static bool is_brought(const char *type) {
    return !strcmp(type, "fuse") || !strncmp(type, "fuse.", 5);
}

/* Open a path in the folder `root`, whose links are those of its own files; -1 and errno when that cannot be done.
 * Where ".." is in it, or in a link, each rename or mount on the machine at that moment is EAGAIN (openat2(2)). */
static int open_inside(int root, const char *path) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    struct timespec pause = {.tv_nsec = PAUSE_NS};
    int found = -1;
    for (int one = 0; one < TRIES; one++) {
        found = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
        if (found >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
        nanosleep(&pause, NULL);
    }
    return found;
}

/* Whether what is open here is where a shared folder is mounted; -1 and errno when that cannot be seen. */
static int is_shared_mount(int found, FILE *mounts) {
    struct statx about;
    char type[64] = "";
    if (statx(found, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &about))
        return -1;
    if (about.stx_mask & STATX_MNT_ID && about.stx_attributes & STATX_ATTR_MOUNT_ROOT)
        type_of_mount(mounts, about.stx_mnt_id, NULL, type, sizeof type);
    return is_brought(type);
}

/* Whether a container has a mount of a shared folder at `destination`; if not, why. */
static bool has_shared(int root, FILE *mounts, const char *destination, char *why, size_t room) {
    int found = open_inside(root, destination);
    int shared = found < 0 ? -1 : is_shared_mount(found, mounts);
    if (shared < 0)
        snprintf(why, room, "Slipway cannot see what is mounted at %s: %s", destination, strerror(errno));
    else if (!shared)
        snprintf(why, room, "what would be mounted at %s is no longer in the shared folder", destination);
    if (found >= 0)
        close(found);
    return shared > 0;
}

/* Whether all destinations are what they were to be; if not, why. */
static bool are_right(char *why, size_t room) {
    char path[LONGEST_PATH];
    size_t size;
    char *text = read_file(asked.pid_file, &size);
    long process = text ? strtol(text, NULL, 10) : 0;
    free(text);
    snprintf(path, sizeof path, "/proc/%ld/root", process);
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%ld/mountinfo", process);
    FILE *mounts = root < 0 ? NULL : fopen(path, "re");
    bool right = mounts;
    if (!right)
        snprintf(why, room, "Slipway cannot see what the container has mounted: %s", strerror(errno));
    for (int one = 0; right && one < destination_count; one++)
        right = has_shared(root, mounts, destinations[one], why, room);
    if (root >= 0)
        close(root);
    if (mounts)
        fclose(mounts);
    return right;
}

/* Whether what is mounted for a volume is what its options say. */
static bool is_right_volume(const char *place, const char *type) {
    char path[LONGEST_PATH], device[LONGEST_PATH];
    size_t size, length = strlen(place) - strlen(DATA);
    snprintf(path, sizeof path, "%.*s/opts.json", (int)length, place);
    char *options = read_file(path, &size);
    bool right = !options || !read_text(options, size, "MountDevice", device, sizeof device) ||
                 !is_shared(&shares, device) || is_brought(type);
    free(options);
    return right;
}

/* A mounted volume that is not what it was to be. Returns false when there is none. */
static bool find_wrong_volume(char *place, size_t room) {
    char line[4 * LONGEST_PATH], type[64];
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    bool wrong = !mounts;
    snprintf(place, room, "?");
    while (!wrong && fgets(line, sizeof line, mounts)) {
        int begin = 0, end = 0;
        const char *after = strstr(line, " - ");
        sscanf(line, "%*s %*s %*s %*s %n%*s%n", &begin, &end);
        if (!end || !after)
            continue;
        line[end] = 0;
        snprintf(type, sizeof type, "%.*s", (int)strcspn(after + 3, " \n"), after + 3);
        unescape(line + begin);
        size_t size = strlen(line + begin);
        bool is_volume = !strncmp(line + begin, VOLUMES, strlen(VOLUMES)) && size > strlen(VOLUMES) + strlen(DATA) &&
                         !strcmp(line + begin + size - strlen(DATA), DATA);
        if (is_volume && !is_right_volume(line + begin, type)) {
            snprintf(place, room, "%s", line + begin);
            wrong = true;
        }
    }
    if (mounts)
        fclose(mounts);
    return wrong;
}

static void undo(char **words) {
    char *others[asked.globals + 4];
    memcpy(others, words, sizeof *words * (size_t)asked.globals);
    others[asked.globals] = "delete";
    others[asked.globals + 1] = "--force";
    others[asked.globals + 2] = (char *)asked.id;
    others[asked.globals + 3] = NULL;
    run(others);
}

int main(int count, char **words) {
    char path[LONGEST_PATH], why[2 * LONGEST_PATH];
    size_t size;
    if (!read_words(count, words)) {
        execv(RUNC, words);
        return refuse("%s: %s", RUNC, strerror(errno));
    }
    snprintf(path, sizeof path, "%s/config.json", asked.bundle);
    char *config = read_file(path, &size);
    bool known = config && read_places(&shares, SHARES) && read_mounts(config, size, note, NULL);
    free(config);
    if (!known)
        return refuse("Slipway cannot tell what the container mounts");
    if (find_wrong_volume(path, sizeof path))
        return refuse("what is mounted at %s is not in the shared folder that its volume names", path);
    if (!destination_count) {
        execv(RUNC, words);
        return refuse("%s: %s", RUNC, strerror(errno));
    }
    int status = run(words);
    if (!status && !are_right(why, sizeof why)) {
        undo(words);
        return refuse("%s", why);
    }
    return status;
}
