/* made_pf.h - a physical function with VFs, and ports to put it behind.
 *
 * Registers of SR-IOV, ARI, function level reset and access control behave; VFs answer
 * when the document lets them, and accesses it forbids are counted. */
#pragma once

#include "tests/models/pcispace.h"

#define MADE_VFS 256u
#define MADE_PF_SRIOV 0x160u
#define MADE_PF_AER 0x100u
#define MADE_PF_ARI 0x150u
#define MADE_PF_ACS 0x1a0u
#define MADE_PF_EXPRESS 0x40u

struct made_vf {
    struct pcispace_device device;
    struct made_pf *pf;
    unsigned index;
    uint64_t reset_us;
};

struct made_pf {
    struct pcispace_device device;
    struct made_vf vf[MADE_VFS];
    unsigned vfs; /* plugged in */

    /* First VF Offset and Stride without and with ARI Capable Hierarchy. */
    uint16_t offset[2], stride[2];
    uint64_t vf_late_us; /* VFs answer so long after the 100 ms */
    bool vf_dead;        /* or never */
    uint64_t pending_us; /* transactions are pending until then */
    bool reset_kills;    /* it does not come back */

    uint32_t uncorrectable, correctable; /* error status */
    uint64_t enabled_us, reset_us;
    bool enabled;
    unsigned resets;
    unsigned violations; /* registers written while VF Enable is set, VFs asked too early */
};

/* Behind `bridge` (NULL: a root bus) as this function; TotalVFs, at most MADE_VFS of them
 * plugged in, with 64-bit prefetchable BARs 0 and 3 of this size each, as the 82576 has. */
void made_pf_init(struct made_pf *m, uint16_t device_id, uint16_t total, uint64_t bar_size);
void made_pf_add(struct made_pf *m, struct pcispace_device *bridge, unsigned function);
/* Access control services in the PF and its VFs. */
void made_pf_acs(struct made_pf *m);
/* A field of its capability, before the scan. */
void made_pf_set(struct made_pf *m, uint16_t at, uint32_t value, unsigned size);
/* Errors happen: status bits, and the header of a packet, which stays. */
void made_pf_error(struct made_pf *m, uint32_t uncorrectable, uint32_t correctable);
/* A port of this PCI Express type; with or without ARI forwarding and access control. */
void made_port_init(struct pcispace_device *d, unsigned type, bool ari, bool acs);
uint32_t made_get(const struct pcispace_device *d, uint16_t at, unsigned size);
