/* traffic.h - what the parts of the traffic tool share: its options, and how it ends. */
#pragma once

#include "wire.h"

#include <signal.h>

#define TURN 64u /* frames per direction and turn of the loop */

enum mode { MODE_IO, MODE_L2, MODE_MAC, MODE_MACSWAP, MODE_L3, MODES };
extern const char *const mode_names[MODES];

#define SIZES_MAX 32u
#define HOSTS_MAX 64u

struct options {
    enum mode mode;
    uint64_t frames;  /* blast, flood: per direction */
    uint64_t window;  /* blast: frames under way per direction */
    uint64_t rate;    /* frames a second, 0: as fast as it goes */
    uint64_t seconds; /* blast, flood: gives up after */
    uint64_t flows;
    uint64_t hosts; /* lan: per side */
    bool one_way;
    bool deaf; /* flood: takes nothing off the wires before all is sent */
    unsigned size_count;
    uint16_t sizes[SIZES_MAX]; /* frame lengths without FCS, in turn */
    struct wire wires[2];
};
extern struct options options;

extern volatile sig_atomic_t stopped; /* by a signal */

void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn)); /* status 2 */
uint64_t now_ns(void);

/* Their exit status. */
int run_lan(struct wire wires[2]);
int run_blast(struct wire wires[2], bool flood);
