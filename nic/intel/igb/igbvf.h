/* igbvf.h - the parts of the driver of 82576 and I350 virtual functions: igbvf.c is the port
 * and its queues; igbvf_settings.c what it asks of its PF and what it gets; how, vf_client.h. */
#pragma once

#include "nic/intel/igb/igbvf_regs.h"
#include "nic/intel/intel_port.h"
#include "nic/intel/vf_client.h"
#include "pci/pci.h"

#include <stdbool.h>
#include <stdint.h>

#define X(name, offset) +1
enum { IGBVF_COUNTER_COUNT = IGBVF_COUNTERS(X) };
#undef X

/* What is told in the log besides. */
enum igbvf_news {
    NEWS_REVIVED = NEWS_OF_DRIVER,
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
    NEWS_COUNT
};
_Static_assert((unsigned)NEWS_COUNT <= NEWS_MAX, "a bit each");

enum igbvf_setting {
    SETTING_MAC,
    SETTING_MTU,
    SETTING_VLAN,
    SETTING_MULTICAST,
    SETTING_PROMISCUOUS
};

#define IGBVF_VLAN_WORDS (4096u / 32u)

struct igbvf {
    struct igb_rxq rx;
    struct igb_txq tx;
    struct igb_echo echo;
    struct port port;
    struct intel_device device;
    struct vf_client pf;
    enum igbvf_setting setting; /* which `pf.mail` asks for */
    bool started;    /* start() was, stop() was not: there are rings */
    bool link_news;  /* the PF says to look at it */
    bool dma;        /* the queues are on, or may be */
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

    uint32_t last[IGBVF_COUNTER_COUNT];
    uint64_t counters[IGBVF_COUNTER_COUNT];
    uint64_t missed, refusals;
    uint64_t collect_us, check_us, revive_us; /* when next */
};

/* igbvf_settings.c; the first three are vf_client_ops of a struct igbvf ---------------- */

/* The answer to the reset message: the address of this VF, NULL: the PF has none for it.  All
 * settings are due. */
void igbvf_settings_begin(void *owner, const uint8_t *mac);
/* Puts the next message that is due into pf.mail; false: nothing is due any more. */
bool igbvf_settings_next(void *owner);
/* The PF's answer to it. */
void igbvf_settings_answered(void *owner, bool granted);
/* The PF's policy may have changed: what it refused is asked again. */
void igbvf_settings_retry(struct igbvf *e);
/* Asks for some again, to see whether the PF still listens and grants. */
void igbvf_settings_check(struct igbvf *e);

int igbvf_set_mac(struct port *port, const uint8_t mac[MAC_LEN]);
int igbvf_set_mtu(struct port *port, uint16_t mtu);
int igbvf_vlan_filter(struct port *port, uint16_t vid, bool on);
int igbvf_set_rx_mode(struct port *port, const struct port_rx_mode *mode);
