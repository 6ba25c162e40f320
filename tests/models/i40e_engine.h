/* i40e_engine.h - the queues of Intel's 40 Gb/s chips and of VFs since, as a device works them:
 * descriptors fetched and written back, tags, checksums, segmentation.
 *
 * A queue is what its context says, which the PF's driver has set: by message for a VF, in memory
 * of its own for itself.  Registers, interrupts and who gets a frame are the model's.  Strict: what
 * a driver may not write into a descriptor is told to wrong().
 *
 * Witnesses: Linux (i40e, iavf, ice) and DPDK (i40e, iavf) agree; unread: XL710 DS 8.3, 8.4. */
#pragma once

#include "tests/models/pcispace.h"

#include <stdbool.h>
#include <stdint.h>

#define I40E_FRAME_MAX 9728u /* with FCS: rxmax, and what the MAC takes */

enum i40e_engine_format { I40E_ENGINE_16, I40E_ENGINE_32, I40E_ENGINE_FLEX };

/* Flexible descriptors: where the hash is differs.  The second is "comms OVS", which DPDK's iavf
 * asks for: it and DPDK's ice agree. */
#define I40E_ENGINE_RXDID_NIC 2u
#define I40E_ENGINE_RXDID_OVS 22u

struct i40e_queue_context {
    uint64_t base;      /* of the ring, in bytes */
    uint32_t count;     /* descriptors */
    uint32_t buffer;    /* receive: bytes of each */
    uint32_t max_frame; /* receive: with FCS */
    enum i40e_engine_format format;
    uint8_t rxdid;  /* of a flexible one: which */
    bool strip;     /* receive: a tag goes to L2TAG1, */
    bool second;    /* or to the second L2TAG2 of a wide descriptor */
    bool keeps_fcs; /* receive */
    bool head_writeback;
    uint64_t head_address;
};

struct i40e_engine_queue {
    struct i40e_queue_context context;
    bool on;
    uint32_t head, tail; /* indices */
    bool done;           /* a descriptor was written back since the model looked */
    uint64_t frames;
};

/* Who owns queues: whose memory it is, and who is told. */
struct i40e_engine {
    struct pcispace_device *device;
    void *owner;
    void (*wrong)(void *owner, const char *what, uint64_t value);
    /* A frame of transmit queue q leaves, whole, with its tag. */
    void (*sent)(void *owner, struct i40e_engine_queue *q, const uint8_t *bytes,
                 uint32_t length);
    bool hide_writeback; /* descriptors are done and not written back */
};

/* NULL, or why no chip could run it. */
const char *i40e_queue_context_wrong(const struct i40e_queue_context *c, bool rx);
/* From the beginning of its ring; tail stays, as the driver may have moved it already. */
void i40e_engine_start(struct i40e_engine_queue *q);

/* One frame, without FCS, into the queue's buffers; with its hash, if there is one.  False: it is
 * off, the frame too long, or too few buffers are there: nothing happens. */
bool i40e_engine_receive(struct i40e_engine *e, struct i40e_engine_queue *q, const uint8_t *bytes,
                         uint32_t length, const uint32_t *hash);
/* What the next frame of a transmit queue is made of is fetched and goes to sent().  False: there
 * is none. */
bool i40e_engine_transmit(struct i40e_engine *e, struct i40e_engine_queue *q);

/* For lies: the next receive descriptor comes back as given (all four words, or two of them),
 * whatever is in its buffer; false: none is held. */
bool i40e_engine_return(struct i40e_engine *e, struct i40e_engine_queue *q,
                        const uint64_t words[4]);
