/* conformance.h - the rules of nic/port.h and nic/packet.h, asked of any port.
 *
 * One suite, unchanged over every port: a subject makes a port over whatever
 * carries its frames (a model of the device, the other end of a ring) and plays
 * the wire.  Frames on the wire have no FCS.  Nothing moves by itself: what a
 * port sends stays in its transmit queue until the subject takes it. */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* Unicast and group addresses are filtered as port_set_rx_mode() says. */
#define CONFORMANCE_FILTERS 1u
/* Short frames arrive padded to 60 bytes (IEEE 802.3 4.2.8). */
#define CONFORMANCE_PADS 2u
/* The device drops a frame that is longer than its buffers and tells nobody:
 * inject() is false for it. */
#define CONFORMANCE_DROPS_GIANTS 4u
/* What the device refuses to receive is counted by somebody else: a VF's chip, for its PF. */
#define CONFORMANCE_COUNTED_ELSEWHERE 8u

struct conformance_subject {
    const char *name; /* letters, digits and '_' */
    unsigned flags;
    /* A stopped port, freshly made, all its queues on this cache; NULL: no port. */
    struct port *(*create)(struct packet_cache *cache);
    void (*destroy)(void);
    /* The far end of the wire; NULL: nothing arrives there, nothing comes from there.
     * inject: one frame of 14 bytes or more towards the port; false: the port had
     * no buffer for it, or is not listening.  take: the oldest frame sent, its
     * length, 0: none. */
    bool (*inject)(const uint8_t *frame, uint32_t length);
    uint32_t (*take)(uint8_t *frame, uint32_t size);
    void (*set_link)(bool up); /* NULL: the wire cannot be cut */
    /* A port whose settings somebody else grants: lets that side act until they are in force;
     * NULL: they are at once. */
    void (*settle)(void);
    /* What a strict model saw the driver do that the document forbids; NULL: no model. */
    unsigned (*violations)(void);
};

/* Runs every rule that applies; what cmocka_run_group_tests() returns. */
int conformance_run(const struct conformance_subject *subject);

/* A chain of packets with these bytes, `segment` bytes in each (beyond PACKET_ROOM, and at most
 * PACKET_BUFFER_SIZE: without headroom); NULL: pool empty. */
struct packet *conformance_packet(struct packet_cache *cache, const uint8_t *bytes, uint32_t length,
                                  uint32_t segment);
