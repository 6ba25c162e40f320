/* spread.h - when a port has too few receive queues for the workers there are.
 *
 * Workers without a queue take part in what the others receive, by flow (flow_part.h): who polls
 * passes their frames on.  That costs a frame a look at its header, a ring and a worker that has
 * to be awake: more than plain forwarding does.  So by itself (SPREAD_AUTO) it begins when a
 * worker that polls is busy for most of its time and spends a multiple of that on each frame,
 * and ends when all are idle for most of theirs.
 * Each time the queues stand still for a moment, until what was on its way is out: frames of a
 * flow stay in order. */
#pragma once

#include <stdbool.h>

enum spread { SPREAD_AUTO, SPREAD_ON, SPREAD_OFF };

/* 0 or -ENOMEM: nothing is spread then. */
int spread_set(enum spread spread);
enum spread spread_get(void);
