/* A query, or an answer to one, of any bytes. The first byte says how many addresses its name has. */
#include "dns_message.h"

#include <string.h>

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t addresses[256 * 4];
    uint8_t answer[LARGEST_REPLY];
    char name[256], again[256];
    if (size < 1 + HEADER)
        return 0;
    const uint8_t *message = data + 1;
    size_t length = size - 1, question = read_question(message, length, name);
    CHECK(make_code(answer, message, 0, FORMERR) == HEADER && is_response(answer));
    if (question == 0)
        return 0;
    CHECK(question <= length && strlen(name) < 255);
    CHECK(same_question(message, question, message, length));
    CHECK(udp_room(message, length, question) >= 512);
    CHECK(opcode(message) < 16 && question_type(message, question) < 65536);
    CHECK(make_code(answer, message, question, SERVFAIL) == question);
    CHECK(read_question(answer, question, again) == question && strcmp(name, again) == 0);
    size_t made = make_addresses(answer, message, question, addresses, data[0]);
    CHECK(made <= sizeof answer && made == question + 16 * (size_t)get16(answer + 6));
    CHECK(same_question(message, question, answer, made));
    CHECK(truncate_answer(answer, question) == question);
    return 0;
}
