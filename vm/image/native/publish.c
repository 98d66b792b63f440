/* dockerd runs this for each published port, in place of docker-proxy: the host is asked for its port first.
 *
 * The answer goes to dockerd by descriptor 3, as docker-proxy sends it (moby, cmd/docker-proxy): "0", or "1" and the
 * reason, which `docker run` then shows. A host that is away is not waited for; it asks for all published ports when
 * it is back.
 *
 * docker-proxy serves programs in the machine that use the port at the machine's own addresses. Those are few, and it
 * takes megabytes. So it is started at the first connection: until then dockerd's socket, descriptor 4, waits here.
 */
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
#define LINE_SIZE 256             /* of a request */
#define ANSWER_MS 5000            /* the host has so long to answer */

extern char **environ;

static struct {
    const char *protocol, *address, *port, *container, *inside;
    bool listening;               /* dockerd has given us its socket */
} asked;
static char note[64], answers[64]; /* files: the request, for a host that comes later, and the pipe of the answer */

/* Send one line to the host. The pipe is opened for reading as well, so that this works without a reader. */
static void send_line(const char *format, ...) {
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

/* Datagrams arrive at the network card for every address of the host; dockerd's own rule covers only ports that are
 * published at all addresses. */
static void redirect(const char *how) {
    char to[80];
    if (strcmp(asked.protocol, "udp") != 0 || strcmp(asked.address, "0.0.0.0") == 0 ||
        strchr(asked.address, ':') != NULL)
        return;
    snprintf(to, sizeof to, "%s:%s", asked.container, asked.inside);
    char *arguments[] = {"/usr/sbin/iptables", "-w", "-t", "nat", (char *)how, "PREROUTING", "-i", "eth0", "-p", "udp",
                         "--dport", (char *)asked.port, "-j", "DNAT", "--to-destination", to, NULL};
    pid_t child = start(arguments);
    if (child > 0)
        waitpid(child, NULL, 0);
}

static void release(void) {
    unlink(note);
    unlink(answers);
    send_line("release %d\n", getpid());
}

static void write_request(char line[LINE_SIZE]) {
    snprintf(line, LINE_SIZE, "%s %s %s %s %s", asked.protocol, asked.address, asked.port, asked.container,
             asked.inside);
}

/* Whether the host's answer, `got` bytes or -1, refuses the port; `words` is then its reason. */
static bool is_refusal(char *words, ssize_t got) {
    words[got > 0 ? got : 0] = '\0';
    words[strcspn(words, "\n")] = '\0';
    return *words != '\0' && strcmp(words, "ok") != 0;
}

/* Ask the host; true when it refuses, with its reason. */
static bool refused(char *words, size_t room, int signals) {
    mkdir(RUN "ports", 0755);
    int file = open(note, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int answer = mkfifo(answers, 0600) == 0 ? open(answers, O_RDWR | O_CLOEXEC) : -1;
    char line[LINE_SIZE];
    write_request(line);
    dprintf(file, "%s\n", line);
    close(file);
    send_line("publish %d %s\n", getpid(), line);
    struct pollfd events[] = {{.fd = answer, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    ssize_t got = poll(events, 2, ANSWER_MS) > 0 && events[0].revents ? read(answer, words, room - 1) : 0;
    close(answer);
    unlink(answers);
    return is_refusal(words, got);
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
    bool complete = true;
    for (size_t j = 0; j < sizeof options / sizeof *options; j++) /* a request is one line of words */
        complete = complete && *options[j].place && !strpbrk(*options[j].place, " \n");
    if (!complete) {
        dprintf(REPORT, "1\nthese are not docker-proxy's arguments");
        exit(2);
    }
}

/* Wait for the first connection, and for the end; returns the exit code. */
static int serve(char **arguments, int signals) {
    pid_t proxy = 0;
    for (;;) {
        struct signalfd_siginfo signal = {0};
        struct pollfd events[] = {{.fd = signals, .events = POLLIN},
                                {.fd = proxy > 0 ? -1 : LISTENING, .events = POLLIN}};
        if (poll(events, 2, -1) < 0 && errno != EINTR)
            return 1;
        if (events[0].revents && read(signals, &signal, sizeof signal) == sizeof signal) {
            int status = 0;
            if (signal.ssi_signo == SIGCHLD && waitpid(-1, &status, WNOHANG) == proxy && proxy > 0)
                return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
            if (signal.ssi_signo != SIGCHLD) {
                if (proxy > 0 && kill(proxy, SIGTERM) == 0)
                    waitpid(proxy, NULL, 0);
                return 0;
            }
        } else if (events[1].revents && (proxy = start(arguments)) == 0)
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
        release();
        dprintf(REPORT, "1\n%s", words);
        return 1;
    }
    redirect("-I");
    arguments[0] = PROXY;
    int code = 1;
    if (asked.listening) {
        dprintf(REPORT, "0\n");
        close(REPORT);
        open("/dev/null", O_WRONLY); /* takes its number: docker-proxy's report has no reader */
        code = serve(arguments, signals);
    } else {                         /* docker-proxy listens itself, and reports the result */
        int status = 0;
        pid_t proxy = start(arguments);
        close(REPORT);
        struct signalfd_siginfo signal;
        struct pollfd events = {.fd = signals, .events = POLLIN};
        while (proxy > 0 && poll(&events, 1, -1) >= 0 && read(signals, &signal, sizeof signal) == sizeof signal)
            if (signal.ssi_signo != SIGCHLD)
                kill(proxy, SIGTERM);
            else if (waitpid(proxy, &status, WNOHANG) == proxy)
                break;
        code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    }
    redirect("-D");
    release();
    return code;
}
