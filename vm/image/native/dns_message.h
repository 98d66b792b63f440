/* DNS messages (RFC 1035), as far as the proxy has to read and write them. All functions take untrusted bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEADER 12
#define LARGEST 65535
#define LARGEST_QUERY 4096

/* Room for a header, a question and an answer with the largest number of addresses. */
#define LARGEST_REPLY (HEADER + 256 + 4 + 16 * 16)

#define TYPE_A 1
#define TYPE_ANY 255

enum code { NOERROR = 0, FORMERR = 1, SERVFAIL = 2, NOTIMP = 4 };

uint16_t get16(const uint8_t *at);
void put16(uint8_t *at, unsigned value);

bool is_response(const uint8_t *message);

/* The operation; 0 is a plain query. */
unsigned opcode(const uint8_t *message);

/* Where the question ends, and its name in lower case; 0: there is no question, or more than one. */
size_t read_question(const uint8_t *message, size_t size, char name[256]);

/* Whether two messages have the same question; `question` is where that of the first ends. */
bool same_question(const uint8_t *query, size_t question, const uint8_t *message, size_t size);

/* The type that a question asks for. */
unsigned question_type(const uint8_t *message, size_t question);

/* The largest answer by UDP that the sender of this query takes: 512 bytes, or what its OPT record says (RFC 6891). */
uint16_t udp_room(const uint8_t *message, size_t size, size_t question);

/* Write an answer that has only a header and the question; `question` is 0 without one. Returns its size. */
size_t make_code(uint8_t answer[LARGEST_REPLY], const uint8_t *query, size_t question, enum code code);

/* Write an answer with these addresses, each of four bytes; those that do not fit are left out. Returns its size. */
size_t make_addresses(uint8_t answer[LARGEST_REPLY], const uint8_t *query, size_t question, const uint8_t *addresses,
                      size_t count);

/* Shorten an answer to its question and mark it as truncated: the client asks again by TCP. Returns its size. */
size_t truncate_answer(uint8_t *answer, size_t question);
