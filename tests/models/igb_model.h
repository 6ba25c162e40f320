/* igb_model.h - Intel's 82576 and I350 from their datasheets: one PF, up to eight VFs, the
 * switch between them and the mailbox.
 *
 * Strict: whatever the document forbids is counted, named on stderr and done nothing about.
 * It works only when asked: frames come in by igb_model_inject() and go out by
 * igb_model_take(); between VFs they move when igb_model_run() or igb_model_take() looks at the
 * transmit queues.  Memory is reached through the DMA mappings of the function whose queue it is,
 * and only with that function's bus mastering on.
 *
 * Three ways to use it:
 *   igb_model_init()     a root port, below it the PF; VFs appear when VF Enable is set.  The
 *                        drivers are ours, or the test plays a VF (igb_model_vf_...).
 *   igb_model_init_vf()  one VF as a hypervisor passes it through: an ordinary function.  The
 *                        test plays its PF (igb_model_pf_...).
 *   igb_model_attach...  the same, one more in a tree that is there.
 *
 * Where QEMU 10.0's igb is otherwise (read in its source, or seen): a pool gets its own frames back
 * (`echoes`); RVFU clears the VF's view only (`rvfu_sticks`); MPME, VLVF.LVLAN, LLE, replication
 * off, anti-spoofing, rates and UPE are not there, and ROMPE stands for ROPE; RPLOLR is for
 * multicast, not broadcast; a known station stays inside whatever its VLAN; a queue without
 * buffers loses the frame and counts nothing; resets, queues and EERD are immediate, AUTO_RD never
 * comes; queue 0 and tails of queues that are off are taken as written; VFs are at +128
 * with and without ARI.  The I350 is in no QEMU.
 *
 * Documents: Intel 82576EB Datasheet 320961 r2.63 ("82576 DS"), I350 Datasheet 333171
 * ("I350 DS"), PCI Express Base 5.0 ("PCIe"). */
#pragma once

#include "nic/port.h"
#include "pci/pci.h"
#include "tests/models/pcispace.h"

#include <stdbool.h>
#include <stdint.h>

#define IGB_MODEL_VFS 8u
#define IGB_MODEL_POOLS 8u
#define IGB_MODEL_QUEUES 16u
#define IGB_MODEL_BAR_SIZE 0x20000u
#define IGB_MODEL_VF_BAR_SIZE 0x4000u
#define IGB_MODEL_WORDS 64u   /* of the NVM: 0 to 2 the MAC, sum of all 0xbaba */
#define IGB_MODEL_MESSAGE 16u /* words in a mailbox */
#define IGB_MODEL_FRAME 9728u /* longest on the wire, FCS included: 82576 DS 1.3, 9.5 KiB */
#define IGB_MODEL_FIFO 32u

enum igb_model_chip { IGB_MODEL_82576, IGB_MODEL_I350 };

/* Frames that wait for the test: of the wire, or of a VF that the test plays. */
struct igb_model_fifo {
    uint32_t first, count;
    uint16_t length[IGB_MODEL_FIFO];
    uint8_t bytes[IGB_MODEL_FIFO][IGB_MODEL_FRAME];
};

struct igb_model;

struct igb_model_vf {
    struct pcispace_device device;
    struct igb_model *model;
    unsigned index;
    bool present;        /* VF Enable is set and NumVFs reaches it */
    bool played;         /* by the test: its queue is `frames`, it has no rings */
    unsigned violations; /* by whoever drives this VF */
    bool told;           /* it read RSTI or RSTD and so knows that its queues are gone */
    bool queues_lost;    /* a reset by the PF took them; set up again since: false */
    uint64_t flr_at_us;  /* of its last reset, by configuration space or CTRL.RST */
    unsigned flrs;
    struct igb_model_fifo frames;
};

/* What a queue knows beyond its registers. */
struct igb_model_queue {
    uint64_t asked_us;      /* when its enable bit was written last */
    bool was_on;            /* before that */
    bool held;              /* blocked by malicious-driver detection until the PF frees it */
    uint64_t next_ns;       /* rate: not before */
    uint32_t context[2][4]; /* transmit contexts */
    bool context_valid[2];
};

struct igb_model {
    /* Before the PF's driver reads a register: what else happens then. */
    void (*before_pf_reads)(struct igb_model *m, uint32_t reg);
    struct pcispace_device bridge; /* the root port */
    struct pcispace_device device; /* the PF; unused by igb_model_init_vf() */
    struct pci_function *function; /* the PF, or the lone VF, as the scan found it */
    struct igb_model_vf vf[IGB_MODEL_VFS];
    enum igb_model_chip chip;
    bool lone; /* igb_model_init_vf() */
    uint32_t regs[IGB_MODEL_BAR_SIZE / 4];
    uint16_t phy[32];
    uint16_t nvm[IGB_MODEL_WORDS];
    uint32_t mailbox[IGB_MODEL_VFS]; /* V2PMAILBOX of each VF */
    uint32_t rate[IGB_MODEL_QUEUES];
    struct igb_model_queue rx[IGB_MODEL_QUEUES], tx[IGB_MODEL_QUEUES];
    struct igb_model_fifo wire; /* sent, not yet taken */
    uint16_t sriov;             /* offset of the PF's capability */
    bool cable;
    uint64_t reset_at_us, nvm_asked_us, mdic_asked_us, master_asked_us, vf_enabled_us;
    unsigned next_queue;  /* round robin */
    unsigned violations;  /* by the PF's driver */
    bool vfs_are_hostile; /* what they break is counted, but not told */
    unsigned resets, rctl_writes;
    unsigned messages_lost;
    bool low_half_read[4]; /* GORC, GOTC, TOR, TOT */
    uint32_t pools_locked; /* 82576: their queues were VFs', until IOVCTL.REUSE_VFQ */
    uint32_t vfta_tries;   /* writes of the same VFTA register in a row */
    uint32_t vfta_last;

    /* How slow it is. */
    uint64_t reset_takes_us, nvm_takes_us, mdic_takes_us, queue_takes_us, master_takes_us;

    /* What is wrong with it. */
    bool reset_sticks;       /* CTRL.RST never clears */
    bool reset_does_nothing; /* it clears, and registers stay */
    bool queue_sticks;       /* RXDCTL.ENABLE and TXDCTL.ENABLE never follow */
    bool master_sticks;      /* STATUS.GIO_MASTER_EN stays set */
    bool gone;               /* reads are all ones, writes go nowhere */
    bool nvm_dead;           /* EERD.DONE never comes */
    bool no_auto_read;       /* EEC.AUTO_RD never comes (QEMU) */
    bool mdic_dead;          /* MDIC.READY never comes */
    bool semaphore_stuck;    /* SWSM.SMBI is somebody else's for ever */
    bool messages_vanish;    /* REQ, STS and ACK of either side are lost */
    unsigned vfta_loses;     /* so many writes of VFTA in a row go nowhere while the switch is on
                              * (I350 Specification Update, erratum 20) */
    bool double_vlan;        /* the NVM asks for two tags a packet: CTRL_EXT bit 26 after resets */
    bool hide_writeback;     /* transmit descriptors are never reported done */
    bool echoes;             /* a pool gets its own group frames and unknown unicast back (QEMU) */
    bool rvfu_sticks;        /* P2VMAILBOX.VFU stays after RVFU, until the VF writes (QEMU) */
    bool upe_gates;          /* unknown unicast reaches the default pool only with RCTL.UPE: of
                              * the two readings of 82576 DS 7.10.3.3 the one QEMU does not take */

    /* igb_model_pf_serve(): the PF of a lone VF. */
    struct {
        uint8_t mac[MAC_LEN]; /* for the VF; zero: the answer to a reset is a refusal */
        bool cts;             /* clear to send: false until a reset was served */
        uint32_t refused;     /* bit n: message type n is answered with NACK */
        uint32_t unanswered;  /* bit n: message type n is read and acknowledged, no more */
        uint32_t seen[16];    /* messages of type n served */
        uint32_t last[IGB_MODEL_MESSAGE];
    } pf;
};

/* Life ----------------------------------------------------------------------- */

/* Wipes the model and makes a fresh PCI tree: root port 00:04.0 (with ACS and ARI), below it the
 * PF, function 0 of device 0, with this MAC in its NVM.  Scanned but not probed. */
void igb_model_init(struct igb_model *m, enum igb_model_chip chip, const uint8_t mac[MAC_LEN]);
/* The lone VF, 00:05.0; its PF is up: RSTD set, link up, mailbox of VF 0, pool 0 on. */
void igb_model_init_vf(struct igb_model *m, enum igb_model_chip chip);
/* The same into a tree that is there, root port at 00:`slot`.0 (the lone VF itself); the caller
 * scans, then asks for m->function with igb_model_found(). */
void igb_model_attach(struct igb_model *m, enum igb_model_chip chip, const uint8_t mac[MAC_LEN],
                      unsigned slot);
void igb_model_attach_vf(struct igb_model *m, enum igb_model_chip chip, unsigned slot);
void igb_model_found(struct igb_model *m);

/* What the document forbids and a driver did, DMA at the wrong time included: all of them;
 * the PF's driver alone. */
unsigned igb_model_violations(const struct igb_model *m);
unsigned igb_model_pf_violations(const struct igb_model *m);
/* A PF register without side effects. */
uint32_t igb_model_reg(const struct igb_model *m, uint32_t reg);
void igb_model_set_reg(struct igb_model *m, uint32_t reg, uint32_t value);
/* Makes NVM word 63 right again. */
void igb_model_nvm_seal(struct igb_model *m);

/* The wire ------------------------------------------------------------------- */

void igb_model_set_link(struct igb_model *m, bool up);
/* One frame without FCS from the wire through filters and switch; as conformance.h says: false
 * when a pool that wanted it had no buffer, or nothing listens.  A frame that no filter wants
 * is true. */
bool igb_model_inject(struct igb_model *m, const uint8_t *frame, uint32_t length);
/* The oldest frame that reached the wire, 0: none.  Looks at the transmit queues in turn. */
uint32_t igb_model_take(struct igb_model *m, uint8_t *frame, uint32_t size);
/* All that waits in transmit queues moves, as far as the wire's FIFO holds it; frames sent. */
unsigned igb_model_run(struct igb_model *m);
/* Adds to a statistics register (PF's offset), which sticks at all ones where the document says
 * so (4000h block) and wraps where it says that (VF counters). */
void igb_model_count(struct igb_model *m, uint32_t reg, uint32_t n);

/* Playing a VF, without a driver ---------------------------------------------- */

/* Its registers as the VF sees them, whatever its configuration space says. */
uint32_t igb_model_vf_read(struct igb_model *m, unsigned vf, uint32_t reg);
void igb_model_vf_write(struct igb_model *m, unsigned vf, uint32_t reg, uint32_t value);
/* A well-behaved sender: takes VFU, writes, REQ.  False: the buffer is the PF's. */
bool igb_model_vf_send(struct igb_model *m, unsigned vf, const uint32_t *words, unsigned n);
/* PFSTS was set: copies the message, acknowledges.  False: nothing there. */
bool igb_model_vf_receive(struct igb_model *m, unsigned vf, uint32_t words[IGB_MODEL_MESSAGE]);
/* Keeps VFU and says nothing. */
void igb_model_vf_hold(struct igb_model *m, unsigned vf, bool on);
void igb_model_vf_flr(struct igb_model *m, unsigned vf);
/* From now on frames for this VF's pool land in its FIFO (no rings of its own needed), as long as
 * VFRE lets them. */
void igb_model_vf_play(struct igb_model *m, unsigned vf);
/* One frame into the switch as if from the VF's queue, `vlan` 0 or what its descriptor asks to
 * insert; false: VFTE or link says no, or it is dropped (spoofed, say).  No driver is asked. */
bool igb_model_vf_transmit(struct igb_model *m, unsigned vf, const uint8_t *frame, uint32_t length,
                           uint16_t vlan);
uint32_t igb_model_vf_take(struct igb_model *m, unsigned vf, uint8_t *frame, uint32_t size);

/* Malicious-driver detection of the I350 strikes at this queue (82576: nothing). */
void igb_model_malicious(struct igb_model *m, unsigned queue);

/* Playing the PF of a lone VF (index 0) ----------------------------------------- */

/* The VF asked (REQ): copies the message and acknowledges.  False: nothing there. */
bool igb_model_pf_receive(struct igb_model *m, uint32_t words[IGB_MODEL_MESSAGE]);
/* Answers and unasked control messages.  False: the VF owns the buffer. */
bool igb_model_pf_send(struct igb_model *m, const uint32_t *words, unsigned n);
/* What a PF's driver does with one message, as m->pf says: reads, acknowledges, answers with the
 * type and ACK or NACK, CTS when m->pf.cts; programs MAC, VLAN, multicast, LPE.  False: none. */
bool igb_model_pf_serve(struct igb_model *m);
/* The PF's chip resets: RSTI, queues off, CTS gone ... */
void igb_model_pf_reset_begin(struct igb_model *m);
/* ... and is back: RSTD. */
void igb_model_pf_reset_end(struct igb_model *m);
/* The PF keeps the buffer and says nothing. */
void igb_model_pf_hold(struct igb_model *m, bool on);
/* An unasked control message, with or without CTS. */
bool igb_model_pf_ping(struct igb_model *m, bool cts);
/* The VF's own reset was seen by the PF (VFLRE); clears it. */
bool igb_model_pf_saw_flr(struct igb_model *m);
/* The PF (or its administrator) switches the pool off or on: VFRE, VFTE. */
void igb_model_pf_pool(struct igb_model *m, bool on);

/* For lies -------------------------------------------------------------------- */

/* Descriptors that the chip holds in a receive queue (chip's number: pool p has p and p + 8);
 * writes the next one back as given (both words), without telling anybody; false: none. */
uint32_t igb_model_rx_held(struct igb_model *m, unsigned queue);
bool igb_model_rx_return(struct igb_model *m, unsigned queue, uint64_t low, uint64_t high);
/* The RSS hash of a frame with this key (40 bytes); *type as in the descriptor, 0: none. */
uint32_t igb_model_rss_hash(const uint8_t key[40], uint32_t mrqc, const uint8_t *frame,
                            uint32_t length, unsigned *type);
