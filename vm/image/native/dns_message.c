#include "dns_message.h"

#include <string.h>

#define TTL 5

uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

void put16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

bool is_response(const uint8_t *message) {
    return message[2] & 0x80;
}

unsigned opcode(const uint8_t *message) {
    return message[2] >> 3 & 0x0f;
}

size_t read_question(const uint8_t *message, size_t size, char name[256]) {
    size_t at = HEADER, length = 0;
    if (size < HEADER || get16(message + 4) != 1)
        return 0;
    while (at < size && message[at] != 0) {
        size_t label = message[at++];
        if (label > 63 || at + label > size || length + label + 1 > 254)
            return 0;
        for (size_t i = 0; i < label; i++) {
            uint8_t c = message[at + i];
            /* a dot or NUL within a label would make it look like another name */
            name[length++] = c == '.' || c == 0 ? '\1' : (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        name[length++] = '.';
        at += label;
    }
    if (at + 5 > size)
        return 0;
    name[length ? length - 1 : 0] = 0;
    return at + 5;
}

bool same_question(const uint8_t *query, size_t question, const uint8_t *message, size_t size) {
    char asked[256], answered[256];
    return read_question(message, size, answered) == question && read_question(query, question, asked) == question &&
           strcmp(asked, answered) == 0 && memcmp(query + question - 4, message + question - 4, 4) == 0;
}

unsigned question_type(const uint8_t *message, size_t question) {
    return get16(message + question - 4);
}

uint16_t udp_room(const uint8_t *message, size_t size, size_t question) {
    bool plain = get16(message + 6) == 0 && get16(message + 8) == 0 && get16(message + 10) > 0;
    if (!plain || question + 11 > size || message[question] != 0 || get16(message + question + 1) != 41)
        return 512;
    uint16_t room = get16(message + question + 3);
    return room < 512 ? 512 : room > LARGEST_QUERY ? LARGEST_QUERY : room;
}

size_t make_code(uint8_t answer[LARGEST_REPLY], const uint8_t *query, size_t question, enum code code) {
    size_t size = question ? question : HEADER;
    memcpy(answer, query, size);
    answer[2] = (uint8_t)(0x80 | (query[2] & 0x79)); /* QR; the opcode and RD as asked */
    answer[3] = (uint8_t)(0x80 | code);              /* RA */
    memset(answer + 4, 0, 8);
    answer[5] = question != 0;
    return size;
}

size_t make_addresses(uint8_t answer[LARGEST_REPLY], const uint8_t *query, size_t question, const uint8_t *addresses,
                      size_t count) {
    static const uint8_t head[] = {0xc0, HEADER, 0, TYPE_A, 0, 1, 0, 0, 0, TTL, 0, 4};
    size_t size = make_code(answer, query, question, NOERROR), written = 0;
    answer[2] = (uint8_t)(0x84 | (query[2] & 0x01)); /* QR, AA; RD as asked */
    for (; written < count && size + sizeof head + 4 <= LARGEST_REPLY; written++) {
        memcpy(answer + size, head, sizeof head);
        memcpy(answer + size + sizeof head, addresses + 4 * written, 4);
        size += sizeof head + 4;
    }
    put16(answer + 6, (unsigned)written);
    return size;
}

size_t truncate_answer(uint8_t *answer, size_t question) {
    answer[2] |= 0x02; /* TC */
    memset(answer + 6, 0, 6);
    return question;
}
