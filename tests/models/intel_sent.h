/* intel_sent.h - what a transmitter of Intel's does to a frame: checksums, and cutting one into
 * several.  Linux's and DPDK's drivers agree that the 82599 and the XL710 do it alike; only how it
 * is asked for differs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define INTEL_SENT_PIECE 16384u

struct intel_sent {
    uint32_t mac, ip, l4; /* bytes of each header */
    uint32_t mss;         /* bytes of payload in one piece */
    bool ip4, tcp;
    bool ip_sum, l4_sum; /* to be inserted: where the driver has put the pseudo header's sum */
};

/* NULL, or what is wrong with what was asked for. */
const char *intel_sent_sums(const struct intel_sent *s, uint8_t *bytes, uint32_t length);
/* Each piece goes to emit(), without its checksums. */
const char *intel_sent_cut(const struct intel_sent *s, const uint8_t *bytes, uint32_t length,
                           void (*emit)(void *to, const uint8_t *bytes, uint32_t length), void *to);
