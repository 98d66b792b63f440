/* Unix sockets that the agent listens on for the host.
 *
 * Each is created once and kept by a process of its own (keep.c): containers have mounted it and could not connect to
 * another one in its place. An agent that is started again gets it back from there. */
#pragma once

/* The listening socket at a path, created at the first call; -1 with errno. */
int listener(const char *path);
