/* Any arguments, each ended by a NUL byte, and any answer of the host's: the last of them. */
#define main publish_main
#include "../../../../../../vm/image/native/publish.c"
#undef main

#include <setjmp.h>

#include "check.h"

static jmp_buf refused_arguments;

_Noreturn void __wrap_exit(int code);

_Noreturn void __wrap_exit(int code) {
    longjmp(refused_arguments, code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *arguments[64];
    static char text[4096], answer[512], line[LINE_SIZE];
    static int report = -1;
    int count = 0;
    if (report < 0) {
        int nothing = open("/dev/null", O_WRONLY);
        report = dup2(nothing, REPORT);
    }
    size = size < sizeof text ? size : sizeof text - 1;
    memcpy(text, data, size);
    text[size] = 0;
    for (char *word = text; word < text + size && count < 64; word += strlen(word) + 1)
        arguments[count++] = word;
    if (count > 0) {
        ssize_t got = (ssize_t)strnlen(arguments[count - 1], sizeof answer - 1);
        memcpy(answer, arguments[count - 1], (size_t)got);
        if (is_refusal(answer, got))
            CHECK(*answer && !strchr(answer, '\n') && strcmp(answer, "ok") != 0);
    }
    memset(&asked, 0, sizeof asked);
    if (setjmp(refused_arguments) == 0) {
        read_arguments(count, arguments);
        write_request(line);
        CHECK(!strchr(line, '\n'));
    }
    return 0;
}
