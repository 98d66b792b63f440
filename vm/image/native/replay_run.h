/* What the parts of the replay program share. */
#pragma once

#include "replay_state.h"
#include "times.h"

/* The memory shared with the file systems. */
extern struct replay *replay;

/* No event takes longer than this, in ns, from the change to here, unless very much happens at once. */
#define LONGEST_WAY (10 * SECOND)
