/* station.h - learning as the control task does it: what workers saw, within a port's limit, and
 * what looks like a loop in the wiring.
 *
 * A loop shows itself in two ways: a frame from the bridge's own address comes in, or stations
 * move to and fro between ports faster than people carry them. */
#pragma once

#include <stdint.h>

#define LOOP_MOVES 64u /* moves of stations in a second that are told */

/* A station was seen on a member's port; key as fdb_key(). */
void station_learn(uint16_t port, uint64_t key);
