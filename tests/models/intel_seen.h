/* intel_seen.h - what a receiver of Intel's sees in a frame: packet type, checksums, RSS hash.
 * 82576 DS 7.1.1.7 (hash), 7.1.5.2 (types), 7.1.11 (checksums); Linux ixgbe and DPDK agree that the
 * 82599 differs only in where errors lie. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* As in an advanced descriptor, shifted down to bit 0. */
unsigned intel_seen_type(const uint8_t *frame, uint32_t length);
/* Status and error bits of an advanced descriptor of the 82576. */
uint32_t intel_seen_checksums(const uint8_t *frame, uint32_t length, bool ip, bool l4);
/* The RSS hash with this key; *type as in the descriptor, 0: none. */
uint32_t intel_seen_hash(const uint8_t key[40], uint32_t mrqc, const uint8_t *frame,
                         uint32_t length, unsigned *type);
