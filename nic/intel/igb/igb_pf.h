/* igb_pf.h - what the master driver (igb_pf.c) has besides the server of its VFs. */
#pragma once

#include "nic/intel/igb/igb.h"
#include "nic/intel/igb/igb_virt_regs.h"
#include "nic/intel/vf_server.h"

#include <stdbool.h>
#include <stdint.h>

#define IGB_VFS_MAX (IGB_POOLS - 1) /* one pool is the PF's */
#define IGB_RAR_VF 1u               /* receive addresses: 0 the PF's, then VFs', then further */
#define IGB_RAR_FILTER (IGB_RAR_VF + IGB_VFS_MAX)
#define IGB_RAR_REGS 32u /* at most: igb_chip.addresses */
#define IGB_VF_COUNTERS 5u

struct igb_pf {
    struct vf_server server;
    struct intel_wrapping counters[IGB_VFS_MAX][IGB_VF_COUNTERS];
    uint32_t blocked; /* by malicious-driver detection, a bit a VF, until MDFB reads clear */
    bool open;        /* between igb_pf_open() and igb_pf_close() */
    bool fresh;       /* nothing below is in the chip yet */
    uint64_t collect_us, events_us;

    /* Registers as last written. */
    uint64_t address[IGB_RAR_REGS]; /* and the bit of its pool above; 0: none */
    uint32_t vlvf[IGB_VLVF_REGS];
    uint32_t vfta[INTEL_VFTA_REGS], mta[INTEL_MTA_REGS];
    uint32_t uta, vt_ctl, rplolr, txswc;
    uint32_t vmolr[IGB_POOLS], vmvir[IGB_POOLS], dvmolr[IGB_POOLS];
};
