/* igbvf.h - the parts of the driver of 82576 and I350 virtual functions: igbvf.c is the port,
 * its reset and its mailbox; igbvf_settings.c what it asks of its PF and what it gets. */
#pragma once

#include "nic/intel/igb/igbvf_regs.h"
#include "nic/intel/intel_mbx.h"
#include "nic/intel/intel_port.h"
#include "pci/pci.h"

#include <stdbool.h>
#include <stdint.h>

#define X(name, offset) +1
enum { IGBVF_COUNTER_COUNT = IGBVF_COUNTERS(X) };
#undef X

/* Where the VF stands with its PF. */
enum igbvf_state {
    IGBVF_LOST,     /* to be reset as soon as the PF is there and the pause is over */
    IGBVF_SETTLING, /* was reset; greets after a moment */
    IGBVF_GREETING, /* the reset message is under way */
    IGBVF_OPEN,     /* clear to send */
};

/* What is told in the log, each at its own pace. */
enum igbvf_news {
    NEWS_GONE,
    NEWS_REVIVED,
    NEWS_PF_RESET,
    NEWS_PF_SILENT,
    NEWS_NO_CTS,
    NEWS_FUNCTION_RESET,
    NEWS_QUEUES,
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
    NEWS_NONSENSE,
    NEWS_ANSWERS,
    NEWS_BACK,
    NEWS_COUNT
};

enum igbvf_setting {
    SETTING_MAC,
    SETTING_MTU,
    SETTING_VLAN,
    SETTING_MULTICAST,
    SETTING_PROMISCUOUS
};

#define IGBVF_VLAN_WORDS (4096u / 32u)

/* The one message that is under way. */
struct igbvf_mail {
    uint32_t words[MBX_WORDS];
    unsigned count; /* of words; 0: none under way */
    unsigned asks;
    bool sent; /* this ask is in the buffer */
    enum igbvf_setting setting;
    uint64_t deadline_us;
};

struct igbvf {
    struct igb_rxq rx;
    struct igb_txq tx;
    struct igb_echo echo;
    struct port port;
    uint8_t *regs;
    struct pci_function *pci;
    uint64_t now_us;

    enum igbvf_state state;
    unsigned generation; /* resets of ours */
    uint64_t resume_us;  /* LOST: not before; SETTLING: until */
    uint64_t pause_us;   /* before the next reset but this one */
    uint64_t lost_us, settled_us;
    bool settled;    /* since the last reset every setting was asked */
    bool started;    /* start() was, stop() was not: there are rings */
    bool link_news;  /* the PF says to look at it */
    bool dma;        /* the queues are on, or may be */
    uint32_t events; /* of the mailbox register, cleared by reading, not yet handled */
    struct igbvf_mail mail;
    uint32_t due;   /* settings to be asked, a bit each */
    uint32_t asked; /* those that our user asked for last: port.refusal is about them */

    uint8_t mac_wanted[MAC_LEN], mac_granted[MAC_LEN]; /* zeros: none */
    bool mac_ours;                                     /* wanted by our user, not only accepted */
    bool mac_asked_for;                             /* granted on our request, not with the reset */
    bool mac_check, mtu_check;                      /* asked for again, though granted */
    uint16_t mtu_wanted, mtu_granted;               /* 0: not known */
    /* VLANs, a bit each; seen: granted since the last reset, so that tags of them are ours. */
    uint32_t vlans_wanted[IGBVF_VLAN_WORDS], vlans_granted[IGBVF_VLAN_WORDS];
    uint32_t vlans_seen[IGBVF_VLAN_WORDS], vlans_refused[IGBVF_VLAN_WORDS];
    struct port_rx_mode rx_wanted;
    uint32_t promiscuous_granted, promiscuous_refused; /* MBX_PROMISC_... */
    unsigned multicast_granted;

    uint64_t told_us[NEWS_COUNT]; /* 0: never */
    uint32_t told;                /* reasons since the PF was lost, a bit each */
    uint32_t last[IGBVF_COUNTER_COUNT];
    uint64_t counters[IGBVF_COUNTER_COUNT];
    uint64_t missed, timeouts, refusals, nonsense;
    uint64_t collect_us, check_us, revive_us; /* when next */
    char name[sizeof "igbvf " + PCI_BDF_LEN];
};

/* igbvf.c, called by igbvf_settings.c ------------------------------------------------ */

/* True when this may be told now. */
bool igbvf_tells(struct igbvf *e, enum igbvf_news news);
/* Back to the beginning: a reset of this function; true when the reason is to be told. */
bool igbvf_lost(struct igbvf *e, enum igbvf_news why);
/* Milliseconds until that reset. */
unsigned igbvf_pause_ms(const struct igbvf *e);

/* igbvf_settings.c, called by igbvf.c -------------------------------------------------- */

/* The answer to the reset message: the address of this VF, NULL: the PF has none for it.  All
 * settings are due. */
void igbvf_settings_begin(struct igbvf *e, const uint8_t *mac);
/* Puts the next message that is due into e->mail; false: nothing is due any more. */
bool igbvf_settings_next(struct igbvf *e);
/* The PF's answer to it. */
void igbvf_settings_answered(struct igbvf *e, bool granted);
/* The PF's policy may have changed: what it refused is asked again. */
void igbvf_settings_retry(struct igbvf *e);
/* Asks for some again, to see whether the PF still listens and grants. */
void igbvf_settings_check(struct igbvf *e);

int igbvf_set_mac(struct port *port, const uint8_t mac[MAC_LEN]);
int igbvf_set_mtu(struct port *port, uint16_t mtu);
int igbvf_vlan_filter(struct port *port, uint16_t vid, bool on);
int igbvf_set_rx_mode(struct port *port, const struct port_rx_mode *mode);
