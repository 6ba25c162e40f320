/* iavf_model.h - a virtual function of Intel's 40 Gb/s chips and of those since: its registers,
 * admin queue, transmit and receive queues and interrupts, strict.
 *
 * What the PF's side does is behind a seam (struct iavf_behind): a played PF (iavf_model_pf.c), in
 * the manner of Linux's i40e or ice; or a model of the whole chip with a PF's driver on it.
 *
 * Witnesses: Linux's iavf, i40e and ice and DPDK's iavf agree; unread: XL710 DS, E810 DS. */
#pragma once

#include "nic/ethernet.h"
#include "nic/intel/i40e/virtchnl.h"
#include "pci/pci.h"
#include "tests/models/i40e_aq_device.h"
#include "tests/models/i40e_engine.h"
#include "tests/models/pcispace.h"

#include <stdbool.h>
#include <stdint.h>

#define IAVF_MODEL_QUEUES 16u
#define IAVF_MODEL_VECTORS 17u
#define IAVF_MODEL_FRAME I40E_FRAME_MAX
#define IAVF_MODEL_BAR_SIZE 0x10000u

struct iavf_model;

/* Who stands behind the VF. */
struct iavf_behind {
    /* A message; what it answers it tells by iavf_model_tell(). */
    void (*message)(struct iavf_model *m, uint32_t op, const uint8_t *bytes, uint32_t n);
    /* The function was reset (by PCI Express): queues and admin queue are off already. */
    void (*reset)(struct iavf_model *m);
    /* A frame left transmit queue q. */
    void (*sent)(struct iavf_model *m, unsigned q, const uint8_t *bytes, uint32_t length);
    /* Frames can leave now. */
    bool (*may_send)(struct iavf_model *m);
};

/* The played PF: what it grants, and what the test looks at. */
enum iavf_model_kind { IAVF_BEHIND_I40E, IAVF_BEHIND_ICE };

#define IAVF_MODEL_MACS 64u
#define IAVF_MODEL_WIRE (1u << 20)

struct iavf_played_pf {
    /* The test's. */
    uint8_t mac[MAC_LEN]; /* zeros: the VF is to choose one */
    bool mac_set;         /* by the administrator: others are refused */
    bool trusted;
    bool spoofcheck; /* frames with a source that is not the VF's are dropped, and counted */
    bool honest; /* promiscuous mode is refused without trust; Linux's says yes and does nothing */
    uint32_t minor;  /* version 1.minor */
    uint32_t caps;   /* offered */
    uint16_t vsi;    /* by which the VF calls its own */
    uint16_t queues, queues_max, vectors, macs_max;
    uint16_t max_frame;
    uint32_t speed_mbps;
    bool double_vlan;   /* ice's mode of two VLANs: the outer tag is the VF's to filter and set */
    uint16_t port_vlan; /* the administrator's; 0: none */
    bool deaf;          /* messages are served and not answered */
    uint64_t unanswered; /* those of these operations, a bit each */
    uint64_t refused;   /* operations, a bit each */
    int32_t refusal;    /* the status that says so */
    bool serves;        /* false: the test answers, by iavf_model_tell() */

    /* To be looked at. */
    unsigned seen[VIRTCHNL_OPS];
    uint32_t last_op, last_length;
    uint8_t last[VIRTCHNL_MESSAGE_MAX];

    /* As the VF has it now. */
    bool version_known, active, link_told;
    uint32_t granted;
    uint8_t macs[IAVF_MODEL_MACS][MAC_LEN];
    unsigned mac_count;
    uint8_t vlans[512];
    unsigned vlan_count;
    uint16_t promiscuous;
    bool strip, insert;
    uint8_t key[52], lut[64];
    uint64_t kinds;
    struct virtchnl_stats stats;
    bool configured[IAVF_MODEL_QUEUES];
    uint32_t wire_used;
    unsigned next_queue;
    uint8_t wire[IAVF_MODEL_WIRE]; /* last, so that nobody touches what is not used */
};

struct iavf_model {
    struct pcispace_device device;
    struct pci_function *function;
    const struct iavf_behind *behind;
    void *owner; /* of who stands behind */
    /* Who writes down what is said, by the VF or to it; NULL: nobody. */
    void (*overhears)(const struct iavf_model *m, bool of_pf, uint32_t op, int32_t status,
                      const void *bytes, uint32_t n);
    struct i40e_aq_device aq;
    struct i40e_engine engine;
    struct i40e_engine_queue rx[IAVF_MODEL_QUEUES], tx[IAVF_MODEL_QUEUES];
    /* As the PF mapped them; 0: none. */
    uint8_t rx_vector[IAVF_MODEL_QUEUES], tx_vector[IAVF_MODEL_QUEUES];
    uint32_t rstat;
    bool in_reset;     /* registers read deadbeef */
    bool gone;         /* they read ones */
    bool told;         /* since the last reset the driver has seen that there was one */
    uint32_t dyn_ctl[IAVF_MODEL_VECTORS];
    bool pending[IAVF_MODEL_VECTORS];
    uint32_t icr0, icr0_ena, hena[2], key[13], lut[16];
    bool link;
    unsigned vectors; /* that it has */
    bool patient; /* with Linux as its driver; and who injects waits for room: none is discarded */
    bool quiet; /* violations are counted and not printed */
    unsigned violations;
    unsigned flrs, resets;
    struct iavf_played_pf pf;
};

/* The function ------------------------------------------------------------------ */

/* As after power on, behind whoever it is; 8086:1889 or another ID. */
void iavf_model_power_on(struct iavf_model *m, uint16_t device_id, const struct iavf_behind *behind,
                         void *owner);
/* So many vectors it has, as the chip's NVM gives VFs. */
void iavf_model_set_vectors(struct iavf_model *m, unsigned vectors);
/* A reset of the VF by the chip (VFR) begins: queues and admin queue off, RSTAT 0 ... */
void iavf_model_reset_begin(struct iavf_model *m);
/* ... and is over as far as the PF's driver says so. */
void iavf_model_reset_end(struct iavf_model *m, enum virtchnl_reset_state state);
/* A message to the VF: an answer, or an event with status 0.  False: it was lost. */
bool iavf_model_tell(struct iavf_model *m, uint32_t op, int32_t status, const void *bytes,
                     uint32_t n);
/* A frame for receive queue q; false: there is no room, or it is off. */
bool iavf_model_deliver(struct iavf_model *m, unsigned q, const uint8_t *bytes, uint32_t length,
                        const uint32_t *hash);
/* One frame out of transmit queue q, if there is one. */
bool iavf_model_run(struct iavf_model *m, unsigned q);
void iavf_model_violation(struct iavf_model *m, const char *what, uint64_t value);
unsigned iavf_model_violations(const struct iavf_model *m);

/* A played PF (iavf_model_pf.c) --------------------------------------------------- */

extern const struct iavf_behind iavf_played_behind;
void iavf_model_play(struct iavf_model *m, enum iavf_model_kind kind);
/* The PF resets the VF, as its administrator's changes make it do; in one step. */
void iavf_model_pf_resets_vf(struct iavf_model *m);
void iavf_model_set_link(struct iavf_model *m, bool up);
void iavf_model_say_link(struct iavf_model *m);
void iavf_model_impend(struct iavf_model *m); /* the event alone */
/* A frame on the wire: false: it is for the VF, which has no room, or the link is down. */
bool iavf_model_inject(struct iavf_model *m, const uint8_t *bytes, uint32_t length);
uint32_t iavf_model_take(struct iavf_model *m, uint8_t *bytes, uint32_t size);

/* In the PCI tree of a test (iavf_model_tree.c) ------------------------------------ */
void iavf_model_init(struct iavf_model *m, enum iavf_model_kind kind);
