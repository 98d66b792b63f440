/* Opening what a request of the host names. */
#pragma once

#include "stream.h"

/* Open the stream's request; the answer may come later, when a connection is made. */
void stream_open(struct stream *s);
