/* router.h - what the router's fuzzers share: one router for all inputs, since making one takes
 * longer than an input; the list of steps that an input is; and an end that leaves the router as it
 * was.
 *
 * A step is a byte that says what, then what it needs.  Most frames are made plausible (our MAC,
 * lengths that fit, right checksums), so that the fuzzer gets behind the first checks. */
#pragma once

#include "tests/fuzz/harness.h"
#include "tests/models/bench.h"

#define STEP_WIRE 0x03u
#define STEP_TO_US 0x04u   /* destination MAC is the router's, or the group's */
#define STEP_SEALED 0x08u  /* header made to fit the frame, checksums right */
#define STEP_TIME 0x10u    /* no frame: time passes */
#define STEP_CHAIN 0x20u   /* in segments of 128 octets */
#define STEP_KNOWN 0x40u   /* a byte chooses addresses that mean something */
#define STEP_MESSAGE 0x80u /* no frame but ARP or neighbor discovery between those */
#define STEP_SAY (STEP_TIME | STEP_MESSAGE) /* no frame: a command */

/* What may be said meanwhile; whether it is refused does not matter. */
struct router_command {
    const char *line;
    unsigned changes; /* settings, a bit each */
};

struct router_fuzzer {
    void (*begin)(void); /* the router */
    /* From a station of the wire. */
    void (*make_message)(struct frame *f, unsigned wire, struct input *in);
    /* Of any octets one as `what` says; `which`: addresses, for STEP_KNOWN. */
    void (*make_frame)(struct frame *f, unsigned wire, unsigned what, unsigned which);
    void (*forget)(void); /* whom it knows */
    unsigned ticks;       /* of 10 ms, in which every timer goes off */
    const struct router_command *commands; /* first those by which each input finds the router */
    unsigned command_count, undo_count;
};

void router_run(const struct router_fuzzer *r, const uint8_t *data, size_t size);
