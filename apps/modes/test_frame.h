/* test_frame.h - frames that the appliance makes to have something to send. */
#pragma once

#include "nic/packet.h"
#include "nic/port.h"

#include <stdint.h>

/* The station that is taken to be behind a port when nobody said which:
 * 02:00:00:00:00:PORT, as testpmd and l2fwd have it. */
void test_frame_peer_mac(const struct port *port, uint8_t mac[MAC_LEN]);
/* The shortest frame that Ethernet allows: UDP to the discard port of that station. */
void test_frame_build(const struct port *out, struct packet *packet);
