/* station.c - see station.h. */
#include "apps/bridge/station.h"

#include "apps/bridge/fdb.h"
#include "apps/bridge/member.h"
#include "apps/forward/job.h"
#include "kernel/log.h"
#include "kernel/time.h"

#include <inttypes.h>

#define TELL_US (60 * US_PER_S) /* of one bridge no oftener */

/* True, once in a while. */
static bool is_to_be_told(struct bridge *bridge)
{
    uint64_t now = time_us();
    if (bridge->loop.told_us && now < bridge->loop.told_us + TELL_US)
        return false;
    bridge->loop.told_us = now;
    return true;
}

static void own_came_back(struct bridge *bridge, uint16_t port)
{
    bridge->loop.own++;
    bridge->loop.back = port;
    if (is_to_be_told(bridge))
        log_warning("bridge %s: a frame of its own came back by port %u: a loop in the wiring, or "
                    "another has its MAC",
                    bridge->interface->name, port);
}

static bool is_within_limit(struct member *member, uint16_t port)
{
    if (!member->limit || fdb_learned_on(port) < member->limit)
        return true;
    if (!member->refused++)
        log_warning("port %u: %" PRIu32 " stations are learned, as many as it may have; frames to "
                    "others are flooded",
                    port, member->limit);
    return false;
}

void station_learn(uint16_t port, uint64_t key)
{
    struct member *member = member_of(port);
    struct bridge *bridge = member->bridge;
    uint16_t before;
    if ((key & MAC_WORD) == bridge->interface->mac_word) {
        own_came_back(bridge, port);
        return;
    }
    fdb_lookup(key, fdb_prefetch(key), &before);
    if (before != port && !is_within_limit(member, port))
        return;
    if (before != PORT_NONE && before != port) {
        bridge->loop.moves++;
        bridge->loop.from = before;
        bridge->loop.to = port;
    }
    fdb_learn(key, port);
}

static void look_for_loop(struct bridge *bridge)
{
    struct loop_signs *loop = &bridge->loop;
    uint64_t moves = loop->moves - loop->moves_before;
    loop->moves_before = loop->moves;
    if (moves >= LOOP_MOVES && is_to_be_told(bridge))
        log_warning("bridge %s: %" PRIu64
                    " times in a second a station moved, last from port %u to "
                    "port %u: a loop in the wiring?",
                    bridge->interface->name, moves, loop->from, loop->to);
}

static void look_for_loops(struct worker *control, uint64_t now_us)
{
    for (unsigned i = 0; i < interface_limit(); i++) {
        const struct interface *interface = interface_get(i);
        if (interface && interface->kind == INTERFACE_BRIDGE && interface->bridge)
            look_for_loop(interface->bridge);
    }
}

CONTROL_JOB(loop_job) = { .every_us = US_PER_S, .run = look_for_loops };
