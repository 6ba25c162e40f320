/* igb.h - the 82576 and I350 PF: between its driver (igb.c) and its master driver (igb_pf.c). */
#pragma once

#include "nic/intel/igb/igb_regs.h"
#include "nic/intel/intel_advanced.h"
#include "nic/intel/intel_port.h"
#include "nic/vf.h"
#include "pci/pci.h"

#include <stdbool.h>
#include <stdint.h>

#define IGB_QUEUES_MAX 8u /* of a port, each way */
#define IGB_POOLS 8u

/* What differs between the chips; the ID table names one. */
struct igb_chip {
    const char *name; /* "82576" */
    uint8_t queues_per_pool;
    uint8_t addresses; /* receive address registers: 24, 32 */
    uint8_t vfta_writes; /* of each word, while the switch is on */
    bool rate_limit, malicious_detection;
    bool loop_swaps; /* tags of what came through the switch have their bytes swapped (I350) */
    bool ivar_in_pairs; /* IVAR n has the queues 2n and 2n + 1, else n and n + 8 */
    bool dma_strips; /* tags are stripped queue by queue, behind the switch (I350) */
    uint32_t txswc;  /* where the switch's register is */
    uint32_t dtxctl; /* what of DTXCTL goes on with pools */
};

struct igb_pf; /* igb_pf.c's own: VFs, policies, mailboxes */

struct igb {
    struct adv_rxq rx[IGB_QUEUES_MAX];
    struct adv_txq tx[IGB_QUEUES_MAX];
    struct port port;
    struct intel_device device;
    const struct igb_chip *chip;
    struct igb_pf *pf; /* NULL: no VFs in force */
    uint8_t pool;      /* of the PF itself: the first after the VFs'; 0 without VFs */
    bool vlan_filter;  /* the master driver wants RCTL.VFE */
    /* The port's settings as the chip has them while it runs; the port's own fields
     * follow when an operation was a success. */
    struct port_rx_mode mode;
    uint32_t offloads;
    uint32_t vlans[INTEL_VFTA_REGS]; /* a bit each: those that the PF itself wants to hear */
    uint16_t mtu;
    uint8_t mac[MAC_LEN];
    uint16_t interrupts; /* queues that have a vector */
    uint16_t queues;   /* rings there are, each way; 0: stopped */
    bool long_frames;  /* buffers are used from the first byte */
    bool echoes;       /* IGB_QUIRK_ECHOES */
    bool no_auto_read; /* the chip does not tell that it has read its NVM */
    bool serdes;       /* no PHY of the chip's own */
    bool link_up;      /* as the master driver was told */
    uint64_t look_at;  /* when poll() looks at the link and the drop counters next */
    struct adv_echo echo;
    uint64_t dropped[IGB_QUEUES_MAX]; /* by queue: RQDPC */
};

static inline uint32_t igb_read(const struct igb *e, uint32_t reg)
{
    return intel_read(&e->device, reg);
}

static inline void igb_write(const struct igb *e, uint32_t reg, uint32_t value)
{
    intel_write(&e->device, reg, value);
}

/* igb_link.c, called by igb.c ------------------------------------------------------- */

/* The port's address, from the NVM or as the chip loaded it. */
void igb_read_mac(struct igb *e);
/* After the first reset: waits, bounded, until the PHY may be touched; sets e->serdes. */
void igb_find_phy(struct igb *e);
/* After each reset; a link that is there stays. */
void igb_set_up_link(struct igb *e);
void igb_link(struct port *port, struct port_link *link);

/* igb_pf.c, called by igb.c ------------------------------------------------------- */

extern const struct vf_ops igb_vf_ops;
/* The rest is called only with e->pf.  igb.c writes: RCTL, RAL and RAH 0 (with the PF's pool),
 * RETA, RSSRK, MRQC (pools, and their hash), RLPML (any length), and neither MTA nor VFTA. */
/* At the end of every bring-up of the chip, before its queues, receiver and transmitter go on:
 * pools, switch, filters and policies as they should be; mailboxes shut. */
void igb_pf_configure(struct igb *e);
/* The chip works again (or for the first time): PF reset done, mailboxes open. */
void igb_pf_open(struct igb *e);
/* A reset of the chip is coming: VFs are told, and their queues are off. */
void igb_pf_close(struct igb *e);
/* Served from the port's poll(): resets, messages, events.  Bounded. */
void igb_pf_poll(struct igb *e, uint64_t now_us);
void igb_pf_link_changed(struct igb *e, bool up);
/* False: a VF has that address. */
bool igb_pf_may_have(const struct igb *e, const uint8_t mac[MAC_LEN]);
/* False: all VLAN filters are taken. */
bool igb_pf_vlan_fits(const struct igb *e, uint16_t vlan);
/* The PF's own filters that VFs share with it: e->mac, vlans, offloads, mode, mtu. */
void igb_pf_rx_mode_changed(struct igb *e);

/* igb.c, called by igb_pf.c --------------------------------------------------------- */

/* Stops the port, lets VFs come or go, and starts it, if it ran, on the queues of that pool:
 * 0 or -E...  pf NULL, pool 0: no VFs. */
int igb_restart(struct igb *e, struct igb_pf *pf, uint8_t pool);
