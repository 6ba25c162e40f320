/* storm.h - limits on what comes in by a member for many: frames a second of each kind.
 *
 * A bucket for each kind holds a tenth of a second's frames, one at least.  Workers take out, the
 * control task fills up. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define STORM_MAX 100000000u /* frames a second */

struct member;

enum storm_kind { STORM_BROADCAST, STORM_MULTICAST, STORM_UNKNOWN, STORM_KINDS };
extern const char *const storm_names[STORM_KINDS];

struct storm {
    uint32_t limit[STORM_KINDS]; /* frames a second; 0: none */
    int32_t left[STORM_KINDS];
    uint64_t rest[STORM_KINDS]; /* of a frame, in millionths */
};

/* Workers: whether one more of that kind may pass. */
bool storm_take(struct storm *storm, enum storm_kind kind);

/* Control task: 0 or -ENOMEM. */
int storm_set(struct member *member, enum storm_kind kind, uint32_t limit);
void storm_forget(struct member *member); /* workers do not find the member any more */
