#include "sftp_answers.h"

#include <errno.h>
#include <string.h>

#define VERSION 2
#define STATUS 101

#define HEAD 5 /* length and type */
#define TAG "x-errno-"
#define LARGEST_ERRNO 133

struct bytes {
    const uint8_t *at;
    size_t size;
};

static uint32_t number_at(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Take a string (RFC 4251, section 5) from the start of `rest`. */
static bool take_string(struct bytes *rest, struct bytes *string) {
    if (rest->size < 4)
        return false;
    uint32_t size = number_at(rest->at);
    if (size > rest->size - 4)
        return false;
    *string = (struct bytes){rest->at + 4, size};
    *rest = (struct bytes){rest->at + 4 + size, rest->size - 4 - size};
    return true;
}

/* The errno in a language tag; 0: there is none. */
static int tagged_errno(struct bytes tag) {
    const size_t prefix = strlen(TAG);
    int error = 0;
    if (tag.size <= prefix || tag.size > prefix + 3 || memcmp(tag.at, TAG, prefix) != 0)
        return 0;
    for (size_t i = prefix; i < tag.size; i++) {
        if (tag.at[i] < '0' || tag.at[i] > '9')
            return 0;
        error = error * 10 + (tag.at[i] - '0');
    }
    return error <= LARGEST_ERRNO && error != ENOSYS ? error : 0; /* after ENOSYS the kernel would never ask again */
}

static void look_at_status(struct bytes body, refused *found) {
    struct bytes message, tag;
    if (body.size < 8)
        return;
    struct bytes rest = {body.at + 8, body.size - 8};
    int error = take_string(&rest, &message) && take_string(&rest, &tag) ? tagged_errno(tag) : 0;
    if (error > 0)
        found(number_at(body.at), error);
}

/* Whether VERSION, without its head, names this extension. */
static bool offers(struct bytes body, const char *extension) {
    struct bytes name, value;
    if (body.size < 4)
        return false;
    struct bytes rest = {body.at + 4, body.size - 4};
    while (take_string(&rest, &name) && take_string(&rest, &value))
        if (name.size == strlen(extension) && memcmp(name.at, extension, name.size) == 0)
            return true;
    return false;
}

/* The length of the answer that begins in `data`, without its own four bytes. */
static uint32_t length_of(const struct answers *answers) {
    return number_at(answers->data);
}

static bool is_looked_into(const struct answers *answers) {
    uint8_t type = answers->data[4];
    return (type == STATUS || type == VERSION) && length_of(answers) + 4 <= LONGEST_ANSWER;
}

/* The head is complete, and maybe the rest. */
static void look(struct answers *answers, refused *found) {
    uint32_t length = length_of(answers);
    if (length < 1 || length > UINT32_MAX - 4) {
        answers->broken = true;
    } else if (!is_looked_into(answers)) {
        answers->skip = length - 1;
        answers->have = 0;
    } else if (answers->have == length + 4) {
        struct bytes body = {answers->data + HEAD, length - 1};
        if (answers->data[4] == STATUS) {
            look_at_status(body, found);
        } else {
            answers->inodes = offers(body, INODES);
            answers->no_modes = offers(body, NO_MODES);
        }
        answers->have = 0;
    }
}

void answers_take(struct answers *answers, const void *data, size_t size, refused *found) {
    const uint8_t *at = data;
    while (size > 0 && !answers->broken) {
        size_t part;
        if (answers->skip > 0) {
            part = size < answers->skip ? size : answers->skip;
            answers->skip -= (uint32_t)part;
        } else {
            size_t whole = answers->have < HEAD ? HEAD : length_of(answers) + 4;
            part = whole - answers->have < size ? whole - answers->have : size;
            memcpy(answers->data + answers->have, at, part);
            answers->have += part;
            if (answers->have >= HEAD)
                look(answers, found);
        }
        at += part;
        size -= part;
    }
}
