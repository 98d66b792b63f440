/* Any bytes of the server's, in pieces: the first byte says how long they are. The result does not depend on them. */
#include "sftp_answers.h"

#include <string.h>

#include "check.h"

#define ENOSYS 38

static uint64_t seen;

static void found(uint32_t request, int error) {
    CHECK(error >= 1 && error <= 133 && error != ENOSYS);
    seen = seen * 31 + request * 7 + (uint64_t)error;
}

static uint64_t take(const uint8_t *data, size_t size, size_t piece, struct answers *answers) {
    memset(answers, 0, sizeof *answers);
    seen = 0;
    for (size_t at = 0; at < size; at += piece) {
        answers_take(answers, data + at, piece < size - at ? piece : size - at, found);
        CHECK(answers->have < sizeof answers->data && (answers->skip == 0 || answers->have == 0));
    }
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct answers one, other;
    if (size < 2)
        return 0;
    uint64_t whole = take(data + 1, size - 1, size, &one);
    CHECK(whole == take(data + 1, size - 1, 1 + data[0], &other));
    CHECK(one.have == other.have && one.skip == other.skip && one.broken == other.broken);
    CHECK(one.inodes == other.inodes);
    return 0;
}
