/* provision.h - what packets and ports need of the memory, before tables take the rest. */
#pragma once

#include <stdint.h>

struct memory_stats;

/* How many packets there are to be: a share of the memory, but enough for full rings and the frames
 * between them, or else a receive ring takes the last packets and nothing can be copied for a flood
 * any more.  Where there is no memory for long rings, it makes them shorter. */
uint32_t provision_packets(const struct memory_stats *memory);
/* Bytes that ports still take with their queues, those that VFs will be included, and what commands
 * and consoles need beside them; `packets` as above. */
uint64_t provision_ports(uint32_t packets);
