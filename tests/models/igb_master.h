/* igb_master.h - igb_pf.c and vf_server.c over the model, VFs in the test's hands. */
#pragma once

#include "nic/intel/intel_mbx.h"
#include "nic/vf.h"
#include "tests/models/igb_model.h"

#include <stdbool.h>
#include <stdint.h>

struct master {
    struct igb_model model;
    struct port *port;                 /* the PF's, running */
    uint32_t reply[IGB_MODEL_MESSAGE]; /* what the last master_ask() or master_hears() got */
    const char *why;
};
extern struct master master;
extern const uint8_t master_mac[MAC_LEN];

/* A PF that runs, with so many VFs, played; the link is up. */
void master_start(enum igb_model_chip chip, unsigned vfs);
void master_start_as(enum igb_model_chip chip, unsigned vfs, uint16_t subsystem_vendor);
/* Everything back; nothing leaked, no rule of the document broken by the PF's driver. */
void master_stop(void);

/* The PF's poll, a millisecond later each time. */
void master_polls(unsigned times);
/* VF says this; true: it was answered at the next poll, with master.reply. */
bool master_ask(unsigned vf, const uint32_t *words, unsigned n);
#define MASTER_ASK(vf, ...) \
    master_ask(vf, (const uint32_t[]){ __VA_ARGS__ }, \
               sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))
/* There is a message for the VF: read and acknowledged. */
bool master_hears(unsigned vf);
/* The VF's driver comes up: RESET, answered with an address. */
void master_reset_vf(unsigned vf);
bool master_acked(unsigned vf, uint32_t type); /* the last reply: ACK, with CTS */
bool master_nacked(uint32_t type);             /* NACK, with CTS */

struct vf_info master_info(unsigned vf);
/* 0 or -E... with master.why; the policy as it is but for what `change` does to it. */
int master_set(unsigned vf, void (*change)(struct vf_policy *policy, uint64_t value),
               uint64_t value);
void set_mac(struct vf_policy *policy, uint64_t value); /* first octet highest */
void set_vlan(struct vf_policy *policy, uint64_t value);
void set_rate(struct vf_policy *policy, uint64_t value);
void set_link(struct vf_policy *policy, uint64_t value);
void set_trust(struct vf_policy *policy, uint64_t value);
void set_spoofcheck(struct vf_policy *policy, uint64_t value);

uint32_t master_reg(uint32_t reg);
/* Words 1 and 2 of a message with this address, first octet highest. */
#define MAC_WORDS(mac) \
    (uint32_t)((mac) >> 40 & 0xff) | (uint32_t)((mac) >> 32 & 0xff) << 8 | \
        (uint32_t)((mac) >> 24 & 0xff) << 16 | (uint32_t)((mac) >> 16 & 0xff) << 24, \
        (uint32_t)((mac) >> 8 & 0xff) | (uint32_t)((mac)&0xff) << 8

/* Frames of 60 bytes, `vlan` 0: untagged; n is in the body.  Addresses: first octet highest. */
uint64_t mac_number(const uint8_t *mac);
void frame_from_wire(uint64_t to, uint64_t from, uint16_t vlan, uint8_t n);
/* By the VF; false: the chip dropped it. */
bool frame_from_vf(unsigned vf, uint64_t to, uint64_t from, uint16_t vlan, uint8_t n);
void frame_from_pf(uint64_t to, uint64_t from, uint8_t n);
/* Who got frame n once, and nobody anything else: a bit a VF, 0x100 the PF, 0x200 the wire;
 * *vlan of the last copy. */
#define AT_PF 0x100u
#define AT_WIRE 0x200u
unsigned frame_at(uint8_t n, uint16_t *vlan);
