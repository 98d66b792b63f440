#include "sftp_requests.h"

#include <dlfcn.h>
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sftp_answers.h"

#define EXPORTED __attribute__((visibility("default")))

#define HEAD 9 /* length, type, number */
#define WRITE 6

/* The latest requests. sshfs numbers them one after the other; a refusal that comes so late that the place is taken
 * keeps the error that sshfs makes of it. */
#define REQUESTS 4096

struct request {
    uint32_t number;
    int error;
    uint64_t operation, file;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct request requests[REQUESTS];
static unsigned refused_data; /* requests with an error and a file */

static uint64_t operations;
static __thread uint64_t operation, operation_file;

static int connection = -1; /* sshfs's, since it has sent INIT */
static struct answers answers;
static bool inodes, no_modes;

/* -- what sshfs sends ---------------------------------------------------------------------------------------------- */

static const uint8_t init[HEAD] = {0, 0, 0, 5, 1, 0, 0, 0, 3};

static bool is_init(const struct iovec *parts, int count) {
    return count == 1 && parts->iov_len == HEAD && memcmp(parts->iov_base, init, HEAD) == 0;
}

/* A request as sshfs makes it: the head by itself, and all at once. */
static bool is_request(const struct iovec *parts, int count) {
    size_t size = 0;
    uint32_t length;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    if (count < 1 || parts->iov_len != HEAD)
        return false;
    memcpy(&length, parts->iov_base, sizeof length);
    return size == (size_t)be32toh(length) + sizeof length;
}

static void settle(struct request *request) {
    if (request->error && request->file)
        __atomic_sub_fetch(&refused_data, 1, __ATOMIC_RELAXED);
    request->error = 0;
}

static void note_request(const uint8_t *head) {
    uint32_t number;
    memcpy(&number, head + 5, sizeof number);
    number = be32toh(number);
    pthread_mutex_lock(&lock);
    struct request *request = &requests[number % REQUESTS];
    settle(request);
    *request = (struct request){number, 0, operation, head[4] == WRITE ? operation_file : 0};
    pthread_mutex_unlock(&lock);
}

typedef ssize_t call_writev(int, const struct iovec *, int);

/* INIT, with the extension that asks for inode numbers. */
static ssize_t send_init(call_writev *next, int to) {
    static const uint8_t extension[] = "\0\0\0\16" INODES "\0\0\0\1"
                                       "1";
    uint8_t packet[HEAD + sizeof extension - 1];
    _Static_assert(sizeof INODES - 1 == 14 && sizeof packet - 4 < 256, "the lengths in here");
    memcpy(packet, init, HEAD);
    memcpy(packet + HEAD, extension, sizeof extension - 1);
    packet[3] = sizeof packet - 4;
    for (size_t sent = 0; sent < sizeof packet;) {
        ssize_t done = next(to, &(struct iovec){packet + sent, sizeof packet - sent}, 1);
        if (done < 0)
            return done;
        sent += (size_t)done;
    }
    return HEAD;
}

EXPORTED ssize_t writev(int to, const struct iovec *parts, int count) {
    static call_writev *next;
    if (!next)
        next = (call_writev *)dlsym(RTLD_NEXT, "writev");
    if (is_init(parts, count)) {
        answers = (struct answers){0};
        __atomic_store_n(&inodes, false, __ATOMIC_RELAXED);
        __atomic_store_n(&no_modes, false, __ATOMIC_RELAXED);
        __atomic_store_n(&connection, to, __ATOMIC_RELEASE);
        return send_init(next, to);
    }
    if (to == __atomic_load_n(&connection, __ATOMIC_ACQUIRE) && is_request(parts, count))
        note_request(parts->iov_base);
    return next(to, parts, count);
}

/* -- what the server answers --------------------------------------------------------------------------------------- */

static void note_refusal(uint32_t number, int error) {
    pthread_mutex_lock(&lock);
    struct request *request = &requests[number % REQUESTS];
    if (request->number == number && request->error == 0) {
        request->error = error;
        if (request->file)
            __atomic_add_fetch(&refused_data, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&lock);
}

typedef ssize_t call_read(int, void *, size_t);

EXPORTED ssize_t read(int from, void *data, size_t size) {
    static call_read *next;
    if (!next)
        next = (call_read *)dlsym(RTLD_NEXT, "read");
    ssize_t got = next(from, data, size);
    if (got > 0 && from == __atomic_load_n(&connection, __ATOMIC_ACQUIRE)) {
        answers_take(&answers, data, (size_t)got, note_refusal);
        __atomic_store_n(&inodes, answers.inodes, __ATOMIC_RELAXED);
        __atomic_store_n(&no_modes, answers.no_modes, __ATOMIC_RELAXED);
    }
    return got;
}

bool has_inodes(void) {
    return __atomic_load_n(&inodes, __ATOMIC_RELAXED);
}

bool has_no_modes(void) {
    return __atomic_load_n(&no_modes, __ATOMIC_RELAXED);
}

/* -- operations ---------------------------------------------------------------------------------------------------- */

void operation_begin(uint64_t file) {
    operation = __atomic_add_fetch(&operations, 1, __ATOMIC_RELAXED);
    operation_file = file;
}

/* The earlier of two refusals; numbers wrap around. */
static const struct request *earlier(const struct request *one, const struct request *other) {
    return one && (int32_t)(one->number - other->number) < 0 ? one : other;
}

static bool is_own(const struct request *request, uint64_t file) {
    (void)file;
    return request->operation == operation;
}

static bool is_data(const struct request *request, uint64_t file) {
    return file && request->file == file;
}

/* The errno of the first refusal among these requests, or 0; they are settled. */
static int take_error(bool (*is_meant)(const struct request *, uint64_t), uint64_t file) {
    const struct request *first = NULL;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < REQUESTS; i++)
        if (requests[i].error && is_meant(&requests[i], file))
            first = earlier(first, &requests[i]);
    int error = first ? first->error : 0;
    for (int i = 0; first && i < REQUESTS; i++)
        if (is_meant(&requests[i], file))
            settle(&requests[i]);
    pthread_mutex_unlock(&lock);
    return error;
}

int operation_result(int result, uint64_t file) {
    if (result >= 0 || result == -ENOENT) /* which SFTP has */
        return result;
    int error = take_error(is_own, file);
    if (!error)
        error = take_error(is_data, file);
    return error ? -error : result;
}

void file_closed(uint64_t file) {
    if (__atomic_load_n(&refused_data, __ATOMIC_RELAXED) > 0)
        take_error(is_data, file);
}
