/* virtchnl_server.h - the PF's end of virtchnl (virtchnl.h): what VFs ask for, what they are given,
 * and what they are told.
 *
 * No chip is in here: a chip makes queues, filters and tables follow, carries messages and resets
 * functions (struct virtchnl_chip_ops).  Policies and limits are shared with the chips that have
 * mailboxes (../vf_server.h, of which `base` is used as vf_policy.c does).
 *
 * Every message is hostile: type, length, indices and values are judged before anything is done,
 * one message does all that it asks for or nothing, and every one is answered, but for a reset.
 * One that comes too soon waits; those that come while one waits are dropped.
 *
 * Of a VF there is what the administrator wants (base.vf[].policy), and what it asked for and was
 * granted: forgotten with each reset of the function, which the chip begins and ends.
 *
 * Control task only.  The chip's functions may wait. */
#pragma once

#include "nic/intel/i40e/virtchnl.h"
#include "nic/intel/vf_server.h"

#include <stdbool.h>
#include <stdint.h>

#define VIRTCHNL_QUEUES_MAX 16u
#define VIRTCHNL_QUEUES_DEFAULT 4u
#define VIRTCHNL_VECTORS_MAX 65u
#define VIRTCHNL_GROUPS_MAX 64u
#define VIRTCHNL_FEW 16u /* groups, and VLANs, of a VF without trust */
#define VIRTCHNL_KEY 52u
#define VIRTCHNL_LUT 64u
#define VIRTCHNL_FRAME 9728u /* the longest, FCS included */
#define VIRTCHNL_FRAME_MIN 64u

enum virtchnl_vf_state {
    VIRTCHNL_VF_RESETTING, /* the chip is at it: nothing is heard */
    VIRTCHNL_VF_READY,     /* it may say who it is */
    VIRTCHNL_VF_ACTIVE,    /* it knows what it has */
};

/* A queue pair as the VF described it, judged: what the chip makes contexts of. */
struct virtchnl_queue {
    uint64_t rx_ring, tx_ring; /* in the VF's own address space */
    uint16_t rx_length, tx_length;
    uint16_t buffer; /* a multiple of 128 */
    uint16_t frame;  /* the longest, FCS included, tag that the VF does not see included */
};

struct virtchnl_vf {
    enum virtchnl_vf_state state;
    uint32_t minor;  /* of version 1; outlives a reset, for Linux's iavf does not say it again */
    uint32_t caps;   /* granted */
    uint16_t vsi;    /* the chip's number of its VSI, by which the VF calls it */
    uint16_t queues; /* pairs that it has */
    uint16_t queues_wanted; /* from its next reset on; 0: as many as everybody */
    struct virtchnl_queue queue[VIRTCHNL_QUEUES_MAX];
    uint32_t configured, rx_on, tx_on; /* a bit a queue; on: as the VF wants them */
    uint8_t groups[VIRTCHNL_GROUPS_MAX][MAC_LEN];
    uint8_t group_count;
    bool given_up; /* its own address was deleted: the next one takes its place */
    bool strip, insert;
    uint8_t key[VIRTCHNL_KEY], lut[VIRTCHNL_LUT];
    uint64_t kinds;
    bool known;       /* it was ready before: outlives a reset */
    uint8_t *waiting; /* a message that came too soon: its bytes, or NULL */
    uint32_t waiting_op;
    uint16_t waiting_n;
};

/* `chip` is virtchnl_server.chip.  Those with a result: 0, -ENOSPC, or another -E... */
struct virtchnl_chip_ops {
    /* A message, or an event with status 0, for the VF; what it does not take is lost. */
    void (*send)(void *chip, unsigned vf, uint32_t op, int32_t status, const void *bytes,
                 uint16_t n);
    /* The function's reset begins; virtchnl_server_ready() ends it.  `told`: its driver was told of
     * it, and has time to hear that first. */
    void (*reset)(void *chip, unsigned vf, bool told);
    /* Addresses, groups, VLANs, promiscuous modes as granted; none, whatever was granted, while
     * the VF's link is held down: nothing that it sends leaves then, nothing reaches it. */
    int (*filters)(void *chip, unsigned vf);
    /* Stripping; spoof check; the limit of its rate. */
    int (*properties)(void *chip, unsigned vf);
    int (*configure)(void *chip, unsigned vf, unsigned queue);
    /* Those queues, all configured, go on, or off. */
    int (*enable)(void *chip, unsigned vf, uint32_t rx, uint32_t tx, bool on);
    void (*map)(void *chip, unsigned vf, const struct virtchnl_vector *vector);
    int (*spread)(void *chip, unsigned vf); /* key, table, kinds */
    void (*stats)(void *chip, unsigned vf, struct virtchnl_stats *stats);
    /* How many pairs the VF could have after a reset: at most VIRTCHNL_QUEUES_MAX. */
    unsigned (*queues_for)(void *chip, unsigned vf);
};

struct virtchnl_server {
    struct vf_server base; /* name, port, limits and chip: set before create() */
    const struct virtchnl_chip_ops *ops;
    void *chip;
    uint32_t offered;  /* capabilities */
    uint16_t vectors;  /* of a VF */
    unsigned pairs_max; /* of addresses and VLANs that are a VF's part of the chip's filters */
    uint64_t kinds;    /* that the chip can hash */
    struct virtchnl_vf *vf;
    bool link_up;
    uint32_t link_mbps;
    uint64_t strays;   /* messages of VFs that there are not */
};

#define VIRTCHNL_OFFERS \
    (VIRTCHNL_CAP_L2 | VIRTCHNL_CAP_RSS_REG | VIRTCHNL_CAP_RSS_PF | VIRTCHNL_CAP_REQUEST_QUEUES | \
     VIRTCHNL_CAP_LINK_SPEED | VIRTCHNL_CAP_VLAN | VIRTCHNL_CAP_VLAN_V2)

/* Everything but `vf`, `link_up` and `link_mbps` is set: so many VFs, resetting, with policies as
 * new and addresses of chance; 0 or -ENOMEM. */
int virtchnl_server_create(struct virtchnl_server *s, unsigned count);
void virtchnl_server_destroy(struct virtchnl_server *s);

/* A message of a VF: n bytes that nobody writes any more. */
void virtchnl_server_message(struct virtchnl_server *s, unsigned vf, uint32_t op,
                             const uint8_t *bytes, uint16_t n, uint64_t now_us);

/* Messages that waited, as far as their time has come; whether there are any. */
void virtchnl_server_poll(struct virtchnl_server *s, uint64_t now_us);
bool virtchnl_server_has_waited(const struct virtchnl_server *s, uint64_t now_us);

/* The chip's part: what was granted is gone, and nothing is heard... */
void virtchnl_server_resets(struct virtchnl_server *s, unsigned vf);
/* ... until the function has queues again, and a VSI of that number. */
void virtchnl_server_ready(struct virtchnl_server *s, unsigned vf, uint16_t vsi, uint16_t queues);
/* The VF, if it listens, hears that a reset is coming. */
void virtchnl_server_announce(struct virtchnl_server *s, unsigned vf);
/* The wire's link; who listens is told when that is news. */
void virtchnl_server_link(struct virtchnl_server *s, bool up, uint32_t mbps);
/* The chip holds a queue of it: it is reset, a few times; then it stays so (`muted`) until its
 * function was reset long enough afterwards. */
void virtchnl_server_malicious(struct virtchnl_server *s, unsigned vf, uint64_t now_us);

/* vf_ops.set: 0 or -E... with *why. */
int virtchnl_server_set(struct virtchnl_server *s, unsigned vf, const struct vf_policy *policy,
                        const char **why);
/* All of vf_ops.info but what the chip counts. */
void virtchnl_server_info(const struct virtchnl_server *s, unsigned vf, struct vf_info *info);

/* Between the two halves: a message being served (virtchnl_requests.c) ----------------- */

struct virtchnl_request {
    struct virtchnl_server *s;
    unsigned number;
    struct vf_state *v;
    struct virtchnl_vf *c;
    uint32_t op;
    const uint8_t *bytes;
    uint16_t n;
    bool silent, tells_link; /* no answer; the link is told behind it */
    uint16_t answered;       /* bytes of the answer */
    uint8_t answer[sizeof(struct virtchnl_stats)];
};

/* NULL, or why not (static text). */
const char *virtchnl_serve(struct virtchnl_request *r);
#define VIRTCHNL_UNKNOWN_MESSAGE "unknown message"
