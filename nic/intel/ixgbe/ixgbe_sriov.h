/* ixgbe_sriov.h - what the master driver (ixgbe_sriov.c) has besides what all have. */
#pragma once

#include "nic/intel/ixgbe/ixgbe.h"
#include "nic/intel/ixgbe/ixgbe_virt_regs.h"
#include "nic/intel/vf_master.h"

#include <stdbool.h>
#include <stdint.h>

#define IXGBE_POOLS 64u
#define IXGBE_VFS_MAX (IXGBE_POOLS - 1) /* one pool is the PF's */
#define IXGBE_VFS_OF_FOUR 31u           /* as many VFs, and the PF, have four queues each */
#define IXGBE_RAR_VF 1u                 /* receive addresses: 0 the PF's, then VFs', then further */
#define IXGBE_RAR_FILTER (IXGBE_RAR_VF + IXGBE_VFS_MAX) /* up to IXGBE_RAR_STATIONS, the PF's */

struct ixgbe_sriov {
    struct vf_master master; /* first: as it is allocated */
    uint64_t spoofed;        /* frames dropped for their source, of all VFs */
    unsigned suspect; /* the VF whose frames alone are counted now; as many as there are: all */

    /* Registers as last written; those of 64 bits are pairs. */
    uint64_t address[IXGBE_RAR_REGS], address_pools[IXGBE_RAR_REGS];
    uint32_t vlvf[IXGBE_VLVF_REGS];
    uint64_t vlvf_pools[IXGBE_VLVF_REGS], counted;
    uint32_t uta, vt_ctl, maxfrs;
    uint32_t spoof[IXGBE_VFSPOOF_REGS];
    uint32_t vmolr[IXGBE_POOLS], vmvir[IXGBE_POOLS];
};

/* ixgbe_vfs.c: what VFs ask for, by type. */
#define IXGBE_REQUESTS (MBX_VF_GET_LINK_STATE + 1u)
extern vf_request_fn *const ixgbe_requests[IXGBE_REQUESTS];
/* False: this VF must not receive, for its PF's frames are too long for its driver (82599). */
bool ixgbe_vf_may_receive(const struct ixgbe *e, const struct vf_state *v);
