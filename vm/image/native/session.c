#include "session.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dial.h"
#include "stream.h"

#define FRAME_MAX (128 * 1024)    /* the longest DATA: a short message waits for no more than that */
#define WINDOW_MAX 0x7fffffff

static nghttp2_session *current;
static int epoll;

/* -- callbacks of nghttp2 ------------------------------------------------------------------------------------------ */

static struct stream *stream_of(int32_t id) {
    return nghttp2_session_get_stream_user_data(current, id);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    (void)user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct stream *s = stream_new(session, epoll, frame->hd.stream_id);
    if (s == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
                     const uint8_t *value, size_t length, uint8_t flags, void *user) {
    (void)session, (void)flags, (void)user;
    struct stream *s = stream_of(frame->hd.stream_id);
    if (s == NULL || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    const char *wanted[] = {":protocol", ":path", ":authority", "command"};
    char **places[] = {&s->protocol, &s->path, &s->authority, &s->command};
    for (size_t i = 0; i < 4; i++) {
        if (name_length != strlen(wanted[i]) || memcmp(name, wanted[i], name_length) != 0)
            continue;
        free(*places[i]);
        *places[i] = strndup((const char *)value, length);
        if (*places[i] == NULL)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    (void)session, (void)user;
    struct stream *s = stream_of(frame->hd.stream_id);
    if (s == NULL || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        stream_open(s);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        stream_input_ended(s);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t length,
                   void *user) {
    (void)flags, (void)user;
    struct stream *s = stream_of(id);
    nghttp2_session_consume_connection(session, length);
    if (s == NULL)
        return nghttp2_session_consume_stream(session, id, length);
    stream_input(s, data, length);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user) {
    (void)session, (void)user;
    struct stream *s = stream_of(id);
    if (s != NULL)
        stream_close(s, error != NGHTTP2_NO_ERROR);
    return 0;
}

static ssize_t frame_length(nghttp2_session *session, uint8_t type, int32_t id, int32_t all, int32_t stream,
                            uint32_t longest, void *user) {
    (void)session, (void)type, (void)id, (void)user;
    int32_t length = FRAME_MAX;
    length = all < length ? all : length;
    length = stream < length ? stream : length;
    return longest < (uint32_t)length ? (int32_t)longest : length;
}

/* -- for the agent ------------------------------------------------------------------------------------------------- */

static void no_memory(void) {
    fputs("agent: no memory\n", stderr);
    exit(1);
}

void session_begin(int watched_by) {
    epoll = watched_by;
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) || nghttp2_option_new(&option))
        no_memory();
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, frame_length);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    /* The host is trusted: it may end as many streams as it likes. */
    nghttp2_option_set_stream_reset_rate_limit(option, UINT64_C(1) << 40, UINT64_C(1) << 40);
    if (nghttp2_session_server_new2(&current, callbacks, NULL, option))
        no_memory();
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1 << 20},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, FRAME_MAX},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    };
    nghttp2_submit_settings(current, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings);
    nghttp2_session_set_local_window_size(current, NGHTTP2_FLAG_NONE, 0, WINDOW_MAX);
}

void session_end(void) {
    nghttp2_session *session = current;
    if (session != NULL) {
        streams_free_all();
        nghttp2_session_del(session);
    }
    current = NULL;
}

bool session_is_open(void) {
    return current != NULL;
}

static void fail(ssize_t problem) {
    fprintf(stderr, "agent: %s\n", nghttp2_strerror((int)problem));
    session_end();
}

bool session_take(const uint8_t *data, size_t length) {
    ssize_t taken = nghttp2_session_mem_recv(current, data, length);
    if (taken < 0)
        fail(taken);
    return taken >= 0;
}

ssize_t session_give(const uint8_t **bytes) {
    ssize_t length = nghttp2_session_mem_send(current, bytes);
    if (length < 0)
        fail(length);
    return length < 0 ? -1 : length;
}
