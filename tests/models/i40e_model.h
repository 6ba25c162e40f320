/* i40e_model.h - Intel's X710, XL710, XXV710 and X722 as one of their PFs sees them: registers, the
 * resets of three kinds, firmware behind an admin queue, the HMC's private memory, VSIs and their
 * switch; and its VFs, each of them an iavf_model.h.
 *
 * Strict: whatever is forbidden is counted, named on stderr and done nothing about.  It works only
 * when asked: frames come in by i40e_model_inject() and go out by i40e_model_take().  Memory is
 * reached by pcispace_dma_read() and pcispace_dma_write(), interrupts leave by
 * pcispace_interrupt(); who links it decides what those are: tests/models/pcispace.c in one process
 * with a driver, tests/linux/vfio_user.c under QEMU.
 *
 * In one process:
 *   static struct i40e_model m;
 *   i40e_model_init(&m, I40E_MODEL_X710, 0, mac);
 *       a root port, below it the PF, function 0; scanned, not probed: m.function
 *       with SR-IOV; when its driver has VFs, m.vf[n] are as their drivers see them
 *   i40e_model_inject(&m, frame, length)      from the wire; false: who wanted it had no room
 *   i40e_model_take(&m, frame, sizeof frame)  what reached the wire; 0: nothing
 *   i40e_model_violations(&m)                 0 at the end of a test
 * Time is time_us(); waits of a driver move it.  What is slow or wrong with the chip is set in the
 * fields below after init.
 *
 * Witnesses: Linux 6.12 and DPDK agree on registers, commands and contexts; Intel's datasheet
 * (332464) is unread. */
#pragma once

#include "nic/port.h"
#include "pci/pci.h"
#include "tests/models/i40e_aq_device.h"
#include "tests/models/i40e_engine.h"
#include "tests/models/iavf_model.h"
#include "tests/models/pcispace.h"

#include <stdbool.h>
#include <stdint.h>

#define I40E_MODEL_QUEUES 768u /* pairs that a PF can have */
#define I40E_MODEL_VFS 128u    /* of the chip: its ports share them */
#define I40E_MODEL_VSIS (I40E_MODEL_VFS + 2)
#define I40E_MODEL_FILTERS 1024u /* MAC and VLAN pairs */
#define I40E_MODEL_VLANS 512u    /* entries of VSIs' VLAN tables, and their promiscuous VLANs */
#define I40E_MODEL_VF_VECTORS 5u
#define I40E_MODEL_VF_QUEUES 16u
#define I40E_MODEL_VECTORS 129u
#define I40E_MODEL_REGISTERS 0x3f0000u
#define I40E_MODEL_WORDS 0x800u /* of the shadow RAM: one sector, where boards have sixteen */
#define I40E_MODEL_FRAME 9728u  /* longest on the wire, FCS included */
#define I40E_MODEL_WIRE (1u << 20)
#define I40E_MODEL_SDS 16u      /* segments of private memory that the PF may fill */
#define I40E_MODEL_EVENTS 64u   /* that wait for a descriptor of the admin receive queue */
#define I40E_MODEL_COUNTERS 64u
#define I40E_MODEL_VSI_COUNTERS 11u

/* Of two ports, but for the XL710 with one and the X710 with four. */
enum i40e_model_chip {
    I40E_MODEL_X710,
    I40E_MODEL_XL710,
    I40E_MODEL_XXV710,
    I40E_MODEL_XL710_ONE,
    I40E_MODEL_X710_FOUR,
    I40E_MODEL_X722
};

enum i40e_model_reset { I40E_RESET_NONE, I40E_RESET_PF, I40E_RESET_CORE, I40E_RESET_GLOBAL };

struct i40e_model_vsi {
    bool used;
    uint16_t seid, uplink, number;
    uint8_t vf, connection;
    uint16_t flags;          /* of Add VSI: whose it is */
    uint8_t properties[128]; /* as Get VSI Parameters gives them */
    uint16_t promiscuous;
    uint16_t credit; /* its rate in 50 Mb/s; 0: as the port's. Recorded, not enforced */
};

struct i40e_model_filter {
    bool used, ignore_vlan;
    uint16_t vsi, vlan;
    uint8_t mac[MAC_LEN];
};

struct i40e_model_vlan { /* a VLAN of a VSI's own: promiscuous in it, or heard */
    bool used;
    uint16_t vsi, vlan, promiscuous;
};

struct i40e_model_queue {
    struct i40e_engine_queue ring; /* of the PF's own; of a VF's it is the VF's */
    bool asked; /* QENA_REQ */
    bool on;    /* QENA_STAT */
    bool ready; /* it was announced: GLLAN_TXPRE_QDIS */
    bool lost;  /* its VF was reset since */
    uint8_t vf, vf_queue; /* whose it is since it went on: 0: the PF's, else the VF's number + 1 */
    uint64_t asked_us;
};

/* What the PF's side has of a VF. */
struct i40e_model_vf {
    bool present, wants_reset; /* VF Enable; VFSWR */
    bool played;               /* by the test: what it is told is in i40e_model.told */
    uint64_t reset_us;
};

struct i40e_model_told {
    unsigned vf, count;
    uint32_t op, n;
    int32_t status;
    uint8_t bytes[I40E_AQ_BUFFER];
};

struct i40e_model_event {
    struct i40e_aq_desc desc;
    uint16_t n;
    uint8_t bytes[I40E_AQ_BUFFER];
};

struct i40e_model {
    struct pcispace_device bridge; /* the root port */
    struct pcispace_device device;
    struct pci_function *function; /* as the scan found it */
    enum i40e_model_chip chip;
    unsigned pf; /* which of the chip's PFs this is, and which port */
    unsigned ports, vfs, queues, vsis; /* of the chip; of this PF */
    uint32_t regs[I40E_MODEL_REGISTERS / 4];
    uint16_t nvm[I40E_MODEL_WORDS];
    uint8_t mac[MAC_LEN], laa[MAC_LEN]; /* permanent, and as written by the driver */
    struct i40e_aq_device aq;
    struct i40e_engine engine;
    struct i40e_model_queue rx[I40E_MODEL_QUEUES], tx[I40E_MODEL_QUEUES];
    struct i40e_model_vsi vsi[I40E_MODEL_VSIS];
    struct i40e_model_filter filter[I40E_MODEL_FILTERS];
    struct i40e_model_vlan vlan[I40E_MODEL_VLANS];
    struct i40e_model_event event[I40E_MODEL_EVENTS];
    unsigned events;        /* that wait */
    unsigned messages_lost; /* of VFs, because so many waited */
    uint64_t counter[I40E_MODEL_COUNTERS]; /* the port's */
    uint64_t vsi_counter[I40E_MODEL_VSIS][I40E_MODEL_VSI_COUNTERS];
    uint64_t spoofed;       /* frames that a VSI's checks dropped */
    struct i40e_model_told told; /* the last message to a VF that the test plays */

    /* Vectors: what happened while they were masked. */
    bool pending[I40E_MODEL_VECTORS];
    uint32_t fired[I40E_MODEL_VECTORS]; /* so often */

    /* Private memory. */
    struct {
        uint64_t address;
        bool valid, direct;
    } sd[I40E_MODEL_SDS];

    /* The link and its firmware. */
    bool cable, link_wanted, events_on, told_up;
    uint16_t phy_mask, max_frame;
    uint8_t phy_config[16]; /* as Set PHY Config left it */
    bool lldp_agent, nvm_owned, pxe_cleared, shut_down;
    uint16_t default_vsi; /* seid; 0: none */
    uint16_t veb;         /* likewise: the switch that VSIs hang on, if somebody made one */
    uint16_t veb_flags;
    uint16_t drops_ethertype; /* of frames that no VSI may send; 0: none */

    /* Resets under way. */
    enum i40e_model_reset reset_kind;
    uint64_t reset_at_us, reset_until_us;
    bool unaware; /* the chip was reset, the driver has not begun anew: nothing happens */
    unsigned resets[I40E_RESET_GLOBAL + 1];

    unsigned next_queue; /* round robin */
    uint8_t *wire;       /* sent, not yet taken: length in four bytes, then the frame; a ring */
    uint32_t wire_first, wire_used;
    unsigned violations;
    bool quiet; /* nothing is told */
    bool waits; /* the last inject found no room */

    /* How slow it is. */
    uint64_t pf_reset_takes_us, reset_delay_us, reset_takes_us, queue_takes_us, nvm_takes_us;
    uint64_t vfr_takes_us;  /* until VFRSTAT says so */
    uint64_t vf_pending_us; /* so long after its reset a VF has transactions pending */

    /* What is wrong with it. */
    bool counters_stay;     /* whatever is reset */
    unsigned counter_moves; /* once, after so many reads of counters: each by 2^32 - 1 */
    bool pf_reset_sticks;   /* PFGEN_CTRL.PFSWR never clears */
    bool queue_sticks;      /* QENA_STAT never follows */
    bool nvm_dead;          /* GLNVM_SRCTL.DONE never comes */
    bool nvm_taken;         /* the NVM is somebody else's for ever */
    bool never_loaded;      /* GLNVM_ULD never says that the NVM is */
    bool recovery;          /* firmware is in its recovery mode */
    bool vfr_sticks;        /* VFRSTAT never says that a VF's reset is over */
    bool gone;              /* reads are all ones, writes go nowhere */
    bool patient;           /* inject: false only while a queue that is on has no room */
    bool dpdk;              /* what only DPDK does is let pass: tests/linux/README.md names it */
    uint16_t refused_opcode, refusal; /* answered with that code; opcode 0: none */
    unsigned refusals;      /* so many times; 0: for ever */
    uint16_t api_minor;     /* of firmware's interface 1.x; 0: 15 */
    uint16_t api_major;     /* 0: 1 */
    void (*lie)(struct i40e_model *m, uint16_t opcode, struct i40e_aq_desc *desc,
                uint8_t *buffer); /* changes an answer */

    uint8_t wire_bytes[I40E_MODEL_WIRE];

    uint64_t vfs_enabled_us;
    struct i40e_model_vf vf_state[I40E_MODEL_VFS];
    struct iavf_model vf[I40E_MODEL_VFS]; /* last: m->vfs of them are used */
};

/* Wipes the model and makes a fresh PCI tree: root port 00:04.0, below it the PF with this MAC in
 * its NVM.  Scanned but not probed. */
void i40e_model_init(struct i40e_model *m, enum i40e_model_chip chip, unsigned pf,
                     const uint8_t mac[MAC_LEN]);
/* The same into a tree that is there, root port at 00:`slot`.0; the caller scans, then asks for
 * m->function with i40e_model_found(). */
void i40e_model_attach(struct i40e_model *m, enum i40e_model_chip chip, unsigned pf,
                       const uint8_t mac[MAC_LEN], unsigned slot);
void i40e_model_found(struct i40e_model *m);
/* Finds m->vf[n].function of the VFs that are enabled. */
void i40e_model_found_vfs(struct i40e_model *m);
/* The same without a tree: m->device is ready to be served to QEMU. */
void i40e_model_power_on(struct i40e_model *m, enum i40e_model_chip chip, unsigned pf,
                         const uint8_t mac[MAC_LEN]);

/* VF `n` of it as an ordinary function, in a machine that has nothing else of the chip. */
void i40e_model_pass_vf(struct i40e_model *m, unsigned n);

unsigned i40e_model_violations(const struct i40e_model *m); /* VFs' too */
unsigned i40e_model_pf_violations(const struct i40e_model *m);
/* A register without side effects. */
uint32_t i40e_model_reg(const struct i40e_model *m, uint32_t reg);
/* Makes the NVM's checksum right again. */
void i40e_model_nvm_seal(struct i40e_model *m);

/* The cable, and so the link; tells the driver, if it asked for that. */
void i40e_model_set_link(struct i40e_model *m, bool up);
/* One frame without FCS from the wire through the switch; as conformance.h says: false when a VSI
 * that wanted it had no buffer, or nothing listens.  A frame that no filter wants is true. */
bool i40e_model_inject(struct i40e_model *m, const uint8_t *frame, uint32_t length);
/* The oldest frame that reached the wire, 0: none.  Looks at the transmit queues in turn. */
uint32_t i40e_model_take(struct i40e_model *m, uint8_t *frame, uint32_t size);
/* Another PF, or firmware, resets the chip. */
void i40e_model_reset_begin(struct i40e_model *m, enum i40e_model_reset kind);
/* Malicious-driver detection strikes at this transmit queue of the PF. */
void i40e_model_malicious(struct i40e_model *m, unsigned queue);
/* At this one of a VF. */
void i40e_model_malicious_vf(struct i40e_model *m, unsigned vf, unsigned queue);
/* The test is the driver of VF `n`: it listens whatever its registers say, and says this; its
 * function is reset (VFLR). */
void i40e_model_vf_play(struct i40e_model *m, unsigned n);
void i40e_model_vf_say(struct i40e_model *m, unsigned n, uint32_t op, const void *bytes,
                       uint32_t length);
void i40e_model_vf_flr(struct i40e_model *m, unsigned n);
/* The private memory is found wrong. */
void i40e_model_hmc_error(struct i40e_model *m, uint32_t info, uint32_t data);
/* An event of firmware's. */
void i40e_model_event(struct i40e_model *m, const struct i40e_aq_desc *desc);
