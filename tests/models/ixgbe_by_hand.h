/* ixgbe_by_hand.h - the ixgbe model driven register by register, without a driver: what its own
 * tests share. */
#pragma once

#include "kernel/dma.h"
#include "tests/models/ixgbe_model_internal.h"

#define IXHAND_RING 8u
#define IXHAND_BUFFER 4096u
#define IXHAND_GOOD 0x2b000000u /* DEXT, RS, IFCS, EOP */

extern struct ixgbe_by_hand {
    struct ixgbe_model model;
    uint8_t *bar; /* of the PF, or of the lone VF */
} ixhand;

extern const uint8_t ixhand_mac[MAC_LEN];

/* A ring of eight descriptors with a buffer of 4 KiB each, of the function's. */
struct ixhand_ring {
    struct pci_function *function;
    uint8_t *block;
    struct dma_memory descriptors, data;
    uint32_t tail;
};

uint32_t ixhand_read(uint32_t reg);
void ixhand_write(uint32_t reg, uint32_t value);
/* A fresh chip, enabled, mapped, link up; the FCS is stripped. */
void ixhand_power_on(enum ixgbe_model_chip chip);
void ixhand_receiver_on(void);
/* As ixhand_power_on, a lone VF. */
void ixhand_vf_on(void);
struct ixhand_ring ixhand_ring_on(struct pci_function *f, uint8_t *block, bool rx);
void ixhand_ring_off(struct ixhand_ring *r);
void ixhand_rx_give(struct ixhand_ring *r, uint32_t n);
/* One frame in one descriptor; `command` fills the second quadword but for lengths and type. */
void ixhand_tx_put(struct ixhand_ring *r, const uint8_t *frame, uint32_t n, uint64_t command);
void ixhand_tx_context(struct ixhand_ring *r, uint64_t low, uint64_t high);
uint64_t ixhand_result(const struct ixhand_ring *r, uint32_t slot, unsigned half);
/* To `to`, from 02:..:from; ethertype 88b5, 100 bytes. */
void ixhand_make_frame(uint8_t frame[100], const uint8_t to[MAC_LEN], uint8_t from);
