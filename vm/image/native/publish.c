/* dockerd runs this for each published port, in place of docker-proxy: the host is asked for its port first. What it
 * answers goes to dockerd by descriptor 3, as docker-proxy does it (moby, cmd/docker-proxy): "0", or "1" and the reason,
 * which `docker run` then shows. A host that is away is not waited for; it asks for everything when it is back.
 *
 * docker-proxy serves those in the machine that use the port at the machine's own addresses, which few do, and takes
 * megabytes. So it is started only when somebody comes: until then dockerd's socket, descriptor 4, waits here. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUN "/run/slipway/"
#define PROXY "/usr/sbin/docker-proxy"
#define REPORT 3
#define LISTENING 4
#define PATIENCE 5000             /* milliseconds the host has for its answer */

extern char **environ;

static struct {
    const char *protocol, *address, *port, *container, *inside;
    bool listening;               /* dockerd has given us its socket */
} asked;
static char note[64], answers[64]; /* what is asked, for a host that comes late; where the answer comes in */

/* One line for the host. Opened for reading as well, so that nobody has to be at the other end. */
static void tell(const char *format, ...) {
    va_list values;
    int out = open(RUN "out", O_RDWR | O_CLOEXEC);
    va_start(values, format);
    if (out >= 0)
        vdprintf(out, format, values);
    va_end(values);
    close(out);
}

static pid_t start(char **arguments) {
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t child = 0;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    if (posix_spawn(&child, arguments[0], NULL, &attributes, arguments, environ) != 0)
        child = 0;
    posix_spawnattr_destroy(&attributes);
    return child;
}

/* Datagrams come in at the network card whatever address of the host's they were sent to; dockerd's own rule sees to
 * those for any address only. */
static void redirect(const char *how) {
    char to[80];
    if (strcmp(asked.protocol, "udp") != 0 || strcmp(asked.address, "0.0.0.0") == 0 || strchr(asked.address, ':') != NULL)
        return;
    snprintf(to, sizeof to, "%s:%s", asked.container, asked.inside);
    char *arguments[] = {"/usr/sbin/iptables", "-w", "-t", "nat", (char *)how, "PREROUTING", "-i", "eth0", "-p", "udp",
                         "--dport", (char *)asked.port, "-j", "DNAT", "--to-destination", to, NULL};
    pid_t child = start(arguments);
    if (child > 0)
        waitpid(child, NULL, 0);
}

static void give_back(void) {
    unlink(note);
    unlink(answers);
    tell("release %d\n", getpid());
}

/* Ask the host; true when it refuses, with its words. */
static bool refused(char *words, size_t room, int signals) {
    mkdir(RUN "ports", 0755);
    int file = open(note, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int answer = mkfifo(answers, 0600) == 0 ? open(answers, O_RDWR | O_CLOEXEC) : -1;
    char line[256];
    snprintf(line, sizeof line, "%s %s %s %s %s", asked.protocol, asked.address, asked.port, asked.container, asked.inside);
    dprintf(file, "%s\n", line);
    close(file);
    tell("publish %d %s\n", getpid(), line);
    struct pollfd news[] = {{.fd = answer, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    ssize_t got = poll(news, 2, PATIENCE) > 0 && news[0].revents ? read(answer, words, room - 1) : 0;
    words[got > 0 ? got : 0] = '\0';
    words[strcspn(words, "\n")] = '\0';
    close(answer);
    unlink(answers);
    return *words != '\0' && strcmp(words, "ok") != 0;
}

static void read_arguments(int count, char **arguments) {
    const struct {
        const char *name, **place;
    } options[] = {{"-proto", &asked.protocol}, {"-host-ip", &asked.address}, {"-host-port", &asked.port},
                   {"-container-ip", &asked.container}, {"-container-port", &asked.inside}};
    for (int i = 1; i < count; i++) {
        asked.listening = asked.listening || strcmp(arguments[i], "-use-listen-fd") == 0;
        for (size_t j = 0; j < sizeof options / sizeof *options && i + 1 < count; j++)
            if (strcmp(arguments[i], options[j].name) == 0)
                *options[j].place = arguments[i + 1];
    }
    if (!asked.protocol || !asked.address || !asked.port || !asked.container || !asked.inside) {
        dprintf(REPORT, "1\nnot docker-proxy's arguments");
        exit(2);
    }
}

/* Wait for somebody to serve and for the end; the exit code. */
static int serve(char **arguments, int signals) {
    pid_t proxy = 0;
    for (;;) {
        struct signalfd_siginfo told = {0};
        struct pollfd news[] = {{.fd = signals, .events = POLLIN}, {.fd = proxy > 0 ? -1 : LISTENING, .events = POLLIN}};
        if (poll(news, 2, -1) < 0 && errno != EINTR)
            return 1;
        if (news[0].revents && read(signals, &told, sizeof told) == sizeof told) {
            int status = 0;
            if (told.ssi_signo == SIGCHLD && waitpid(-1, &status, WNOHANG) == proxy && proxy > 0)
                return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
            if (told.ssi_signo != SIGCHLD) {
                if (proxy > 0 && kill(proxy, SIGTERM) == 0)
                    waitpid(proxy, NULL, 0);
                return 0;
            }
        } else if (news[1].revents && (proxy = start(arguments)) == 0)
            return 1;
    }
}

int main(int count, char **arguments) {
    char words[512];
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    int signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    read_arguments(count, arguments);
    snprintf(note, sizeof note, RUN "ports/%d", getpid());
    snprintf(answers, sizeof answers, RUN "ports/%d.answer", getpid());
    if (refused(words, sizeof words, signals)) {
        give_back();
        dprintf(REPORT, "1\n%s", words);
        return 1;
    }
    redirect("-I");
    arguments[0] = PROXY;
    int code = 1;
    if (asked.listening) {
        dprintf(REPORT, "0\n");
        close(REPORT);
        open("/dev/null", O_WRONLY); /* takes its number: what docker-proxy reports nobody waits for */
        code = serve(arguments, signals);
    } else {                         /* it listens itself, and says how that went */
        int status = 0;
        pid_t proxy = start(arguments);
        close(REPORT);
        struct signalfd_siginfo told;
        struct pollfd news = {.fd = signals, .events = POLLIN};
        while (proxy > 0 && poll(&news, 1, -1) >= 0 && read(signals, &told, sizeof told) == sizeof told)
            if (told.ssi_signo != SIGCHLD)
                kill(proxy, SIGTERM);
            else if (waitpid(proxy, &status, WNOHANG) == proxy)
                break;
        code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    }
    redirect("-D");
    give_back();
    return code;
}
