/* i40e_by_hand.h - the i40e model driven register by register, without a driver: what its own tests
 * share.  Queues have rings of 32 descriptors of 16 bytes (32 for receiving) and a buffer of 2 KiB
 * for each. */
#pragma once

#include "kernel/dma.h"
#include "tests/models/i40e_model_internal.h"

#define I4HAND_RING 32u
#define I4HAND_BUFFER 2048u
#define I4HAND_QUEUES 64u /* that have contexts */

struct i4hand_ring {
    struct pci_function *function; /* NULL: there is none */
    struct dma_memory descriptors, data;
    uint32_t tail, seen;
};

extern struct i40e_by_hand {
    struct i40e_model model;
    uint8_t *bar;
    struct dma_memory aq, hmc;
    uint32_t commands, events; /* so far */
    uint16_t answer[8];        /* the parameters that the last one came back with */
    struct i4hand_ring rx[I4HAND_QUEUES], tx[I4HAND_QUEUES];
} i4hand;

extern const uint8_t i4hand_mac[MAC_LEN];

uint32_t i4hand_read(uint32_t reg);
void i4hand_write(uint32_t reg, uint32_t value);
/* A fresh chip: its admin queue is open, contexts have memory, the link is up. */
void i4hand_power_on(enum i40e_model_chip chip);
void i4hand_power_off(void);
/* A command with eight parameters of 16 bits, or six of them and a buffer: its result. */
uint16_t i4hand_command(uint16_t op, const uint16_t param[8], void *bytes, uint16_t n, bool write);
/* With cookies and a buffer that may be empty: a message to a VF. */
uint16_t i4hand_tell(unsigned vf, uint32_t op, int32_t status, const void *bytes, uint16_t n);
/* The next event of firmware's: its descriptor; false: none. */
bool i4hand_event(struct i40e_aq_desc *desc, uint8_t *bytes);

/* Context of the PF's queue n, with a ring in that function's memory; `set`: a queue set. */
void i4hand_context(struct pci_function *f, bool rx, unsigned n, uint16_t set);
/* That receive queue's context has other buffers and a longer longest frame. */
void i4hand_want_long(unsigned n, uint32_t buffer, uint32_t frame);
/* By the handshake; false: STAT did not follow. */
bool i4hand_queue(bool rx, unsigned n, bool on);
/* The indices to write into a tail after so many buffers, or a frame, more. */
uint32_t i4hand_give(unsigned n, unsigned buffers);
uint32_t i4hand_put(unsigned n, const uint8_t *frame, uint32_t length);
/* What came in; 0: nothing.  tag: of the descriptor, -1: none. */
uint32_t i4hand_got(unsigned n, uint8_t *frame, int *tag);
