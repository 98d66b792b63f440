/* One stream of the link: what agent.c (the port, HTTP/2) knows of stream.c (sockets and programs of the guest). */
#pragma once

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WINDOW (256 * 1024)        /* bytes the host may send a stream before they are taken */
#define WIDE_WINDOW (1024 * 1024)  /* the same for a stream that has shown that it takes much */

struct stream {
    struct stream *next, **place;  /* the list of all */
    nghttp2_session *session;
    int32_t id;
    int epoll, fd;                 /* fd: -1 until it is opened */
    pid_t child;                   /* the command's process group; 0: none */
    bool datagrams;                /* the socket is UDP's, the stream capsules (datagrams.c) */
    bool connecting, ended;        /* ended: the host sends no more */
    bool accepting, announce;      /* nobody has connected; somebody has, and the host is to be told */
    bool deaf;                     /* the other end takes no more */
    bool finished;                 /* our END_STREAM is on its way */
    bool shut;                     /* the half-close was passed on */
    bool waiting;                  /* nghttp2 waits for bytes of ours */
    uint64_t taken;                /* bytes passed on from the host */
    uint8_t *pending;              /* bytes of the host's that the socket has not taken yet */
    size_t begin, end, room;
    char *protocol, *path, *authority, *command;
};

struct stream *stream_new(nghttp2_session *session, int epoll, int32_t id);
void stream_open(struct stream *s);
void stream_input(struct stream *s, const uint8_t *data, size_t length);
void stream_input_ended(struct stream *s);
void stream_ready(struct stream *s, uint32_t events);
void stream_free(struct stream *s, bool broken);
void stream_child_ended(pid_t pid);
void streams_free_all(void);

/* A listening Unix socket, which is made when it is asked for first; -1: it cannot be had, as errno says. */
int listener(const char *path);

ssize_t datagrams_send(int fd, const uint8_t *data, size_t length);
size_t datagrams_receive(int fd, uint8_t *buffer, size_t room);
