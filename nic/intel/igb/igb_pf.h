/* igb_pf.h - what the master driver knows of its VFs: between the chip's part (igb_pf.c: pools,
 * switch, filters, policies) and the mailbox server (igb_mailbox.c).
 *
 * Of a VF there is what the administrator wants (`policy`, kept for as long as VFs are in
 * force) and what the VF's driver has asked for and was granted (the rest, forgotten
 * whenever the VF or the PF is reset).  igb_pf_program() makes the chip's registers follow both.
 * Control core only. */
#pragma once

#include "nic/intel/igb/igb.h"
#include "nic/intel/igb/igb_virt_regs.h"
#include "nic/intel/intel_mbx.h"

#include "kernel/limit.h"
#include "kernel/time.h"

#include <stdbool.h>
#include <stdint.h>

#define IGB_VFS_MAX (IGB_POOLS - 1) /* one pool is the PF's */
#define IGB_VF_MACS 3u              /* further addresses of one VF */
#define IGB_RAR_VF 1u               /* receive addresses: 0 the PF's, then VFs', then further */
#define IGB_RAR_FILTER (IGB_RAR_VF + IGB_VFS_MAX)
#define IGB_RAR_REGS 32u            /* at most: igb_chip.addresses */
#define IGB_VF_FRAME_MIN 64u        /* FCS included, IEEE 802.3 4A.4.2 */
#define IGB_VF_FRAME_DEFAULT 1522u  /* IEEE 802.3 3.2.7, with one tag */
#define IGB_VF_COUNTERS 5u
#define IGB_VF_MUTED_US (10 * US_PER_S) /* at least so long is a VF not served that misbehaved */

struct igb_vf {
    struct vf_policy policy;

    /* Asked for by the VF and granted. */
    uint8_t mac[MAC_LEN];
    uint8_t macs[IGB_VF_MACS][MAC_LEN];
    uint16_t vlans[IGB_VLVF_REGS];
    uint16_t hashes[MBX_MULTICAST_MAX];
    uint8_t mac_count, vlan_count, hash_count;
    bool promiscuous, all_multicast, overflow; /* overflow: more groups than a message holds */
    uint16_t frame; /* longest, FCS included */
    bool cts;       /* its driver has reset; served and switched on */

    /* Mailbox */
    bool stuck;       /* the buffer was taken away, and no message came since */
    bool unread;      /* our last message, maybe */
    bool ping;        /* to be told to look at link and CTS */
    bool nack;        /* when it reads a ping without CTS it is told to reset */
    bool waiting;     /* its message was counted as deferred */
    bool muted;       /* by malicious-driver detection */
    bool blocked;     /* by it, until MDFB reads clear */
    unsigned strikes; /* events of it in a row */
    uint64_t held_us, unread_us, muted_us, log_us;
    struct limit tokens;
    unsigned unlogged;

    /* Counters, and what the chip's read last time. */
    uint32_t last[IGB_VF_COUNTERS];
    uint64_t total[IGB_VF_COUNTERS];
    uint64_t spoofed, malicious, messages, refused, invalid, deferred, resets;
    const char *last_refusal;
};

struct igb_pf {
    struct igb_vf vf[IGB_VFS_MAX];
    unsigned count;
    bool open;  /* between igb_pf_open() and igb_pf_close() */
    bool fresh; /* nothing below is in the chip yet */
    uint64_t collect_us, events_us;

    /* Registers as last written. */
    uint32_t ral[IGB_RAR_REGS], rah[IGB_RAR_REGS];
    uint32_t vlvf[IGB_VLVF_REGS];
    uint32_t vfta[IGB_VFTA_REGS], mta[IGB_MTA_REGS];
    uint32_t uta, vt_ctl, rplolr, txswc;
    uint32_t vmolr[IGB_POOLS], vmvir[IGB_POOLS], dvmolr[IGB_POOLS];
};

/* igb_pf.c: ---------------------------------------------------------------------------- */

/* The registers follow what is wanted and granted; only what differs is written. */
void igb_pf_program(struct igb *e);
/* The VF forgets what it had been granted; the chip is not told yet. */
void igb_vf_forget(struct igb *e, unsigned vf);
/* After a function reset. */
void igb_vf_clear_queues(struct igb *e, unsigned vf);
/* NULL, or why the VF cannot have that address: static text. */
const char *igb_vf_mac_trouble(const struct igb *e, unsigned vf, const uint8_t mac[MAC_LEN]);
/* False: all VLAN filters are taken. */
bool igb_vf_vlan_fits(const struct igb *e, uint16_t vlan);
unsigned igb_vf_filters_free(const struct igb *e);
bool igb_vf_may_speak(const struct igb_vf *v);

/* igb_mailbox.c: ----------------------------------------------------------------------- */

/* One message of each VF at most, resets before them.  False: the device is gone. */
bool igb_mbx_poll(struct igb *e, uint64_t now_us);
/* The VF's driver must start anew: not served, not switched on, and told so when it can be. */
void igb_mbx_revoke(struct igb *e, unsigned vf);
/* The mailboxes as after a reset of the chip. */
void igb_mbx_open(struct igb *e);
/* Last words: pings to all that can take one now. */
void igb_mbx_close(struct igb *e);
/* One line of the log may be written about this VF; those that may not are counted. */
bool igb_vf_may_log(struct igb_vf *v, uint64_t now_us);
