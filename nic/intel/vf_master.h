/* vf_master.h - a PF with advanced queues as the master of VFs that have mailboxes: what igb_pf.c
 * and ixgbe_sriov.c do alike.  VFs come and go, their server (vf_server.h) lives as the PF's port
 * does, and what both sides want of shared filters is put together.
 *
 * A chip (struct vf_master_family) knows its registers.  All of them that depend on a policy or on
 * what a VF asked for are written by program() from the state of the server, so that a reset of the
 * chip, a policy and a message go the same way.  They are compared with what was written last: a VF
 * that makes us write pays with its own messages, and what is the same costs nothing.
 *
 * Control task only. */
#pragma once

#include "nic/intel/intel_pf.h"
#include "nic/intel/intel_regs.h"
#include "nic/intel/vf_server.h"

#include <stdbool.h>
#include <stdint.h>

enum vf_counter {
    VF_RX_PACKETS,
    VF_TX_PACKETS,
    VF_RX_OCTETS,
    VF_TX_OCTETS,
    VF_RX_MULTICAST,
    VF_COUNTERS
};

/* Of so many VFs that are in force; a chip's own struct begins with it. */
struct vf_master {
    struct vf_server server;
    struct intel_wrapping (*counters)[VF_COUNTERS]; /* of each VF */
    bool open;                                      /* between open() and close() */
    bool fresh;                                     /* what was written last is not in the chip */
    uint64_t collect_us, events_us;
    uint32_t vfta[INTEL_VFTA_REGS], mta[INTEL_MTA_REGS]; /* as last written */
};

struct vf_master_family {
    /* One whose server knows what is the chip's: NULL, or to be freed. */
    struct vf_master *(*create)(struct intel_pf *f, unsigned count);
    unsigned (*queues)(const struct intel_pf *f, unsigned count); /* of the PF's pool */
    void (*configure)(struct intel_pf *f); /* after a reset, before the first program() */
    void (*program)(struct intel_pf *f);
    void (*rates)(struct intel_pf *f); /* follow policies and the link */
    void (*open)(struct intel_pf *f);  /* forgets events, and tells VFs that the PF is there */
    void (*close)(struct intel_pf *f); /* no VF sends or receives */
    void (*events)(struct intel_pf *f, uint64_t now_us);     /* now and then */
    uint32_t (*counter)(unsigned vf, enum vf_counter which); /* its register */
    void (*gone)(struct intel_pf *f); /* optional: VF Enable went, the PF's port still runs */
};

/* The port offers as many VFs as the function has, up to `most`. */
void vf_master_offer(struct intel_pf *f, unsigned most);
/* They go, where there are any. */
void vf_master_end(struct intel_pf *f);

/* For intel_pf.c, while VFs are in force. */

/* At the end of every bring-up, before its queues go on: pools, switch, filters, policies. */
void vf_master_configure(struct intel_pf *f);
void vf_master_open(struct intel_pf *f);  /* the chip works: mailboxes too */
void vf_master_close(struct intel_pf *f); /* a reset is coming */
void vf_master_poll(struct intel_pf *f, uint64_t now_us);
void vf_master_link_changed(struct intel_pf *f);
bool vf_master_may_have(const struct intel_pf *f, const uint8_t mac[MAC_LEN]);
bool vf_master_vlan_fits(const struct intel_pf *f, uint16_t vid);
/* The PF's own filters that VFs share with it: mac, vlans, offloads, mode, mtu. */
void vf_master_settings_changed(struct intel_pf *f);

/* For families. */

static inline unsigned vf_count(const struct intel_pf *f)
{
    return f->master->server.count;
}

static inline const struct vf_state *vf_of(const struct intel_pf *f, unsigned vf)
{
    return &f->master->server.vf[vf];
}

/* Written when it differs from what was written last. */
static inline void vf_master_put(struct intel_pf *f, uint32_t reg, uint32_t *last, uint32_t value)
{
    if (!f->master->fresh && *last == value)
        return;
    intel_write(&f->device, reg, value);
    *last = value;
}

/* A bridge on the PF takes part in every VLAN. */
bool vf_master_all_vlans(const struct intel_pf *f);
/* The VLANs of VFs and PF with their pools, and VFTA as they want it. */
void vf_master_vlans(struct intel_pf *f, struct vf_vlans *map, uint32_t vfta[INTEL_VFTA_REGS]);
static inline bool pf_all_multicast(const struct intel_pf *f)
{
    return f->mode.promiscuous || f->mode.all_multicast;
}
/* MTA, which has one bit a hash for all pools together.  True: somebody wants all groups. */
bool vf_master_groups(const struct intel_pf *f, uint32_t mta[INTEL_MTA_REGS]);
/* Somebody, the PF or a VF, is promiscuous. */
bool vf_master_promiscuous(const struct intel_pf *f);
/* VFs whose source is checked, a bit each. */
uint64_t vf_master_guarded(const struct intel_pf *f);
