/* Runs a fuzz target, LLVMFuzzerTestOneInput, with inputs that it mutates: inputs that reach new code are mutated
 * further.
 *
 *     TARGET SECONDS CRASH SEED...
 *
 * It runs for so many seconds of CPU time, or ten times as long when others use the CPU, always with the same random
 * numbers. Targets are compiled with sanitizers and -fsanitize-coverage=trace-pc, this file without the latter. While
 * a target runs, the file CRASH holds its input after four bytes of length (little-endian), so that a crash leaves it
 * behind. For long runs a target can be linked with clang's libFuzzer instead of this file.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LARGEST 4096     /* bytes of an input */
#define INPUTS 4096      /* in the corpus */
#define EDGES (1 << 16)
#define HANG_SECONDS 60  /* for one input, under any load */

struct input {
    uint8_t *data;
    size_t size;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_cov_trace_pc(void);

static struct input corpus[INPUTS];
static size_t inputs;
static uint8_t seen[EDGES], hits[EDGES]; /* `seen`: bits of the number of hits in a run, by powers of two */
static uint32_t touched[EDGES];
static size_t touched_count;
static uintptr_t last;
static uint64_t state = 0x9e3779b97f4a7c15;

void __sanitizer_cov_trace_pc(void) {
    uintptr_t here = (uintptr_t)__builtin_return_address(0) * UINT64_C(0x9e3779b97f4a7c15) >> 16;
    uint32_t edge = (uint32_t)(here ^ last) % EDGES;
    last = here >> 1;
    if (hits[edge] == 0)
        touched[touched_count++] = edge;
    if (hits[edge] < 255)
        hits[edge]++;
}

/* xorshift64*; below `limit`, or 0 when that is 0. */
static size_t chance(size_t limit) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return limit ? (size_t)((state * UINT64_C(0x2545f4914f6cdd1d)) >> 16) % limit : 0;
}

/* Whether the last run reached an edge, or reached it a number of times, that is new; resets the count. */
static int is_interesting(void) {
    int interesting = 0;
    for (size_t i = 0; i < touched_count; i++) {
        uint32_t edge = touched[i];
        uint8_t bit = (uint8_t)(1 << (31 - __builtin_clz(hits[edge])));
        interesting |= !(seen[edge] & bit);
        seen[edge] |= bit;
        hits[edge] = 0;
    }
    touched_count = 0;
    return interesting;
}

static void keep(const uint8_t *data, size_t size) {
    struct input *place = &corpus[inputs < INPUTS ? inputs++ : chance(INPUTS)];
    free(place->data);
    *place = (struct input){malloc(size + 1), size};
    if (size > 0)
        memcpy(place->data, data, size);
}

/* Run the target with a copy that ends where its memory ends, so that reading further is seen. */
static void run(uint8_t *crash, const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    uint32_t length = (uint32_t)size;
    if (size > 0)
        memcpy(copy, data, size);
    memcpy(crash, &length, sizeof length);
    memcpy(crash + sizeof length, copy, size);
    last = 0;
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    if (is_interesting())
        keep(data, size);
}

/* Make room for `more` bytes at `at`, as far as the limit allows; returns how many. */
static size_t open_gap(uint8_t *data, size_t *size, size_t at, size_t more) {
    if (more > LARGEST - *size)
        more = LARGEST - *size;
    memmove(data + at + more, data + at, *size - at);
    *size += more;
    return more;
}

static void mutate(uint8_t *data, size_t *size) {
    static const uint8_t bytes[] = {0, 1, '\n', ' ', '/', '-', 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff};
    static const uint32_t numbers[] = {0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
    static const char *const texts[] = {"18446744073709551615", "-9223372036854775808", "4294967296", "0", "..", "\0\0"};
    size_t at = chance(*size), length = 1 + chance(chance(4) ? 8 : 64);
    switch (chance(9)) {
    case 0:
        if (*size > 0)
            data[at] ^= (uint8_t)(1 << chance(8));
        break;
    case 1:
        if (*size > 0)
            data[at] = chance(2) ? bytes[chance(sizeof bytes)] : (uint8_t)chance(256);
        break;
    case 2: /* a number, big-endian */
        for (size_t i = 0, number = numbers[chance(11)], wide = (size_t)1 << chance(3); i < wide && at + i < *size; i++)
            data[at + i] = (uint8_t)(number >> 8 * (wide - 1 - i));
        break;
    case 3: /* less */
        length = length < *size - at ? length : *size - at;
        memmove(data + at, data + at + length, *size - at - length);
        *size -= length;
        break;
    case 4: /* random bytes */
        length = open_gap(data, size, at, length);
        for (size_t i = 0; i < length; i++)
            data[at + i] = (uint8_t)chance(256);
        break;
    case 5: { /* a piece of another input, or of this one */
        const struct input *other = &corpus[chance(inputs)];
        size_t from = chance(other->size);
        length = chance(other->size - from + 1);
        length = open_gap(data, size, at, length);
        memcpy(data + at, other->data + from, length);
        break;
    }
    case 6: { /* the same in place of what is there */
        const struct input *other = &corpus[chance(inputs)];
        size_t from = chance(other->size);
        for (length = chance(other->size - from + 1); length > 0 && at < *size; length--)
            data[at++] = other->data[from++];
        break;
    }
    case 7: { /* a number or name in text */
        const char *text = texts[chance(6)];
        length = open_gap(data, size, at, strlen(text) ? strlen(text) : 2);
        memcpy(data + at, text, length);
        break;
    }
    default: /* end early */
        *size = at;
    }
}

static void read_seed(uint8_t *crash, const char *path) {
    static uint8_t data[LARGEST];
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(2);
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    keep(data, size);
    run(crash, data, size);
}

int main(int count, char **words) {
    static uint8_t data[LARGEST];
    size_t runs = 0, size;
    int file = count > 2 ? open(words[2], O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;
    file = fcntl(file, F_DUPFD, 100); /* publish.c writes to descriptor 3 */
    if (file < 0 || ftruncate(file, LARGEST + 4) != 0) {
        fputs("usage: TARGET SECONDS CRASH SEED...\n", stderr);
        return 2;
    }
    close(3);
    uint8_t *crash = mmap(NULL, LARGEST + 4, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    clock_t end = clock() + (clock_t)(atof(words[1]) * CLOCKS_PER_SEC);
    time_t latest = time(NULL) + (time_t)(10 * atof(words[1]));
    keep((const uint8_t *)"", 0);
    alarm(HANG_SECONDS);
    for (int i = 3; i < count; i++)
        read_seed(crash, words[i]);
    for (; runs % 16 || (clock() < end && time(NULL) <= latest); runs++) {
        const struct input *base = &corpus[chance(inputs)];
        size = base->size;
        memcpy(data, base->data, size);
        for (size_t times = 1 + chance(4); times > 0; times--)
            mutate(data, &size);
        alarm(HANG_SECONDS);
        run(crash, data, size);
    }
    size_t edges = 0;
    for (size_t i = 0; i < EDGES; i++)
        edges += seen[i] != 0;
    printf("%zu runs, %zu inputs, %zu edges\n", runs, inputs, edges);
    unlink(words[2]);
    return 0;
}
