/* vf_server.h - the PF's end of the mailbox between an Intel PF and its VFs: what the
 * administrator wants of each VF, what its driver asks for, and what it gets.
 *
 * The protocol (intel_mbx.h) and its rules are here, whatever the chip; a chip says where its
 * mailboxes are, what happened in them, and makes its filters and pools follow (struct
 * vf_server_ops).  igb_pf.c and ixgbe_sriov.c are two; what only VFs of the 10 Gb/s chips ask for
 * is answered in ixgbe_vfs.c.  Chips whose VFs speak virtchnl share what vf_policy.c does, and have
 * no ops and no mailboxes here: i40e/virtchnl_server.h.
 *
 * Of a VF there is what the administrator wants (`policy`, kept for as long as VFs are in
 * force) and what the VF's driver has asked for and was granted (the rest, forgotten
 * whenever the VF or the PF is reset).
 *
 * Control task only.  unread in this file: IEEE 802.3. */
#pragma once

#include "kernel/limit.h"
#include "kernel/time.h"
#include "nic/intel/intel_mbx.h"
#include "nic/port.h"
#include "nic/vf.h"

#include <stdbool.h>
#include <stdint.h>

#define VF_MACS 3u             /* further addresses of one VF of a chip with mailboxes */
#define VF_MACS_MAX 16u        /* and of one with virtchnl */
#define VF_VLANS_MAX 64u       /* VLAN filters of a chip, at most */
#define VF_FRAME_MIN 64u       /* FCS included, IEEE 802.3 4A.4.2 */
#define VF_FRAME_MAX 9728u     /* FCS and tag included: as long as these chips can */
#define VF_FRAME_DEFAULT 1522u /* IEEE 802.3 3.2.7, with one tag */
#define VF_FRAME_UNTAGGED 1518u
#define VF_MUTED_US (10 * US_PER_S) /* at least so long is a VF not served that misbehaved */

struct vf_state {
    struct vf_policy policy;

    /* Asked for by the VF and granted. */
    uint8_t mac[MAC_LEN];
    uint8_t macs[VF_MACS_MAX][MAC_LEN];
    uint16_t vlans[VF_VLANS_MAX];
    uint16_t hashes[MBX_MULTICAST_MAX];
    uint8_t mac_count, vlan_count, hash_count;
    bool promiscuous, all_multicast, overflow; /* overflow: more groups than a message holds */
    bool no_groups;   /* it listed some, and does not want to hear them */
    enum mbx_api api; /* the version it speaks */
    uint16_t frame; /* longest, FCS and tags included: for how many only it knows */
    bool cts;       /* its driver has reset; served and switched on */

    /* Mailbox */
    bool stuck;       /* the buffer was taken away, and no message came since */
    bool unread;      /* our last message, maybe */
    bool ping;        /* to be told to look at link and CTS */
    bool nack;        /* it reads and has no CTS: it is told to reset, until it does */
    bool waiting;     /* its message was counted as deferred */
    bool muted;       /* by malicious-driver detection */
    uint32_t answer[MBX_WORDS]; /* waits until the VF lets go of the buffer */
    unsigned answer_words;      /* 0: none */
    unsigned strikes; /* events of it in a row */
    uint64_t greeted_us; /* its reset or version was granted, and it said nothing since; or 0 */
    uint64_t held_us, unread_us, nack_us, muted_us, log_us;
    struct limit tokens;
    unsigned unlogged;

    uint64_t spoofed, malicious, messages, refused, invalid, deferred, resets;
    const char *last_refusal;
};

/* What happened, a bit a VF: a message, ours was read, the function was reset. */
struct vf_events {
    uint64_t requests, acks, resets;
};

struct vf_server;

/* What the PF says to a message: the first word is the server's to fill. */
struct vf_answer {
    uint32_t words[MBX_WORDS];
    unsigned count;
    const char *less; /* done, but less than was asked for: why (static text) */
};

/* One type of message: does it, or says why not (static text).  Words are the VF's, copied. */
typedef const char *vf_request_fn(struct vf_server *s, unsigned vf, const uint32_t *message,
                                  struct vf_answer *answer);

/* `chip` is vf_server.chip. */
struct vf_server_ops {
    /* By type; NULL: unknown.  The families give one number to different messages. */
    vf_request_fn *const *requests;
    unsigned request_types;
    uint32_t echoed;      /* types whose info comes back with the answer, a bit each */
    unsigned reset_words; /* of the answer to a reset */
    /* What happened; but for requests it is taken.  False: the device is gone. */
    bool (*take_events)(void *chip, struct vf_events *events);
    bool (*has_request)(void *chip, unsigned vf);
    void (*clear_request)(void *chip, unsigned vf);
    /* The function was reset: whatever its reset leaves behind. */
    void (*clear_queues)(void *chip, unsigned vf);
    /* Filters, pools and switch follow what is wanted and granted. */
    void (*program)(void *chip);
};

/* What the chip has to give. */
struct vf_limits {
    const char *chip;       /* its name, for refusals */
    unsigned macs;          /* further addresses, of all VFs together */
    unsigned vf_macs;       /* and of one */
    unsigned vlans;         /* VLAN filters; one is for VLAN 0, one at least the PF's */
    uint32_t rate_mbps;     /* the highest; 0: it has no limiter */
    uint32_t rate_min_mbps;
    uint32_t rate_step_mbps; /* 0: any */
    bool forces_link;       /* up, while the wire is down */
    uint16_t frame;         /* that a VF has without asking */
    unsigned queues;        /* of a VF, each way */
};

struct vf_server {
    const struct vf_server_ops *ops;
    struct vf_limits limits;
    void *chip;
    const char *name;       /* for the log */
    const struct port *port; /* the PF's: its address is no VF's */
    unsigned pf_vlans;       /* filters for VLANs that the PF itself joined */
    uint8_t *mailboxes;     /* P2VMAILBOX of VF 0; the next is 4 bytes further */
    uint8_t *memory;        /* VMBMEM of VF 0; the next is 64 bytes further */
    struct vf_state *vf;
    unsigned count;
};

/* Everything but `vf` and `count` is set: makes so many VFs with policies as new and addresses
 * of chance; 0 or -ENOMEM. */
int vf_server_create(struct vf_server *s, unsigned count);
void vf_server_destroy(struct vf_server *s);

/* One message of each VF at most, resets before them.  False: the device is gone. */
bool vf_server_poll(struct vf_server *s, uint64_t now_us);
/* The mailboxes as after a reset of the chip. */
void vf_server_open(struct vf_server *s);
/* Nothing is granted any more.  Last words: pings to all that can take one now. */
void vf_server_close(struct vf_server *s);
void vf_server_forget_all(struct vf_server *s);
/* Those whose driver listens are told to look at the link. */
void vf_server_link_changed(struct vf_server *s);
/* The chip dropped a frame of that VF for its source. */
void vf_server_spoofed(struct vf_server *s, unsigned vf, uint64_t now_us);
/* The chip holds a queue of that VF back.  The VF starts anew, a few times; then it is muted. */
void vf_server_malicious(struct vf_server *s, unsigned vf, uint64_t now_us);

/* vf_ops.set: 0, and program() is the caller's; or -E... with *why. */
int vf_server_set(struct vf_server *s, unsigned vf, const struct vf_policy *policy,
                  const char **why);
/* Of octets that a chip counted with each frame's FCS. */
uint64_t vf_bytes_of(uint64_t octets, uint64_t packets);
/* All of vf_ops.info but what the chip counts. */
void vf_server_info(const struct vf_server *s, unsigned vf, struct vf_info *info);

/* What does not depend on how VFs ask (vf_policy.c) ---------------------------------------- */

#define VF_FIXED_MAC "the administrator set its address, and it is not trusted"
#define VF_HELD_DOWN "the administrator holds its link down"

/* 0, or -E... with *why: nothing is changed. */
int vf_policy_check(const struct vf_server *s, unsigned vf, const struct vf_policy *policy,
                    const char **why);
/* With its new policy: it holds what it could not get any more, or has to learn something. */
bool vf_must_restart(const struct vf_state *v, const struct vf_policy *old);
unsigned vf_macs_left(const struct vf_server *s); /* further addresses, for whoever comes first */
const char *vf_no_vlan_left(const struct vf_server *s);
/* NULL, or why the VF cannot have that address. */
const char *vf_mac_trouble(const struct vf_server *s, unsigned vf, const uint8_t mac[MAC_LEN]);
/* It may send another message; it did, and it costs as much as so many. */
bool vf_may_ask(const struct vf_state *v, uint64_t now_us);
void vf_asked(struct vf_state *v, uint64_t now_us, unsigned cost);
/* Counted; logged when it is not the same again. */
void vf_refused(struct vf_server *s, unsigned vf, const char *why, uint64_t now_us);
bool vf_may_log(struct vf_state *v, uint64_t now_us); /* a line about it; not too many */
/* Malicious-driver detection named it: it is muted after some times, and heard again when its
 * function was reset long enough afterwards. */
void vf_accused(struct vf_server *s, unsigned vf, uint64_t now_us);
void vf_forgiven(struct vf_state *v, uint64_t now_us);
/* True: that address is a VF's. */
bool vf_server_has_mac(const struct vf_server *s, const uint8_t mac[MAC_LEN]);
/* Served and switched on: neither held down nor muted. */
bool vf_may_speak(const struct vf_state *v);
bool vf_all_multicast(const struct vf_state *v);

/* The VLANs that need a filter, each once, and whose they are, a bit a pool. */
struct vf_vlans {
    unsigned count, room;
    uint16_t vlan[VF_VLANS_MAX];
    uint64_t pools[VF_VLANS_MAX];
};
/* Those of the VFs; the first is VLAN 0, priority tags, which everybody gets. */
void vf_server_vlans(const struct vf_server *s, struct vf_vlans *vlans);
bool vf_vlans_add(struct vf_vlans *vlans, uint16_t vlan, uint64_t pools); /* false: full */

/* Messages, for vf_server_ops.requests. */
vf_request_fn vf_request_mac, vf_request_multicast, vf_request_vlan, vf_request_frame;
vf_request_fn vf_request_promiscuous;
/* A further address of the VF, which may have some: NULL, or why not. */
const char *vf_server_add_mac(struct vf_server *s, unsigned vf, const uint8_t mac[MAC_LEN]);
/* Words 1 and 2 of a message, first octet lowest. */
void vf_message_mac(const uint32_t *message, uint8_t mac[MAC_LEN]);
