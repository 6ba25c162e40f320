/* iavf.h - the adaptive VF: between its port (iavf.c), the way its messages go (iavf_channel.c),
 * and what it asks of its PF (iavf_settings.c). */
#pragma once

#include "nic/intel/i40e/i40e_adminq.h"
#include "nic/intel/i40e/i40e_ring.h"
#include "nic/intel/i40e/virtchnl.h"
#include "nic/intel/iavf/iavf_regs.h"
#include "nic/intel/intel_device.h"
#include "nic/intel/vf_client.h"

/* What is told in the log besides. */
enum {
    IAVF_NEWS_VERSION = NEWS_OF_DRIVER,
    IAVF_NEWS_RESOURCES,
    IAVF_NEWS_QUEUES,
    IAVF_NEWS_FEWER,
    IAVF_NEWS_STUCK,
    IAVF_NEWS_IMPENDING,
    IAVF_NEWS_TRUST,
    IAVF_NEWS_GROUPS,
    IAVF_NEWS_LOST_WORDS,
    IAVF_NEWS_SPOOFED,
    IAVF_NEWS_COUNT
};
_Static_assert((unsigned)IAVF_NEWS_COUNT <= NEWS_MAX, "a bit each");

#define IAVF_FRAME_MAX 9728u /* of these chips, with FCS (Linux's PFs say so) */
#define IAVF_GROUPS_MAX 16u /* group addresses that a VF without trust may have beside its own */
#define IAVF_ANSWER_WORDS (VIRTCHNL_MESSAGE_MAX / 4u)

struct iavf {
    struct i40e_rxq rx[IAVF_QUEUES];
    struct i40e_txq tx[IAVF_QUEUES];
    struct vf_client pf; /* and the port */
    struct intel_device device;
    struct i40e_adminq aq;
    uint16_t queues;  /* rings there are, each way; 0: stopped */
    uint16_t live;    /* of them that are on and used */
    bool dma;         /* the PF was told of the rings: queues are on, or may be */
    uint64_t revive_us;

    /* The channel. */
    bool was_reset;           /* since the admin queue was opened last */
    uint64_t reset_until_us;  /* a reset that was asked for is waited for so long */
    uint64_t impending_us;    /* a reset was announced: until then the queues rest; 0: none was */
    uint64_t stale;           /* announcements that nothing came of */
    uint64_t deafened;        /* times that events found no descriptor */
    uint16_t length;          /* of the message under way */
    uint32_t op;              /* its operation */
    uint8_t message[VIRTCHNL_MESSAGE_MAX];
    uint32_t answer[IAVF_ANSWER_WORDS];
    uint16_t answered; /* bytes of it */
    int32_t status;

    /* What the PF gave, since the last reset. */
    struct virtchnl_version version;
    struct virtchnl_resources given;
    struct virtchnl_vlan_caps vlan;
    enum i40e_rx_format format;
    uint16_t requested;     /* queues asked for, and promised for after a reset */
    uint16_t request_limit; /* the most that the PF said it had; 0: not known */
    bool configured, mapped, enabled;
    bool stripped, inserted, settled_tags; /* as last told; false: not told yet */
    bool second; /* tags that are taken off are in descriptors' second place for one */
    uint32_t offloads;
    uint8_t own_mac[MAC_LEN], old_mac[MAC_LEN]; /* granted; to be given up; zeros: none */
    uint8_t groups[IAVF_GROUPS_MAX][MAC_LEN]; /* granted */
    uint16_t group_count;
    bool link_up;
    uint32_t link_mbps;
    struct virtchnl_stats stats; /* as told last */
    uint64_t missed, dropped;    /* received and sent, summed up over resets */
    uint64_t stats_us;
};

extern const struct vf_transport iavf_channel;
extern const struct vf_family vf_family_iavf;

/* iavf_channel.c: the message under way from now on; what a row's ask() returns. */
unsigned iavf_say(struct iavf *e, enum virtchnl_op op, const void *bytes, uint16_t n);
/* The function was reset behind the admin queue's back, by whatever it was. */
void iavf_channel_was_reset(struct iavf *e);
/* For stop(): whatever is under way is answered, then DISABLE_QUEUES is; waits, bounded. */
bool iavf_channel_disable(struct iavf *e);

/* iavf_settings.c */
uint16_t iavf_queues_to_use(const struct iavf *e);
void iavf_settings_due(struct iavf *e, bool rings); /* of a port that starts (rings) or has news */

/* iavf.c: a reset was announced, or came to nothing. */
void iavf_rest(struct iavf *e, bool rest);
