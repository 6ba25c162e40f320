/* harness.h - what the fuzzers share: the input's bytes, rules that hold for every frame, and an
 * end that leaves nothing for the next input to find.
 *
 * The same input gives the same run, whatever ran before it.  So each input takes what it needs
 * anew, or gives back all that it took, and says so with must(); what takes long to make lives
 * through all inputs and is as new at the end of each. */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size; /* that are left */
};

/* The next n bytes, little-endian; those that are not there are 0. */
uint64_t take_value(struct input *in, size_t n);

void must(bool holds);
/* What the input made the program say or send.  With FUZZ_TWICE in the environment each input runs
 * behind another one and behind itself, and both have to go the same way: by their outcomes where
 * there are any, else edge by edge. */
void outcome(const void *bytes, size_t n);
/* Runs a command; whether it is refused does not matter.  What a line means is found once: the
 * grammar is other fuzzers', and took longer than what the lines do. */
void say(const char *line);
/* A frame that a driver handed up keeps the rules of nic/packet.h and nic/port.h. */
void check_frame(const struct port *port, const struct packet *first);
/* No port and no page is left; registry, PCI tree and machine are empty. */
void harness_end(void);
