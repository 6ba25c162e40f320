/* ixgbe.h - the 82599 and X540 PF: between its driver (ixgbe.c), NVM and link (ixgbe_link.c) and
 * the modules of SFP+ cages (ixgbe_module.c). */
#pragma once

#include "nic/intel/intel_pf.h"
#include "nic/intel/ixgbe/ixgbe_regs.h"

#include <stdbool.h>
#include <stdint.h>

#define IXGBE_QUEUES_MAX INTEL_PF_QUEUES_MAX /* of a port, each way: as far as RETA reaches */

/* Of ID rows: what the wire hangs on. */
#define IXGBE_SFP 0x1u /* a cage for SFP+ modules, on a two-wire bus */
#define IXGBE_PHY 0x2u /* a PHY of its own, on MDIO: 10GBASE-T */
/* Neither: a backplane or CX4, as the NVM has set it up. */
#define IXGBE_X540 0x4u /* the chip is an X540 */

/* What is in the cage, numbered as the NVM's list has it for port 0; port 1's are one more. */
enum ixgbe_module {
    IXGBE_MODULE_COPPER = 3,           /* direct attach, passive */
    IXGBE_MODULE_OPTICAL = 5,          /* SR or LR */
    IXGBE_MODULE_ACTIVE = 7,           /* direct attach, limiting */
    IXGBE_MODULE_GIGABIT_COPPER = 9,   /* 1000BASE-T */
    IXGBE_MODULE_GIGABIT_OPTICAL = 11, /* SX */
    IXGBE_MODULE_GIGABIT_LONG = 13,    /* LX */
    IXGBE_MODULE_UNKNOWN = 0x100,      /* one that the chip cannot serve */
    IXGBE_MODULE_NONE,
};

struct ixgbe {
    struct intel_pf f; /* first: port.priv is both */
    uint32_t quirks;   /* of its ID row */
    /* IXGBE_SFP */
    enum ixgbe_module module;
    bool module_ready;    /* the chip is set up for it */
    uint64_t identify_at; /* the next time, while there is no link */
    /* Why there can be no link, static text; NULL: none that we know of. */
    const char *no_link;
};

static inline uint32_t ixgbe_read(const struct ixgbe *e, uint32_t reg)
{
    return intel_read(&e->f.device, reg);
}

static inline void ixgbe_write(const struct ixgbe *e, uint32_t reg, uint32_t value)
{
    intel_write(&e->f.device, reg, value);
}

extern const struct intel_counter ixgbe_counters[];

/* ixgbe_link.c ---------------------------------------------------------------- */

/* NULL, or what is wrong with the NVM. */
const char *ixgbe_check_nvm(const struct ixgbe *e);
/* Which port of the chip this is: 0 or 1. */
uint32_t ixgbe_lan(const struct ixgbe *e);
/* After each reset; a link that is there stays. */
void ixgbe_set_up_link(struct ixgbe *e);
void ixgbe_link(struct port *port, struct port_link *link);
/* AUTOC has a new value, and negotiation begins anew. */
void ixgbe_set_link_mode(const struct ixgbe *e, uint32_t autoc);

/* ixgbe_module.c -------------------------------------------------------------- */

/* Looks at what is in the cage, and sets the chip up for it when it is another: e->module,
 * e->no_link, logged. */
void ixgbe_identify(struct ixgbe *e);

/* ixgbe_sriov.c --------------------------------------------------------------- */

extern const struct vf_master_family ixgbe_master;
