/* igbvf_settings.c - what a virtual function asks of its PF, and what it gets.
 *
 * Wanted is what our user, or a mode, asked for; granted is what the PF said yes to since the
 * last reset.  A table row asks for the difference, one message at a time.  A refusal puts the
 * port back to what is granted, says why in port->refusal, and tells the log. */
#include "nic/intel/igb/igbvf.h"

#include "kernel/log.h"
#include "kernel/random.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_ALL 0x1fu

static void refused(struct igbvf *e, const char *why)
{
    e->refusals++;
    if (e->asked & 1u << e->setting)
        e->port.refusal = why;
}

/* Settings: address ------------------------------------------------------- */

static void mail_put_mac(struct igbvf *e, const uint8_t mac[MAC_LEN])
{
    e->pf.mail.words[1] = e->pf.mail.words[2] = 0;
    memcpy(&e->pf.mail.words[1], mac, MAC_LEN);
}

static unsigned mac_ask(struct igbvf *e)
{
    if (mac_equal(e->mac_wanted, e->mac_granted) && !e->mac_check)
        return 0;
    e->mac_check = false;
    e->pf.mail.words[0] = MBX_VF_SET_MAC;
    mail_put_mac(e, e->mac_wanted);
    return 3;
}

static void mac_granted(struct igbvf *e)
{
    e->mac_asked_for = true;
    memcpy(e->mac_granted, &e->pf.mail.words[1], MAC_LEN);
    if (!mac_is_station(e->port.permanent_mac))
        memcpy(e->port.permanent_mac, e->mac_granted, MAC_LEN);
    if (mac_equal(e->mac_granted, e->mac_wanted))
        memcpy(e->port.mac, e->mac_granted, MAC_LEN);
}

/* Ours is what the PF's administrator set.  Without any there is no sending. */
static void mac_refused(struct igbvf *e)
{
    char asked[MAC_TEXT], kept[MAC_TEXT];
    uint8_t mac[MAC_LEN];
    memcpy(mac, &e->pf.mail.words[1], MAC_LEN);
    mac_format(mac, asked);
    if (!mac_is_station(e->mac_granted)) {
        refused(e, "the PF gives this VF no address and refuses its own choice");
        if (vf_client_lost(&e->pf, NEWS_NO_MAC))
            log_warning("%s: the PF gives no MAC address and refused %s: set one for this VF at "
                        "the PF; trying again in %u ms",
                        e->device.name, asked, vf_client_pause_ms(&e->pf));
        if (!e->mac_ours)
            memset(e->mac_wanted, 0, MAC_LEN);
        return;
    }
    if (mac_equal(mac, e->mac_granted)) {
        if (vf_client_lost(&e->pf, NEWS_MAC_TAKEN))
            log_warning("%s: the PF takes MAC %s away: its administrator set another; resetting "
                        "to learn it",
                        e->device.name, asked);
        return;
    }
    refused(e, "the PF refused the address: its administrator set another");
    if (vf_client_tells(&e->pf, NEWS_REFUSED_MAC))
        log_warning("%s: the PF refused MAC %s: its administrator set another; keeping %s",
                    e->device.name, asked, mac_format(e->mac_granted, kept));
    if (!mac_equal(mac, e->mac_wanted)) /* wanted anew meanwhile */
        return;
    e->mac_ours = false;
    memcpy(e->mac_wanted, e->mac_granted, MAC_LEN);
    memcpy(e->port.mac, e->mac_granted, MAC_LEN);
}

/* Not secret, only unlike others': locally administered, unread: IEEE 802 8.2. */
static void mac_invent(struct igbvf *e)
{
    uint64_t x = random_word();
    memcpy(e->mac_wanted, &x, MAC_LEN);
    e->mac_wanted[0] = (uint8_t)((e->mac_wanted[0] & ~1u) | 2u);
}

/* Settings: longest frame ------------------------------------------------- */

static unsigned mtu_ask(struct igbvf *e)
{
    if (e->mtu_wanted == e->mtu_granted && !e->mtu_check)
        return 0;
    e->mtu_check = false;
    e->pf.mail.words[0] = MBX_VF_SET_LPE;
    e->pf.mail.words[1] = FRAME_LIMIT(e->mtu_wanted) + ETHERNET_FCS;
    return 2;
}

static uint16_t mtu_asked(const struct igbvf *e)
{
    return (uint16_t)(e->pf.mail.words[1] - FRAME_LIMIT(0) - ETHERNET_FCS);
}

static void mtu_granted(struct igbvf *e)
{
    e->mtu_granted = mtu_asked(e);
}

/* What was granted before stays; after a reset nothing is known, and the default is tried. */
static void mtu_refused(struct igbvf *e)
{
    uint16_t asked = mtu_asked(e);
    if (asked == e->mtu_granted) /* any more */
        e->mtu_granted = 0;
    uint16_t kept = e->mtu_granted ? e->mtu_granted : MTU_DEFAULT;
    refused(e, "the PF refused frames that long: its own MTU, or its administrator, is in "
               "the way");
    if (asked <= MTU_DEFAULT && !e->mtu_granted)
        e->mtu_granted = kept = asked; /* then as the chip comes: it passes them */
    if (kept != asked && vf_client_tells(&e->pf, NEWS_REFUSED_MTU))
        log_warning("%s: the PF refused frames of %" PRIu32 " bytes (MTU %u): raise the PF's MTU "
                    "first; MTU is %u",
                    e->device.name, e->pf.mail.words[1], asked, kept);
    if (e->mtu_wanted != asked) /* wanted anew meanwhile */
        return;
    e->mtu_wanted = e->port.mtu = kept;
    e->due |= 1u << SETTING_MTU;
}

/* Settings: VLAN ---------------------------------------------------------- */

#define VLAN_ADD FIELD_PUT(MBX_INFO, 1u)

static bool vlan_in(const uint32_t vlans[IGBVF_VLAN_WORDS], uint32_t vlan)
{
    return vlans[vlan / 32] & 1u << vlan % 32;
}

static void vlan_mark(uint32_t vlans[IGBVF_VLAN_WORDS], uint32_t vlan, bool in)
{
    uint32_t bit = 1u << vlan % 32, *word = &vlans[vlan / 32];
    store_relaxed(word, in ? *word | bit : *word & ~bit);
}

/* One of the VLANs that are to be joined, or to be left; 0: none. */
static uint32_t vlan_differs(const struct igbvf *e, bool joined)
{
    for (uint32_t i = 0; i < IGBVF_VLAN_WORDS; i++) {
        uint32_t bits = joined ? e->vlans_wanted[i] & ~e->vlans_granted[i] & ~e->vlans_refused[i]
                               : e->vlans_granted[i] & ~e->vlans_wanted[i];
        if (bits)
            return 32 * i + (uint32_t)__builtin_ctz(bits);
    }
    return 0;
}

/* New ones first: whoever changes from one to another is without none. */
static unsigned vlan_ask(struct igbvf *e)
{
    uint32_t add = vlan_differs(e, true), vlan = add ? add : vlan_differs(e, false);
    e->pf.mail.words[0] = MBX_VF_SET_VLAN | (add ? VLAN_ADD : 0);
    e->pf.mail.words[1] = vlan;
    return vlan ? 2 : 0;
}

/* The tags of one that was left may still be on frames in the ring. */
static void vlan_granted(struct igbvf *e)
{
    uint32_t vlan = e->pf.mail.words[1];
    bool add = e->pf.mail.words[0] & VLAN_ADD;
    vlan_mark(e->vlans_granted, vlan, add);
    if (add)
        vlan_mark(e->vlans_seen, vlan, true);
    e->due |= 1u << SETTING_VLAN;
}

static void vlan_refused(struct igbvf *e)
{
    uint32_t vlan = e->pf.mail.words[1];
    if (!(e->pf.mail.words[0] & VLAN_ADD)) { /* it passes what nobody here takes any more */
        vlan_granted(e);
        return;
    }
    refused(e, "the PF refused the VLAN: it has one set for this VF, or no filter left");
    if (vf_client_tells(&e->pf, NEWS_REFUSED_VLAN))
        log_warning("%s: the PF refused VLAN %" PRIu32
                    ": it has one set for this VF, or no filter left",
                    e->device.name, vlan);
    vlan_mark(e->vlans_refused, vlan, true);
    e->due |= 1u << SETTING_VLAN;
}

/* Settings: what is received ---------------------------------------------- */

static unsigned multicast_ask(struct igbvf *e)
{
    uint16_t hashes[MBX_MULTICAST_MAX] = { 0 };
    const struct port_rx_mode *mode = &e->rx_wanted;
    unsigned count =
        mode->multicast_count < MBX_MULTICAST_MAX ? mode->multicast_count : MBX_MULTICAST_MAX;
    bool all = mode->multicast_count > MBX_MULTICAST_MAX ||
               ((mode->all_multicast || mode->promiscuous) &&
                e->promiscuous_refused & MBX_PROMISC_MULTICAST);
    if (!count && !all && !e->multicast_granted)
        return 0;
    for (unsigned i = 0; i < count; i++)
        hashes[i] = (uint16_t)intel_multicast_hash(mode->multicast[i]);
    e->pf.mail.words[0] =
        MBX_VF_SET_MULTICAST |
        FIELD_PUT(MBX_INFO, all ? MBX_MULTICAST_OVERFLOW | MBX_MULTICAST_MAX : count);
    memcpy(&e->pf.mail.words[1], hashes, sizeof hashes);
    return MBX_WORDS;
}

static void multicast_granted(struct igbvf *e)
{
    e->multicast_granted = FIELD_GET(MBX_INFO, e->pf.mail.words[0]);
}

static void multicast_refused(struct igbvf *e)
{
    refused(e, "the PF refused the group addresses: their frames do not arrive");
    if (vf_client_tells(&e->pf, NEWS_REFUSED_MULTICAST))
        log_warning("%s: the PF refused %u group addresses: their frames do not arrive",
                    e->device.name, e->rx_wanted.multicast_count);
}

static uint32_t promiscuous_wanted(const struct igbvf *e)
{
    const struct port_rx_mode *mode = &e->rx_wanted;
    uint32_t bits = (mode->promiscuous ? MBX_PROMISC_UNICAST | MBX_PROMISC_MULTICAST : 0) |
                    (mode->all_multicast ? MBX_PROMISC_MULTICAST : 0);
    return bits & ~e->promiscuous_refused;
}

static unsigned promiscuous_ask(struct igbvf *e)
{
    uint32_t bits = promiscuous_wanted(e);
    e->pf.mail.words[0] = MBX_VF_SET_PROMISC | FIELD_PUT(MBX_INFO, bits);
    return bits != e->promiscuous_granted;
}

static void promiscuous_granted(struct igbvf *e)
{
    e->promiscuous_granted = FIELD_GET(MBX_INFO, e->pf.mail.words[0]);
    e->port.rx_mode.promiscuous = e->promiscuous_granted & MBX_PROMISC_UNICAST;
    if (e->port.rx_mode.promiscuous && e->asked & 1u << SETTING_PROMISCUOUS)
        e->port.refusal = NULL; /* it may have been refused before */
}

/* Linux's igb grants all multicast at most; others ask for trust.  Some know neither. */
static void promiscuous_refused(struct igbvf *e)
{
    uint32_t asked = FIELD_GET(MBX_INFO, e->pf.mail.words[0]);
    if (asked & MBX_PROMISC_UNICAST) {
        e->promiscuous_refused |= MBX_PROMISC_UNICAST;
        e->port.rx_mode.promiscuous = false;
        refused(e,
                "the PF does not let this VF see other stations' frames (promiscuous): "
                "bridging needs `trust on` there (Linux's igb never grants it), routing does not");
        if (vf_client_tells(&e->pf, NEWS_REFUSED_PROMISCUOUS))
            log_warning("%s: the PF refused promiscuous mode: frames for stations behind this "
                        "appliance do not arrive; a bridge (l2) over this VF needs `trust on` at "
                        "the PF (Linux's igb never grants it), routing (l3) works without",
                        e->device.name);
        e->due |= 1u << SETTING_PROMISCUOUS;
    } else if (asked) {
        e->promiscuous_refused |= MBX_PROMISC_MULTICAST;
        e->due |= 1u << SETTING_MULTICAST;
        if (vf_client_tells(&e->pf, NEWS_REFUSED_ALL_MULTICAST))
            log_debug("%s: the PF refuses all multicast by that name; asked as more "
                      "groups than a list holds",
                      e->device.name);
    } else {
        e->promiscuous_granted = 0;
    }
}

/* The table --------------------------------------------------------------- */

/* ask: the message in e->pf.mail.words, its length in words; 0: granted is what is wanted. */
static const struct setting {
    unsigned (*ask)(struct igbvf *e);
    void (*granted)(struct igbvf *e);
    void (*refused)(struct igbvf *e);
} settings[] = {
    [SETTING_MAC] = { mac_ask, mac_granted, mac_refused },
    [SETTING_MTU] = { mtu_ask, mtu_granted, mtu_refused },
    [SETTING_VLAN] = { vlan_ask, vlan_granted, vlan_refused },
    [SETTING_MULTICAST] = { multicast_ask, multicast_granted, multicast_refused },
    [SETTING_PROMISCUOUS] = { promiscuous_ask, promiscuous_granted, promiscuous_refused },
};

bool igbvf_settings_next(void *owner)
{
    struct igbvf *e = owner;
    for (unsigned i = 0; i < ARRAY_SIZE(settings); i++) {
        if (!(e->due & 1u << i))
            continue;
        e->due &= ~(1u << i);
        e->setting = (enum igbvf_setting)i;
        e->pf.mail.count = settings[i].ask(e);
        if (e->pf.mail.count)
            return true;
    }
    return false;
}

void igbvf_settings_answered(void *owner, bool granted)
{
    struct igbvf *e = owner;
    const struct setting *setting = &settings[e->setting];
    if (granted)
        setting->granted(e);
    else
        setting->refused(e);
}

void igbvf_settings_retry(struct igbvf *e)
{
    if (!(e->promiscuous_refused & MBX_PROMISC_UNICAST && e->rx_wanted.promiscuous))
        return;
    e->promiscuous_refused &= ~MBX_PROMISC_UNICAST;
    e->due |= 1u << SETTING_PROMISCUOUS;
}

/* Linux's igb refuses a VF the address that its administrator gave it, even the same one, and
 * tells nobody when he gives one: so what we asked for ourselves is asked for again. */
void igbvf_settings_check(struct igbvf *e)
{
    e->mtu_check = true;
    e->mac_check = e->mac_asked_for;
    e->due |= 1u << SETTING_MTU | 1u << SETTING_MAC;
}

/* After a reset the PF remembers nothing, and what it refused it may grant. */
static void settings_forget(struct igbvf *e)
{
    memset(e->mac_granted, 0, MAC_LEN);
    e->mac_asked_for = e->mac_check = e->mtu_check = false;
    e->mtu_granted = 0;
    memset(e->vlans_granted, 0, sizeof e->vlans_granted);
    memset(e->vlans_seen, 0, sizeof e->vlans_seen);
    memset(e->vlans_refused, 0, sizeof e->vlans_refused);
    e->promiscuous_granted = e->promiscuous_refused = 0;
    e->multicast_granted = 0;
    e->due = SETTINGS_ALL;
}

static void mac_given(struct igbvf *e, const uint8_t mac[MAC_LEN])
{
    char text[MAC_TEXT];
    bool other = mac_is_station(e->port.mac) && !mac_equal(e->port.mac, mac);
    memcpy(e->mac_granted, mac, MAC_LEN);
    memcpy(e->port.permanent_mac, mac, MAC_LEN);
    if (e->mac_ours)
        return;
    memcpy(e->mac_wanted, mac, MAC_LEN);
    memcpy(e->port.mac, mac, MAC_LEN);
    if (other && vf_client_tells(&e->pf, NEWS_ADOPTED))
        log_info("%s: the PF gives another MAC address: %s", e->device.name, mac_format(mac, text));
}

void igbvf_settings_begin(void *owner, const uint8_t *mac)
{
    struct igbvf *e = owner;
    char text[MAC_TEXT];
    settings_forget(e);
    if (mac && mac_is_station(mac)) {
        mac_given(e, mac);
        return;
    }
    if (mac && vf_client_tells(&e->pf, NEWS_BAD_MAC))
        log_warning("%s: the PF gives MAC %s, which is no station's address", e->device.name,
                    mac_format(mac, text));
    if (mac_is_station(e->mac_wanted))
        return;
    mac_invent(e);
    if (vf_client_tells(&e->pf, NEWS_NO_MAC_GIVEN))
        log_info("%s: the PF gives no MAC address; asking for %s", e->device.name,
                 mac_format(e->mac_wanted, text));
}

/* Settings: what is wanted ------------------------------------------------ */

static int igbvf_ask(struct igbvf *e, uint32_t due)
{
    e->due |= due;
    e->asked = due;
    e->port.pending = true;
    e->port.refusal = NULL;
    return 0;
}

int igbvf_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    struct igbvf *e = port->priv;
    memcpy(e->mac_wanted, mac, MAC_LEN);
    e->mac_ours = true;
    return igbvf_ask(e, 1u << SETTING_MAC);
}

int igbvf_set_mtu(struct port *port, uint16_t mtu)
{
    struct igbvf *e = port->priv;
    e->mtu_wanted = mtu;
    return igbvf_ask(e, 1u << SETTING_MTU);
}

int igbvf_vlan_filter(struct port *port, uint16_t vid, bool on)
{
    struct igbvf *e = port->priv;
    if (vlan_in(e->vlans_wanted, vid) == on)
        return 0;
    vlan_mark(e->vlans_wanted, vid, on);
    vlan_mark(e->vlans_refused, vid, false);
    return igbvf_ask(e, 1u << SETTING_VLAN);
}

int igbvf_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    struct igbvf *e = port->priv;
    e->rx_wanted = *mode;
    e->promiscuous_refused = 0;
    return igbvf_ask(e, 1u << SETTING_MULTICAST | 1u << SETTING_PROMISCUOUS);
}
