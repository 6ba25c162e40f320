/* test_frame.h - frames that the appliance makes to have something to send. */
#pragma once

#include "nic/packet.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* The station that is taken to be behind a port: `set eth-peer`, else 02:00:00:00:00:PORT, as
 * testpmd and l2fwd have it; as mac_load() gives it. */
uint64_t test_frame_peer(const struct port *port);

/* Who a test frame is from and for: UDP without a checksum. */
struct test_flow {
    uint32_t source, destination; /* IPv4 addresses */
    uint16_t source_port, destination_port;
};
extern const struct test_flow test_flow_first; /* txonly's: to the discard port */

/* n fresh packets, with segments as `set txpkts` says; false: none. */
bool test_frames_alloc(struct packet_cache *cache, struct packet **packets, uint16_t n);
/* Fills in the headers of one. */
void test_frame_build(const struct port *out, struct packet *packet, const struct test_flow *flow);

/* How many of `most` frames a port may be sent now by the rate that was set; the worker of its
 * first queue alone sends them, others send none then. */
uint16_t test_frames_due(struct port *out, unsigned queue, uint16_t most);
