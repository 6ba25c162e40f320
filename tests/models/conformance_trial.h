/* conformance_trial.h - what the rules of the conformance suite share: one port, the pool that it
 * stands on, numbered frames, and both ends of its wire. */
#pragma once

#include "nic/port.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"

#include <stdbool.h>
#include <stdint.h>

#define TRIAL_POOL_PACKETS 4096u
#define TRIAL_WIRE_MIN 60u /* IEEE 802.3 4.2.3.3: 64 octets with FCS */
#define TRIAL_FRAME_LIMIT FRAME_LIMIT(MTU_DEFAULT)
#define TRIAL_FRAME_BYTES (FRAME_LONGEST + 1024u)

/* One test's port and what it stands on. */
struct conformance_trial {
    const struct conformance_subject *subject;
    struct packet_pool *pool;
    struct packet_cache cache;
    struct port *port;
    struct dma_device *dma;
    size_t mapped; /* before the first start */
    bool attached; /* pollers may be in its bursts */
};

extern struct conformance_trial trial;

/* The lists of rules; a row without a name ends one. */
struct conformance_rule {
    const char *name;
    CMUnitTestFunction test;
    bool needs_wire;
};

#define RULE(test) \
    { \
        #test, test, false \
    }
#define RULE_ON_WIRE(test) \
    { \
        #test, test, true \
    }

extern const struct conformance_rule conformance_settings[], conformance_tags[];

int trial_set_up(void **state);
int trial_tear_down(void **state);
void trial_holds_nothing(void); /* asserts: no packet, no memory */
bool trial_wired(void);         /* there is a far end */
void trial_settle(void);
void trial_start(void);
int trial_set_mtu(uint32_t mtu);

/* Header to the port, number, then bytes that differ from frame to frame and place to place. */
void trial_frame(uint8_t *frame, uint32_t length, uint32_t number);
/* The same to somebody on the wire, and as a packet with so many bytes a segment. */
void trial_frame_out(uint8_t *frame, uint32_t length, uint32_t number);
struct packet *trial_packet(uint32_t length, uint32_t number, uint32_t segment);

/* Sends one; false: the queue was full and the frame is gone. */
bool trial_send(struct packet *p);
/* Asserts that the far end has that frame. */
void trial_taken_is(uint32_t length, uint32_t number);
void trial_drain(void);

bool trial_inject_to(const uint8_t mac[MAC_LEN], uint32_t length, uint32_t number);
bool trial_inject(uint32_t length, uint32_t number);
uint16_t trial_receive(struct packet **packets, uint16_t n);
struct packet *trial_receive_one(void);
/* packet.h: the first segment holds the frame or PACKET_HEADER_MIN bytes of it. */
void trial_chain_is_good(const struct packet *first);
/* Asserts that it is that frame, and frees it. */
void trial_received_is(struct packet *p, uint32_t length, uint32_t number);
/* One frame each way. */
void trial_exchange(uint32_t number);

/* What went wrong with received frames, wherever it was noticed. */
uint64_t trial_troubles(void);
/* So many more since `before` are counted, by this port or where it cannot see them. */
void trial_troubles_are(uint64_t before, uint64_t expected);
