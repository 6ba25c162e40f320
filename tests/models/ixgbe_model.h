/* ixgbe_model.h - Intel's 82599 and X540: one port (a PF), up to 64 VFs, the switch between them,
 * the mailbox and the interrupts.
 *
 * Strict: whatever the documents forbid is counted, named on stderr and done nothing about.
 * It works only when asked: frames come in by ixgbe_model_inject() and go out by
 * ixgbe_model_take(); between VFs they move when ixgbe_model_run() or ixgbe_model_take() looks at
 * the transmit queues.  Memory is reached by pcispace_dma_read() and pcispace_dma_write() as the
 * function whose queue it is, interrupts leave by pcispace_interrupt(); who links it decides what
 * those are: tests/models/pcispace.c in one process with a driver, tests/linux/vfio_user.c under
 * QEMU.
 *
 * In one process:
 *   static struct ixgbe_model m;
 *   ixgbe_model_init(&m, IXGBE_MODEL_82599, mac);
 *       a root port, below it the PF, function 0; scanned, not probed: m.function.  VFs appear when
 *       VF Enable is set, their functions by pci_sriov_enable().
 *   ixgbe_model_inject(&m, frame, length)      from the wire; false: who wanted it had no room
 *   ixgbe_model_take(&m, frame, sizeof frame)  what reached the wire; 0: nothing
 *   ixgbe_model_violations(&m)                 0 at the end of a test
 *   ixgbe_model_init_vf(&m, chip)
 *       one VF as a hypervisor passes it through; the test plays its PF (ixgbe_model_pf_...).
 * Time is time_us(); waits of a driver move it.  What is slow or wrong with the chip is set in the
 * fields below after init.
 *
 * Witnesses: Linux 6.12 and DPDK agree on the register map; the datasheets of the 82599 (331520)
 * and of the X540 are unread but where a comment names a section. */
#pragma once

#include "nic/port.h"
#include "pci/pci.h"
#include "tests/models/pcispace.h"

#include <stdbool.h>
#include <stdint.h>

#define IXGBE_MODEL_VFS 64u
#define IXGBE_MODEL_POOLS 64u
#define IXGBE_MODEL_QUEUES 128u
#define IXGBE_MODEL_ADDRESSES 128u /* receive addresses */
#define IXGBE_MODEL_BAR_SIZE 0x20000u
#define IXGBE_MODEL_VF_BAR_SIZE 0x4000u
#define IXGBE_MODEL_WORDS 0x800u   /* of the NVM; 0 to 2 in the core section the MAC */
#define IXGBE_MODEL_MESSAGE 16u    /* words in a mailbox */
#define IXGBE_MODEL_FRAME 15872u   /* longest on the wire, FCS included: 15.5 KiB */
#define IXGBE_MODEL_WIRE (1u << 20)
#define IXGBE_MODEL_POOL_FIFO (48u << 10)
#define IXGBE_MODEL_VECTORS 64u
#define IXGBE_MODEL_SFP 256u       /* bytes of the module's memory */

enum ixgbe_model_chip { IXGBE_MODEL_82599, IXGBE_MODEL_X540, IXGBE_MODEL_82599_KX4 };

/* Frames that wait: of the wire, or of a pool that the test plays.  Each is its length in four
 * bytes, then itself; a ring of bytes. */
struct ixgbe_model_fifo {
    uint8_t *bytes;
    uint32_t size, first, used, count;
};

struct ixgbe_model;

struct ixgbe_model_vf {
    struct pcispace_device device;
    struct ixgbe_model *model;
    unsigned index;
    bool present;        /* VF Enable is set and NumVFs reaches it */
    bool played;         /* by the test: its queue is `frames`, it has no rings */
    bool told;           /* it read RSTI or RSTD and so knows that its queues are gone */
    bool queues_lost;    /* a reset by the PF took them; set up again since: false */
    unsigned violations; /* by whoever drives this VF */
    uint64_t flr_at_us;  /* of its last reset, by configuration space or VFCTRL.RST */
    unsigned flrs;
    uint32_t memory[IXGBE_MODEL_MESSAGE]; /* of its mailbox, which the PF sees as well */
    uint32_t mailbox;                     /* VFMAILBOX */
    uint32_t cause, mask, auto_clear, auto_mask, ivar[4], ivar_misc, itr[3];
    uint64_t packets_in, packets_out, bytes_in, bytes_out, multicasts_in;
    struct ixgbe_model_fifo frames;
};

/* What a queue knows beyond its registers. */
struct ixgbe_model_queue {
    uint64_t asked_us;      /* when its enable bit was written last */
    bool was_on;            /* before that */
    bool waited;            /* somebody saw the bit follow */
    bool held;              /* blocked by malicious-driver detection */
    uint64_t next_ns;       /* rate: not before */
    uint32_t context[2][4]; /* transmit contexts */
    bool context_valid[2];
};

struct ixgbe_model {
    /* Before the PF's driver reads a register: what else happens then. */
    void (*before_pf_reads)(struct ixgbe_model *m, uint32_t reg);
    struct pcispace_device bridge; /* the root port */
    struct pcispace_device device; /* the PF; unused by ixgbe_model_init_vf() */
    struct pci_function *function; /* the PF, or the lone VF, as the scan found it */
    struct ixgbe_model_vf vf[IXGBE_MODEL_VFS];
    enum ixgbe_model_chip chip;
    bool lone; /* ixgbe_model_init_vf() */
    uint32_t regs[IXGBE_MODEL_BAR_SIZE / 4];
    uint16_t nvm[IXGBE_MODEL_WORDS];
    uint8_t sfp[IXGBE_MODEL_SFP]; /* memory of the module, I2C address A0h */
    uint16_t phy[32][64];         /* X540: MDIO device, register below 64 */
    uint32_t rate[IXGBE_MODEL_QUEUES];
    struct ixgbe_model_queue rx[IXGBE_MODEL_QUEUES], tx[IXGBE_MODEL_QUEUES];
    struct ixgbe_model_fifo wire; /* sent, not yet taken */
    bool cable;
    uint64_t reset_at_us, nvm_asked_us, mdi_asked_us, master_asked_us, vf_enabled_us, fdir_asked_us;
    unsigned next_queue;     /* round robin */
    unsigned violations;     /* by the PF's driver */
    bool vfs_are_hostile;    /* what they break is counted, but not told */
    bool quiet;              /* nothing is told */
    unsigned resets, messages_lost;
    bool low_half_read[64];
    uint64_t vector_cause, vector_mask; /* of the PF, MSI-X */
    bool taken[8];           /* semaphores, tests' own view: ixgbe_model_nvm.c */
    struct {
        unsigned state, bit, byte;
        uint8_t value, pointer, address;
        bool clock, data, out;
    } i2c;

    /* How slow it is. */
    uint64_t reset_takes_us, nvm_takes_us, mdi_takes_us, queue_takes_us, master_takes_us;

    /* What is wrong with it. */
    bool reset_sticks;       /* CTRL.RST never clears */
    bool reset_does_nothing; /* it clears, and registers stay */
    bool queue_sticks;       /* RXDCTL.ENABLE and TXDCTL.ENABLE never follow */
    bool master_sticks;      /* STATUS keeps saying that requests are under way */
    bool dma_never_ready;    /* RDRXCTL.DMAIDONE never comes */
    bool security_sticks;    /* SECRXSTAT never says ready */
    bool gone;               /* reads are all ones, writes go nowhere */
    bool nvm_dead;           /* EERD.DONE never comes */
    bool no_auto_read;       /* EEC.ARD never comes */
    bool mdi_dead;           /* MSCA.MDICMD never clears */
    bool i2c_dead;           /* the module never acknowledges */
    bool no_module;          /* nothing in the cage */
    bool semaphore_stuck;    /* SWSM.SMBI is somebody else's for ever */
    bool messages_vanish;    /* REQ, STS and ACK of either side are lost */
    bool hide_writeback;     /* transmit descriptors are never reported done */
    bool patient;            /* inject: false only, and then nothing was counted, while a queue
                              * that is on has no room for the frame; else it is gone */
    bool waits;              /* that was so with the last one */
    bool dpdk;               /* it lets pass what DPDK does and Linux does not: sending on an X540
                              * without a look at the enable bit, the 82598's kinds of hash */

    /* ixgbe_model_pf_serve(): the PF of a lone VF. */
    struct {
        bool serves;          /* by itself, whenever the VF asks */
        uint8_t mac[MAC_LEN]; /* for the VF; zero: the answer to a reset is a refusal */
        bool cts;             /* clear to send: false until a reset was served */
        uint32_t queues;      /* what GET_QUEUES grants, 0: 1 */
        uint32_t api;         /* highest version it takes, as the message says it; 0: 1.5 */
        uint32_t agreed;      /* the one that was agreed upon last, as the message says it */
        uint32_t refused;     /* bit n: message type n is answered with NACK */
        uint32_t unanswered;  /* bit n: message type n is read and acknowledged, no more */
        uint32_t seen[32];    /* messages of type n served */
        uint32_t last[IXGBE_MODEL_MESSAGE];
        uint32_t answer[IXGBE_MODEL_MESSAGE]; /* waits until the VF lets go of the buffer */
        bool answers;
    } pf;
    uint8_t wire_bytes[IXGBE_MODEL_WIRE];
    uint8_t pool_bytes[IXGBE_MODEL_VFS][IXGBE_MODEL_POOL_FIFO];
};

/* Life ----------------------------------------------------------------------- */

/* Wipes the model and makes a fresh PCI tree: root port 00:04.0 (with ACS and ARI), below it the
 * PF, function 0 of device 0, with this MAC in its NVM.  Scanned but not probed. */
void ixgbe_model_init(struct ixgbe_model *m, enum ixgbe_model_chip chip,
                      const uint8_t mac[MAC_LEN]);
/* The lone VF, 00:05.0; its PF is up: RSTD set, link up, mailbox of VF 0, pool 0 on. */
void ixgbe_model_init_vf(struct ixgbe_model *m, enum ixgbe_model_chip chip);
/* The same into a tree that is there, root port at 00:`slot`.0 (the lone VF itself); the caller
 * scans, then asks for m->function with ixgbe_model_found(). */
void ixgbe_model_attach(struct ixgbe_model *m, enum ixgbe_model_chip chip,
                        const uint8_t mac[MAC_LEN], unsigned slot);
void ixgbe_model_attach_vf(struct ixgbe_model *m, enum ixgbe_model_chip chip, unsigned slot);
void ixgbe_model_found(struct ixgbe_model *m);
/* The same without a tree: m->device (or vf[0].device) is ready to be served to QEMU. */
void ixgbe_model_power_on(struct ixgbe_model *m, enum ixgbe_model_chip chip,
                          const uint8_t mac[MAC_LEN]);
void ixgbe_model_power_on_vf(struct ixgbe_model *m, enum ixgbe_model_chip chip);
/* The configuration space of a VF becomes what a hypervisor shows of it: IDs and BARs of its own.
 * Its registers answer while VF Enable is set. */
void ixgbe_model_pass_vf(struct ixgbe_model *m, unsigned vf);

/* What the documents forbid and a driver did, DMA at the wrong time included: all of them;
 * the PF's driver alone. */
unsigned ixgbe_model_violations(const struct ixgbe_model *m);
unsigned ixgbe_model_pf_violations(const struct ixgbe_model *m);
/* A PF register without side effects. */
uint32_t ixgbe_model_reg(const struct ixgbe_model *m, uint32_t reg);
void ixgbe_model_set_reg(struct ixgbe_model *m, uint32_t reg, uint32_t value);
/* Makes the NVM's checksum right again. */
void ixgbe_model_nvm_seal(struct ixgbe_model *m);

/* The wire ------------------------------------------------------------------- */

/* The cable, and so the link; tells LSC. */
void ixgbe_model_set_link(struct ixgbe_model *m, bool up);
/* One frame without FCS from the wire through filters and switch; as conformance.h says: false
 * when a pool that wanted it had no buffer, or nothing listens.  A frame that no filter wants
 * is true. */
bool ixgbe_model_inject(struct ixgbe_model *m, const uint8_t *frame, uint32_t length);
/* The oldest frame that reached the wire, 0: none.  Looks at the transmit queues in turn. */
uint32_t ixgbe_model_take(struct ixgbe_model *m, uint8_t *frame, uint32_t size);
/* All that waits in transmit queues moves, as far as the wire's FIFO holds it; frames sent. */
unsigned ixgbe_model_run(struct ixgbe_model *m);
/* Adds to a statistics register (PF's offset). */
void ixgbe_model_count(struct ixgbe_model *m, uint32_t reg, uint32_t n);

/* Playing a VF, without a driver ---------------------------------------------- */

/* Its registers as the VF sees them, whatever its configuration space says. */
uint32_t ixgbe_model_vf_read(struct ixgbe_model *m, unsigned vf, uint32_t reg);
void ixgbe_model_vf_write(struct ixgbe_model *m, unsigned vf, uint32_t reg, uint32_t value);
/* A well-behaved sender: takes VFU, writes, REQ.  False: the buffer is the PF's. */
bool ixgbe_model_vf_send(struct ixgbe_model *m, unsigned vf, const uint32_t *words, unsigned n);
/* PFSTS was set: copies the message, acknowledges.  False: nothing there. */
bool ixgbe_model_vf_receive(struct ixgbe_model *m, unsigned vf,
                            uint32_t words[IXGBE_MODEL_MESSAGE]);
/* Keeps VFU and says nothing. */
void ixgbe_model_vf_hold(struct ixgbe_model *m, unsigned vf, bool on);
void ixgbe_model_vf_flr(struct ixgbe_model *m, unsigned vf);
/* From now on frames for this pool land in its FIFO (no rings of its own needed), as long as
 * VFRE lets them. */
void ixgbe_model_vf_play(struct ixgbe_model *m, unsigned vf);
/* One frame into the switch as if from the VF's queue, `vlan` 0 or what its descriptor asks to
 * insert; false: VFTE or link says no, or it is dropped (spoofed, say).  No driver is asked. */
bool ixgbe_model_vf_transmit(struct ixgbe_model *m, unsigned vf, const uint8_t *frame,
                             uint32_t length, uint16_t vlan);
uint32_t ixgbe_model_vf_take(struct ixgbe_model *m, unsigned vf, uint8_t *frame, uint32_t size);
/* Malicious-driver detection strikes at this transmit queue (where the PF switched it on). */
void ixgbe_model_malicious(struct ixgbe_model *m, unsigned queue);

/* Playing the PF of a lone VF (index 0) ----------------------------------------- */

/* The VF asked (REQ): copies the message and acknowledges.  False: nothing there. */
bool ixgbe_model_pf_receive(struct ixgbe_model *m, uint32_t words[IXGBE_MODEL_MESSAGE]);
/* Answers and unasked control messages.  False: the VF owns the buffer. */
bool ixgbe_model_pf_send(struct ixgbe_model *m, const uint32_t *words, unsigned n);
/* What a PF's driver does with one message, as m->pf says.  False: none. */
bool ixgbe_model_pf_serve(struct ixgbe_model *m);
/* What Linux's does when it finds a reset of the VF: on a loaded host behind the greeting that
 * followed it, which it has answered.  The VF hears nothing of it. */
void ixgbe_model_pf_finds_reset(struct ixgbe_model *m);
/* The PF's chip resets: RSTI, queues off, CTS gone ... */
void ixgbe_model_pf_reset_begin(struct ixgbe_model *m);
/* ... and is back: RSTD. */
void ixgbe_model_pf_reset_end(struct ixgbe_model *m);
/* The PF keeps the buffer and says nothing. */
void ixgbe_model_pf_hold(struct ixgbe_model *m, bool on);
/* An unasked control message, with or without CTS. */
bool ixgbe_model_pf_ping(struct ixgbe_model *m, bool cts);
/* The VF's own reset was seen by the PF (VFLRE); clears it. */
bool ixgbe_model_pf_saw_flr(struct ixgbe_model *m);
/* The PF (or its administrator) switches the pool off or on: VFRE, VFTE. */
void ixgbe_model_pf_pool(struct ixgbe_model *m, bool on);

/* For lies -------------------------------------------------------------------- */

/* Descriptors that the chip holds in a receive queue (the chip's number); writes the next one back
 * as given (both words), without telling anybody; false: none. */
uint32_t ixgbe_model_rx_held(struct ixgbe_model *m, unsigned queue);
bool ixgbe_model_rx_return(struct ixgbe_model *m, unsigned queue, uint64_t low, uint64_t high);
/* Queues a pool has now: 128 without pools, else 2, 4 or 8. */
unsigned ixgbe_model_queues_per_pool(const struct ixgbe_model *m);
