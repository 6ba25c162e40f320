/* igb_by_hand.h - the igb model driven register by register, without a driver: what its own
 * tests share. */
#pragma once

#include "tests/models/igb_model_internal.h"

#define HAND_VFS 3u
#define HAND_PF_POOL 7u
#define HAND_FRAME 100u

extern struct igb_by_hand {
    struct igb_model model;
    uint8_t *bar; /* of the PF */
} hand;

extern const uint8_t hand_pf_mac[MAC_LEN], hand_broadcast[MAC_LEN];

uint32_t hand_read(uint32_t reg);
void hand_write(uint32_t reg, uint32_t value);
/* A fresh chip, enabled, mapped, link up. */
void hand_power_on(enum igb_model_chip chip);
void hand_vf_mac(unsigned vf, uint8_t mac[MAC_LEN]);
/* HAND_VFS virtual functions; pool 7 is the PF's; the test plays all of them. */
void hand_switch_on(void);
/* From the address of pool `from` to that of pool `to`. */
void hand_make_frame(uint8_t frame[HAND_FRAME], unsigned to, unsigned from);
/* Who got what was sent: bit p for pool p, bit 8 for the wire; all FIFOs are empty then. */
uint32_t hand_arrived(void);
/* One frame from a pool, to a pool or an address; one from the wire (vid 0: untagged). */
uint32_t hand_sent(unsigned from, unsigned to);
uint32_t hand_sent_to(unsigned from, const uint8_t mac[MAC_LEN]);
uint32_t hand_received(const uint8_t mac[MAC_LEN], uint16_t vid);
