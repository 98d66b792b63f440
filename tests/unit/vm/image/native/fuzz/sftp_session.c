/* Any order of calls and any bytes of the host's. Each step is a byte with the call in its upper two bits; the others
 * are the number of the following bytes that the call takes. */
#include "sftp_session.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

static struct session session;

static void finish(int pair[2]) {
    free(session.unconfirmed.data);
    free(session.incoming.data);
    free(session.partial.data);
    close(pair[0]);
    close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int pair[2], small = 1;
    char drained[64];
    uint64_t sent = 0;
    session = (struct session){.number = 7};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    session_connect(&session);
    for (size_t at = 0; at < size;) {
        unsigned call = data[at] >> 6;
        size_t length = data[at++] & 0x3f;
        length = length < size - at ? length : size - at;
        if (call == 0) {
            if (session_receive(&session, (const char *)data + at, length) != GOOD)
                session_connect(&session);
        } else if (call == 1) {
            for (int times = 0; times < 20; times++, sent += length)
                session_send(&session, data + at, length);
        } else if (call == 2 && session_has_output(&session)) {
            CHECK(session_write(&session, pair[0]));
            for (size_t times = 0; times < length && read(pair[1], drained, sizeof drained) > 0; times++)
                continue;
        } else if (call == 3) {
            session_connect(&session);
        }
        at += length;
        CHECK(session.confirmed + session.unconfirmed.size == sent && session.ever_sent <= sent);
        CHECK(session.sent <= session.unconfirmed.size && session.received == session.incoming.size);
    }
    finish(pair);
    return 0;
}
