/* igb_pf.h - what the master driver (igb_pf.c) has besides what all have. */
#pragma once

#include "nic/intel/igb/igb.h"
#include "nic/intel/igb/igb_virt_regs.h"
#include "nic/intel/vf_master.h"

#include <stdbool.h>
#include <stdint.h>

#define IGB_VFS_MAX (IGB_POOLS - 1) /* one pool is the PF's */
#define IGB_RAR_VF 1u               /* receive addresses: 0 the PF's, then VFs', then further */
#define IGB_RAR_FILTER (IGB_RAR_VF + IGB_VFS_MAX)
#define IGB_RAR_REGS 32u /* at most: igb_chip.addresses */

struct igb_pf {
    struct vf_master master; /* first: as it is allocated */
    uint32_t blocked;        /* by malicious-driver detection, a bit a VF, until MDFB reads clear */

    /* Registers as last written. */
    uint64_t address[IGB_RAR_REGS]; /* and the bit of its pool above; 0: none */
    uint32_t vlvf[IGB_VLVF_REGS];
    uint32_t uta, vt_ctl, rplolr, txswc;
    uint32_t vmolr[IGB_POOLS], vmvir[IGB_POOLS], dvmolr[IGB_POOLS];
};
