/* vf_client.h - a virtual function's port, and its end of the talk between an Intel PF and its VFs:
 * by mailbox (intel_mbx.h), or by admin queue.
 *
 * What a VF may do its PF's driver decides: one of this image, or a host's that we know
 * nothing of.  So all is a state machine, advanced by vf_client_poll() and never waiting: the VF
 * resets itself, greets the PF, is granted an address, and asks for its settings one message at
 * a time (vf_settings.c).  Whatever happens to the PF leads through vf_client_lost() back to the
 * beginning.
 *
 * The function's queues are the driver's (struct vf_client_ops); intel_vf.c has those of two.  It
 * makes the port, and offers the operations below for its settings as they are.  Which settings
 * there are to ask for, and how, is its family's (struct vf_family). */
#pragma once

#include "nic/ethernet.h"
#include "nic/intel/intel_mbx.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* Where the VF stands with its PF. */
enum vf_client_state {
    VF_LOST,     /* to be reset as soon as the PF is there and the pause is over */
    VF_SETTLING, /* was reset; greets after a moment */
    VF_GREETING, /* the reset message is under way */
    VF_OPEN,     /* clear to send */
};

/* What is told in the log, each at its own pace; the driver's own come behind. */
enum vf_client_news {
    NEWS_GONE,
    NEWS_PF_RESET,
    NEWS_PF_SILENT,
    NEWS_NO_CTS,
    NEWS_NONSENSE,
    NEWS_ANSWERS,
    NEWS_BACK,
    NEWS_NO_MAC,
    NEWS_BAD_MAC,
    NEWS_NO_MAC_GIVEN,
    NEWS_MAC_TAKEN,
    NEWS_ADOPTED,
    NEWS_REFUSED_MAC,
    NEWS_REFUSED_MTU,
    NEWS_REFUSED_VLAN,
    NEWS_REFUSED_MULTICAST,
    NEWS_REFUSED_PROMISCUOUS,
    NEWS_REFUSED_ALL_MULTICAST,
    NEWS_DEAF,
    NEWS_OF_DRIVER,
    NEWS_MAX = 32
};

#define VF_REPLY_WORDS 3u /* with an address */

/* The one message that is under way. */
struct vf_mail {
    uint32_t words[MBX_WORDS];
    unsigned count; /* of words; 0: none under way */
    unsigned reply; /* words of its answer, at least VF_REPLY_WORDS */
    uint32_t what;  /* for the log */
    unsigned asks;
    bool sent; /* this ask is in the buffer */
    uint64_t deadline_us;
};

struct vf_client;

/* How a message gets there and its answer back; each is called at a poll and never waits. */
struct vf_transport {
    /* False: there is nothing to do this time.  It notices that the PF is lost. */
    bool (*look)(struct vf_client *c);
    /* True: the registers answer, and no reset of the PF is under way. */
    bool (*there)(struct vf_client *c);
    /* Puts the first message into `mail`: VF_GREETING; or goes without: VF_OPEN. */
    void (*greet)(struct vf_client *c);
    /* What came from the PF, if anything: vf_client_answered() and the like. */
    void (*receive)(struct vf_client *c);
    /* The message in `mail`, if it can go now: vf_client_sent(). */
    void (*send)(struct vf_client *c);
};

extern const struct vf_transport vf_mailbox;

/* `owner` is vf_client.owner. */
struct vf_client_ops {
    /* Resets the function: its queues are off, and the PF's driver, told by its chip, forgets
     * what it granted. */
    void (*reset)(void *owner);
    /* The reset is over: what it let go of. */
    void (*clean)(void *owner);
    /* From here on nobody touches the queues, until ready(). */
    void (*lost)(void *owner);
    /* The queues are off without our doing: the PF resets, or (`gone`) no register answers. */
    void (*away)(void *owner, bool gone);
    /* Every setting was asked: called at each poll from then on.  The queues are switched on if
     * they are to be; false: they are not on yet. */
    bool (*ready)(void *owner);
    /* Of a PF that is not asked by mailbox: the address that it has for this VF; NULL: it is asked.
     */
    void (*address)(void *owner, uint8_t mac[MAC_LEN]);
};

/* What there is to ask for; the order is that of asking. */
enum vf_setting {
    SETTING_API,
    SETTING_FORMATS, /* this and others below: of the adaptive VF */
    SETTING_VLAN_CAPS,
    SETTING_QUEUES,
    SETTING_MAC,
    SETTING_MTU,
    SETTING_VLAN,
    SETTING_MULTICAST,
    SETTING_PROMISCUOUS,
    SETTING_RETA,
    SETTING_RSS_KEY,
    SETTING_HASH,
    SETTING_STRIP,
    SETTING_INSERT,
    SETTING_CONFIGURE,
    SETTING_VECTORS,
    SETTING_ENABLE,
    SETTING_DISABLE,
    SETTING_STATS,
    SETTINGS
};

struct vf_setting_ops {
    /* The message in c->mail.words, its length in words; 0: granted is what is wanted. */
    unsigned (*ask)(struct vf_client *c);
    /* `answer`: c->mail.reply words of the PF's, or what the transport gives: copied, as hostile
     * as all of it. */
    void (*granted)(struct vf_client *c, const uint32_t *answer);
    void (*refused)(struct vf_client *c);
};

/* What the PFs of one family grant, and what they say it with. */
struct vf_family {
    const struct vf_setting_ops *settings[SETTINGS]; /* NULL: no such setting */
    /* Of a family with words of its own: the row whose request it translates, and whose granted()
     * and refused() are its where it has none. */
    const struct vf_setting_ops *translated[SETTINGS];
    /* What SET_LPE counts beyond the MTU; and at least, when that is refused (0: the same). */
    uint32_t frame_extra, frame_least;
    bool deafens;     /* a VF whose frame length was refused receives nothing until another is
                       * granted */
    bool insists;     /* the address that came with a reset is asked for as well: a PF that finds
                       * the reset only then takes it back */
    uint32_t trusted; /* MBX_PROMISC_...: what is refused for want of trust, and asked for again
                       * when the PF speaks */
    bool overflows;   /* SET_MULTICAST may ask for all groups: MBX_MULTICAST_OVERFLOW */
    const char *no_promiscuous; /* why it was refused, for who asked */
    const char *no_bridge;      /* what follows from it, for the log */
};

#define VF_VLAN_WORDS (4096u / 32u)

struct vf_client {
    struct port port;
    const struct vf_client_ops *ops;
    const struct vf_transport *transport;
    const struct vf_family *family;
    void *owner;
    const char *name; /* for the log */
    uint8_t *mailbox; /* V2PMAILBOX */
    uint8_t *memory;  /* VMBMEM */
    uint64_t now_us;

    enum vf_client_state state;
    unsigned generation; /* resets of ours */
    uint64_t resume_us;  /* LOST: not before; SETTLING: until */
    uint64_t pause_us;   /* before the next reset but this one */
    unsigned patience;   /* an answer may take twice as long, so many times over */
    uint64_t lost_us, settled_us;
    bool settled;    /* since the last reset every setting was asked */
    uint32_t events; /* of the mailbox register, cleared by reading, not yet handled */
    struct vf_mail mail;
    uint64_t timeouts, nonsense, refusals;
    uint64_t check_us; /* when settings are asked for again */
    bool link_news;    /* at this poll the PF said to look at the link */

    uint64_t told_us[NEWS_MAX]; /* 0: never */
    uint32_t told;              /* reasons since the PF was lost, a bit each */

    enum vf_setting setting; /* which `mail` asks for */
    uint32_t due;            /* settings to be asked, a bit each */
    uint32_t asked;          /* those that our user asked for last: port.refusal is about them */
    uint8_t mac_wanted[MAC_LEN], mac_granted[MAC_LEN]; /* zeros: none */
    bool mac_ours;                                     /* wanted by our user, not only accepted */
    bool mac_asked_for;               /* granted on our request, not with the reset */
    bool mac_check, mtu_check;        /* asked for again, though granted */
    uint16_t mtu_wanted, mtu_granted; /* 0: not known */
    bool frame_least;                 /* the PF grants no room for tags: family->frame_least */
    /* VLANs, a bit each; seen: granted since the last reset, so that tags of them are ours. */
    uint32_t vlans_wanted[VF_VLAN_WORDS], vlans_granted[VF_VLAN_WORDS];
    uint32_t vlans_seen[VF_VLAN_WORDS], vlans_refused[VF_VLAN_WORDS];
    struct port_rx_mode rx_wanted;
    uint32_t promiscuous_granted, promiscuous_refused; /* MBX_PROMISC_... */
    unsigned multicast_granted;
    bool groups_as_all; /* more groups are wanted than there can be: all are asked for */
    unsigned multicast_type; /* which bits of a group's address are its hash, 0 to 3 */

    /* Of the 10 Gb/s chips. */
    enum mbx_api api, api_asked; /* in force; the one to ask for next */
    enum mbx_xcast xcast_granted;
    uint16_t rx_granted, tx_granted; /* queues */
    bool reta_asked, key_asked;      /* and answered, one way or the other */
    unsigned spread;                 /* queues that the PF's table names; 0: not known */
    bool key_symmetric;              /* the PF's key gives both ways of a flow one queue */
};

/* False: nothing to do this time. */
bool vf_client_poll(struct vf_client *c, uint64_t now_us);
/* True: the registers answer, and no reset of the PF is under way. */
static inline bool vf_client_look(struct vf_client *c)
{
    return c->transport->look(c);
}

/* The same, without handling what it may tell. */
static inline bool vf_client_there(struct vf_client *c)
{
    return c->transport->there(c);
}

/* Resets the function now; it greets again. */
void vf_client_reset(struct vf_client *c);
/* Back to the beginning; true when the reason is to be told. */
bool vf_client_lost(struct vf_client *c, unsigned why);
/* Milliseconds until the reset that follows. */
unsigned vf_client_pause_ms(const struct vf_client *c);
/* Served, with every setting asked. */
bool vf_client_is_open(const struct vf_client *c);
/* True when this may be told now: the PF, or whoever plays it, does not fill our log. */
bool vf_client_tells(struct vf_client *c, unsigned news);

/* For transports. */
void vf_client_pf_resets(struct vf_client *c); /* and is lost until it is back */
void vf_client_gone(struct vf_client *c);      /* no register answers */
void vf_client_hurry(struct vf_client *c);     /* the PF speaks: a long pause may end */
void vf_client_sent(struct vf_client *c);      /* `mail` is on its way, and its time runs */
void vf_client_nonsense(struct vf_client *c, uint32_t word);
/* `mail` is answered; `answer`: copied, and as hostile as all of it. */
void vf_client_answered(struct vf_client *c, bool granted, const uint32_t *answer);

/* vf_settings.c ------------------------------------------------------------------- */

/* Operations of the port. */
int vf_client_set_mac(struct port *port, const uint8_t mac[MAC_LEN]);
int vf_client_set_mtu(struct port *port, uint16_t mtu);
int vf_client_vlan_filter(struct port *port, uint16_t vid, bool on);
int vf_client_set_rx_mode(struct port *port, const struct port_rx_mode *mode);
/* Asks for some again, to see whether the PF still listens and grants. */
void vf_settings_check(struct vf_client *c);

/* Rows of struct vf_family: those that all have alike. */
extern const struct vf_setting_ops vf_setting_mac, vf_setting_mtu, vf_setting_vlan;
extern const struct vf_setting_ops vf_setting_multicast, vf_setting_promiscuous;
/* For rows: what is under way was refused; `why` is told to who asked. */
void vf_settings_refused(struct vf_client *c, const char *why);
/* And in the log: there is no promiscuous mode. */
void vf_settings_no_promiscuous(struct vf_client *c);
/* No VLAN is to be joined that is not. */
void vf_settings_no_vlans(struct vf_client *c);

/* igb's. */
extern const struct vf_family vf_family_igb;

/* For transports.  After a reset: the PF remembers nothing, and all settings are due. */
void vf_settings_forget(struct vf_client *c);
/* What the PF says is the address of this VF, NULL: it has none for it. */
void vf_settings_address(struct vf_client *c, const uint8_t *mac);
/* For vf_client.c. */
/* Puts the next message that is due into `mail`; false: nothing is due any more. */
bool vf_settings_next(struct vf_client *c);
/* The PF's answer to it. */
void vf_settings_answered(struct vf_client *c, bool granted, const uint32_t *answer);
/* The PF's policy may have changed: what it refused is asked again. */
void vf_settings_retry(struct vf_client *c);
