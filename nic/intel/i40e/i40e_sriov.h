/* i40e_sriov.h - an X710's PF as a master of VFs: between what comes and goes (i40e_sriov.c), VSIs
 * and their filters (i40e_vsis.c) and queues (i40e_vf_queues.c).  What VFs may, and what they say,
 * is virtchnl_server.h's. */
#pragma once

#include "nic/intel/i40e/i40e.h"
#include "nic/intel/i40e/i40e_virt_regs.h"
#include "nic/intel/i40e/virtchnl_server.h"

#define I40E_VFS_MAX 128u /* of the chip: its ports share them */
#define I40E_VF_COUNTERS 12u
#define I40E_VF_ADDRESSES (1u + VF_MACS_MAX + VIRTCHNL_GROUPS_MAX)
#define I40E_VF_VLANS (1u + VF_VLANS_MAX)
#define I40E_VLAN_ANY 0xffffu

/* Where a VF's function is.  A reset goes through all of them from WANTED on. */
enum i40e_vf_phase {
    I40E_VF_DOWN,   /* it is not there, or its PF's port is stopped */
    I40E_VF_WANTED, /* to be reset */
    I40E_VF_RESET,  /* the chip is at it; what is under way ends */
    I40E_VF_MUTED,  /* held in reset */
    I40E_VF_UP
};

/* What the chip was told to let through: each address in each VLAN, and modes for each VLAN. */
struct i40e_vf_filters {
    uint8_t mac[I40E_VF_ADDRESSES][MAC_LEN];
    uint16_t vlan[I40E_VF_VLANS];
    uint16_t macs, vlans, modes;
};

struct i40e_vf {
    enum i40e_vf_phase phase;
    bool late;                  /* its reset takes longer than it may: that was said */
    uint64_t due_us, limit_us;  /* looked at next; done by then */
    uint16_t seid, number, queue_set, counter; /* of its VSI; seid 0: none */
    uint16_t queue[VIRTCHNL_QUEUES_MAX];       /* of the PF's */
    uint16_t queues;
    uint32_t rx_on, tx_on;      /* in the chip; a bit each */
    uint16_t credit;            /* its rate as the chip has it; 0: none */
    struct i40e_vf_filters filters;
    uint64_t last[I40E_VF_COUNTERS], total[I40E_VF_COUNTERS], base[I40E_VF_COUNTERS];
};

struct i40e_sriov {
    struct virtchnl_server server;
    struct i40e_vf *vf;
    uint16_t veb;
    uint16_t queues;     /* of a VF that asked for no other number */
    uint16_t queues_all; /* that contexts have room for: the PF's and all VFs' */
    uint16_t first;      /* the first one behind the PF's */
    uint8_t *owner;      /* of each queue: 0: nobody, else the VF's number + 1 */
    uint64_t poll_us, events_us, collect_us;
    uint8_t message[I40E_AQ_BUFFER];
};

/* The other VF's and the PF's queues are not its: index among the chip's. */
static inline uint32_t i40e_vf_number(const struct i40e *e, unsigned vf)
{
    return e->first_vf + vf;
}

/* i40e_vsis.c -------------------------------------------------------------------- */

int i40e_vf_vsi_create(struct i40e *e, unsigned vf);
void i40e_vf_vsi_destroy(struct i40e *e, unsigned vf);
int i40e_vf_properties(void *chip, unsigned vf); /* these are struct virtchnl_chip_ops' */
int i40e_vf_filters(void *chip, unsigned vf);
int i40e_vf_spread(void *chip, unsigned vf);
void i40e_vf_collect(struct i40e *e, unsigned vf, bool base);
void i40e_vf_stats(void *chip, unsigned vf, struct virtchnl_stats *stats);
void i40e_vf_counts(const struct i40e_vf *v, struct vf_info *info);

/* i40e_vf_queues.c ---------------------------------------------------------------- */

unsigned i40e_vf_queues_for(void *chip, unsigned vf);
void i40e_vf_take_queues(struct i40e *e, unsigned vf); /* as many as it wants, when it has none */
void i40e_vf_map_queues(struct i40e *e, unsigned vf);  /* which are its; its VSI says so, too */
/* All of it goes: off first.  0, or -ETIMEDOUT with everything as it was. */
int i40e_vf_drop_queues(struct i40e *e, unsigned vf);
int i40e_vf_configure(void *chip, unsigned vf, unsigned queue);
int i40e_vf_enable(void *chip, unsigned vf, uint32_t rx, uint32_t tx, bool on);
void i40e_vf_map(void *chip, unsigned vf, const struct virtchnl_vector *vector);
