/* Corrects the system's clock by a difference, which, unlike a time, stays correct while it is on its way.
 *
 *     clock step MICROSECONDS     at once
 *     clock slew MICROSECONDS     gradually, at most 0.5 ms each second (adjtime(3))
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

int main(int count, char **words) {
    char *end = NULL;
    long long by = count == 3 ? strtoll(words[2], &end, 10) : 0;
    if (end == NULL || end == words[2] || *end != 0) {
        fputs("usage: clock step|slew MICROSECONDS\n", stderr);
        return 2;
    }
    /* the part below a second is never negative */
    struct timeval delta = {by / 1000000, by % 1000000};
    if (delta.tv_usec < 0) {
        delta.tv_sec--;
        delta.tv_usec += 1000000;
    }
    struct timeval none = {0, 0};
    if (strcmp(words[1], "step") == 0) {
        struct timex change = {.modes = ADJ_SETOFFSET, .time = delta};
        /* a slew under way was for the clock as it was */
        if (adjtime(&none, NULL) != 0 || clock_adjtime(CLOCK_REALTIME, &change) < 0) {
            perror("clock");
            return 1;
        }
    } else if (adjtime(&delta, NULL) != 0) {
        perror("clock");
        return 1;
    }
    return 0;
}
