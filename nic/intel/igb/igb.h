/* igb.h - the 82576 and I350 PF: between its driver (igb.c) and its master driver (igb_pf.c). */
#pragma once

#include "nic/intel/igb/igb_regs.h"
#include "nic/intel/intel_pf.h"
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
    uint8_t addresses;   /* receive address registers: 24, 32 */
    uint8_t vfta_writes; /* of each word, while the switch is on */
    bool rate_limit, malicious_detection;
    bool loop_swaps;    /* tags of what came through the switch have their bytes swapped (I350) */
    bool ivar_in_pairs; /* IVAR n has the queues 2n and 2n + 1, else n and n + 8 */
    bool dma_strips;    /* tags are stripped queue by queue, behind the switch (I350) */
    uint32_t txswc;     /* where the switch's register is */
    uint32_t dtxctl;    /* what of DTXCTL goes on with pools */
};


struct igb {
    struct intel_pf f; /* first: port.priv is both */
    const struct igb_chip *chip;
    bool echoes;       /* IGB_QUIRK_ECHOES */
    bool no_auto_read; /* the chip does not tell that it has read its NVM */
    bool serdes;       /* no PHY of the chip's own */
    struct adv_echo echo;
};

static inline struct igb *igb_of(struct intel_pf *f)
{
    return container_of(f, struct igb, f);
}

static inline uint32_t igb_read(const struct igb *e, uint32_t reg)
{
    return intel_read(&e->f.device, reg);
}

static inline void igb_write(const struct igb *e, uint32_t reg, uint32_t value)
{
    intel_write(&e->f.device, reg, value);
}

/* igb_link.c, called by igb.c ------------------------------------------------------- */

/* The port's address, from the NVM or as the chip loaded it. */
void igb_read_mac(struct igb *e);
/* After the first reset: waits, bounded, until the PHY may be touched; sets e->serdes. */
void igb_find_phy(struct igb *e);
/* After each reset; a link that is there stays. */
void igb_set_up_link(struct igb *e);
void igb_link(struct port *port, struct port_link *link);

/* igb_pf.c ---------------------------------------------------------------------- */

/* With VFs in force the master driver has the filters: igb.c writes RCTL, RAL and RAH 0 (with the
 * PF's pool), RETA, RSSRK, MRQC (pools, and their hash), RLPML (any length), and neither MTA nor
 * VFTA. */
extern const struct vf_master_family igb_master;
