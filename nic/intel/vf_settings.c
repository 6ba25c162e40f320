/* vf_settings.c - what a virtual function asks of its PF, and what it gets (vf_client.h).
 *
 * Wanted is what our user, or a mode, asked for; granted is what the PF said yes to since the
 * last reset.  A table row asks for the difference, one message at a time.  A refusal puts the
 * port back to what is granted, says why in port->refusal, and tells the log. */
#include "nic/intel/vf_client.h"

#include "kernel/log.h"
#include "nic/intel/intel_port.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_ALL ((1u << SETTINGS) - 1)

void vf_settings_refused(struct vf_client *c, const char *why)
{
    c->refusals++;
    if (c->asked & 1u << c->setting)
        c->port.refusal = why;
}

/* Settings: address ------------------------------------------------------- */

static void mail_put_mac(struct vf_client *c, const uint8_t mac[MAC_LEN])
{
    c->mail.words[1] = c->mail.words[2] = 0;
    memcpy(&c->mail.words[1], mac, MAC_LEN);
}

static unsigned mac_ask(struct vf_client *c)
{
    if (mac_equal(c->mac_wanted, c->mac_granted) && !c->mac_check)
        return 0;
    c->mac_check = false;
    c->mail.words[0] = MBX_VF_SET_MAC;
    mail_put_mac(c, c->mac_wanted);
    return 3;
}

static void mac_granted(struct vf_client *c, const uint32_t *answer)
{
    uint8_t mac[MAC_LEN];
    memcpy(mac, &c->mail.words[1], MAC_LEN);
    c->mac_asked_for |= !c->family->insists || !mac_equal(mac, c->mac_granted);
    memcpy(c->mac_granted, mac, MAC_LEN);
    if (!mac_is_station(c->port.permanent_mac))
        memcpy(c->port.permanent_mac, c->mac_granted, MAC_LEN);
    if (mac_equal(c->mac_granted, c->mac_wanted))
        memcpy(c->port.mac, c->mac_granted, MAC_LEN);
}

/* Ours is what the PF's administrator set.  Without any there is no sending. */
static void mac_refused(struct vf_client *c)
{
    char asked[MAC_TEXT], kept[MAC_TEXT];
    uint8_t mac[MAC_LEN];
    memcpy(mac, &c->mail.words[1], MAC_LEN);
    mac_format(mac, asked);
    if (!mac_is_station(c->mac_granted)) {
        vf_settings_refused(c, "the PF gives this VF no address and refuses its own choice");
        if (vf_client_lost(c, NEWS_NO_MAC))
            log_warning("%s: the PF gives no MAC address and refused %s: set one for this VF at "
                        "the PF; trying again in %u ms",
                        c->name, asked, vf_client_pause_ms(c));
        if (!c->mac_ours)
            memset(c->mac_wanted, 0, MAC_LEN);
        return;
    }
    if (mac_equal(mac, c->mac_granted)) {
        if (c->family->insists && !c->mac_asked_for) /* it came with the reset, and that holds */
            return;
        if (vf_client_lost(c, NEWS_MAC_TAKEN))
            log_warning("%s: the PF takes MAC %s away: its administrator set another; resetting "
                        "to learn it",
                        c->name, asked);
        return;
    }
    vf_settings_refused(c, "the PF refused the address: its administrator set another");
    if (vf_client_tells(c, NEWS_REFUSED_MAC))
        log_warning("%s: the PF refused MAC %s: its administrator set another; keeping %s", c->name,
                    asked, mac_format(c->mac_granted, kept));
    if (!mac_equal(mac, c->mac_wanted)) /* wanted anew meanwhile */
        return;
    c->mac_ours = false;
    memcpy(c->mac_wanted, c->mac_granted, MAC_LEN);
    memcpy(c->port.mac, c->mac_granted, MAC_LEN);
}

/* Settings: longest frame ------------------------------------------------- */

static uint32_t frame_extra(const struct vf_client *c)
{
    return c->frame_least ? c->family->frame_least : c->family->frame_extra;
}

static unsigned mtu_ask(struct vf_client *c)
{
    if (c->mtu_wanted == c->mtu_granted && !c->mtu_check)
        return 0;
    c->mtu_check = false;
    c->mail.words[0] = MBX_VF_SET_LPE;
    c->mail.words[1] = c->mtu_wanted + frame_extra(c);
    return 2;
}

static uint16_t mtu_asked(const struct vf_client *c)
{
    return (uint16_t)(c->mail.words[1] - frame_extra(c));
}

static void mtu_granted(struct vf_client *c, const uint32_t *answer)
{
    c->mtu_granted = mtu_asked(c);
}

/* What was granted before stays; after a reset nothing is known, and the default is tried. */
static void mtu_refused(struct vf_client *c)
{
    uint16_t asked = mtu_asked(c);
    if (!c->frame_least && c->family->frame_least) { /* without room for tags? */
        c->frame_least = c->mtu_check = true;
        c->due |= 1u << SETTING_MTU;
        return;
    }
    if (asked == c->mtu_granted) /* any more */
        c->mtu_granted = 0;
    uint16_t kept = c->mtu_granted ? c->mtu_granted : MTU_DEFAULT;
    vf_settings_refused(c,
                        "the PF refused frames that long: its own MTU, or its administrator, is in "
                        "the way");
    if (asked <= MTU_DEFAULT && !c->mtu_granted)
        c->mtu_granted = kept = asked; /* then as the chip comes: it passes them */
    if (kept == asked && c->family->deafens && vf_client_tells(c, NEWS_DEAF))
        log_warning("%s: the PF refused frames of %" PRIu32
                    " bytes, and passes none to this VF: its "
                    "own MTU is the reason, or an administrator of its host",
                    c->name, c->mail.words[1]);
    if (kept != asked && vf_client_tells(c, NEWS_REFUSED_MTU))
        log_warning("%s: the PF refused frames of %" PRIu32 " bytes (MTU %u): raise the PF's MTU "
                    "first; MTU is %u",
                    c->name, c->mail.words[1], asked, kept);
    if (c->mtu_wanted != asked) /* wanted anew meanwhile */
        return;
    c->mtu_wanted = c->port.mtu = kept;
    c->mtu_check = c->family->deafens && kept != asked;
    c->due |= 1u << SETTING_MTU;
}

/* Settings: VLAN ---------------------------------------------------------- */

#define VLAN_ADD FIELD_PUT(MBX_INFO, 1u)

static bool vlan_in(const uint32_t vlans[VF_VLAN_WORDS], uint32_t vlan)
{
    return vlans[vlan / 32] & 1u << vlan % 32;
}

static void vlan_mark(uint32_t vlans[VF_VLAN_WORDS], uint32_t vlan, bool in)
{
    uint32_t bit = 1u << vlan % 32, *word = &vlans[vlan / 32];
    store_relaxed(word, in ? *word | bit : *word & ~bit);
}

/* One of the VLANs that are to be joined, or to be left; 0: none. */
static uint32_t vlan_differs(const struct vf_client *c, bool joined)
{
    for (uint32_t i = 0; i < VF_VLAN_WORDS; i++) {
        uint32_t bits = joined ? c->vlans_wanted[i] & ~c->vlans_granted[i] & ~c->vlans_refused[i]
                               : c->vlans_granted[i] & ~c->vlans_wanted[i];
        if (bits)
            return 32 * i + (uint32_t)__builtin_ctz(bits);
    }
    return 0;
}

/* New ones first: whoever changes from one to another is without none. */
static unsigned vlan_ask(struct vf_client *c)
{
    uint32_t add = vlan_differs(c, true), vlan = add ? add : vlan_differs(c, false);
    c->mail.words[0] = MBX_VF_SET_VLAN | (add ? VLAN_ADD : 0);
    c->mail.words[1] = vlan;
    return vlan ? 2 : 0;
}

/* The tags of one that was left may still be on frames in the ring. */
static void vlan_done(struct vf_client *c)
{
    uint32_t vlan = c->mail.words[1];
    bool add = c->mail.words[0] & VLAN_ADD;
    vlan_mark(c->vlans_granted, vlan, add);
    if (add)
        vlan_mark(c->vlans_seen, vlan, true);
    c->due |= 1u << SETTING_VLAN;
}

static void vlan_granted(struct vf_client *c, const uint32_t *answer)
{
    vlan_done(c);
}

static void vlan_refused(struct vf_client *c)
{
    uint32_t vlan = c->mail.words[1];
    if (!(c->mail.words[0] & VLAN_ADD)) { /* it passes what nobody here takes any more */
        vlan_done(c);
        return;
    }
    vf_settings_refused(c,
                        "the PF refused the VLAN: it has one set for this VF, or no filter left");
    if (vf_client_tells(c, NEWS_REFUSED_VLAN))
        log_warning("%s: the PF refused VLAN %" PRIu32
                    ": it has one set for this VF, or no filter left",
                    c->name, vlan);
    vlan_mark(c->vlans_refused, vlan, true);
    c->due |= 1u << SETTING_VLAN;
}

void vf_settings_no_vlans(struct vf_client *c)
{
    for (unsigned i = 0; i < VF_VLAN_WORDS; i++)
        c->vlans_refused[i] |= c->vlans_wanted[i];
}

/* Settings: what is received ---------------------------------------------- */

/* Bits 47:36 of the address, whose first byte on the wire is bits 7:0, or 46:35, 45:34, 43:32. */
static uint16_t multicast_hash(const uint8_t mac[MAC_LEN], unsigned type)
{
    static const uint8_t shifts[] = { 4, 3, 2, 0 };
    return ((uint16_t)(mac[5] << 8 | mac[4]) >> shifts[type & 3]) & 0xfff;
}

static unsigned multicast_ask(struct vf_client *c)
{
    uint16_t hashes[MBX_MULTICAST_MAX] = { 0 };
    const struct port_rx_mode *mode = &c->rx_wanted;
    unsigned count =
        mode->multicast_count < MBX_MULTICAST_MAX ? mode->multicast_count : MBX_MULTICAST_MAX;
    bool all = c->family->overflows && (mode->multicast_count > MBX_MULTICAST_MAX ||
                                        ((mode->all_multicast || mode->promiscuous) &&
                                         c->promiscuous_refused & MBX_PROMISC_MULTICAST));
    if (!count && !all && !c->multicast_granted)
        return 0;
    for (unsigned i = 0; i < count; i++)
        hashes[i] = multicast_hash(mode->multicast[i], c->multicast_type);
    c->mail.words[0] =
        MBX_VF_SET_MULTICAST |
        FIELD_PUT(MBX_INFO, all ? MBX_MULTICAST_OVERFLOW | MBX_MULTICAST_MAX : count);
    memcpy(&c->mail.words[1], hashes, sizeof hashes);
    return MBX_WORDS;
}

static void multicast_granted(struct vf_client *c, const uint32_t *answer)
{
    c->multicast_granted = FIELD_GET(MBX_INFO, c->mail.words[0]);
}

static void multicast_refused(struct vf_client *c)
{
    vf_settings_refused(c, "the PF refused the group addresses: their frames do not arrive");
    if (vf_client_tells(c, NEWS_REFUSED_MULTICAST))
        log_warning("%s: the PF refused %u group addresses: their frames do not arrive", c->name,
                    c->rx_wanted.multicast_count);
}

static uint32_t promiscuous_wanted(const struct vf_client *c)
{
    const struct port_rx_mode *mode = &c->rx_wanted;
    uint32_t bits = (mode->promiscuous ? MBX_PROMISC_UNICAST | MBX_PROMISC_MULTICAST : 0) |
                    (mode->all_multicast || c->groups_as_all ? MBX_PROMISC_MULTICAST : 0);
    return bits & ~c->promiscuous_refused;
}

static unsigned promiscuous_ask(struct vf_client *c)
{
    uint32_t bits = promiscuous_wanted(c);
    c->mail.words[0] = MBX_VF_SET_PROMISC | FIELD_PUT(MBX_INFO, bits);
    return bits != c->promiscuous_granted;
}

static void promiscuous_granted(struct vf_client *c, const uint32_t *answer)
{
    c->promiscuous_granted = FIELD_GET(MBX_INFO, c->mail.words[0]);
    c->port.rx_mode.promiscuous = c->promiscuous_granted & MBX_PROMISC_UNICAST;
    if (c->port.rx_mode.promiscuous && c->asked & 1u << SETTING_PROMISCUOUS)
        c->port.refusal = NULL; /* it may have been refused before */
}

void vf_settings_no_promiscuous(struct vf_client *c)
{
    c->promiscuous_refused |= MBX_PROMISC_UNICAST;
    c->port.rx_mode.promiscuous = false;
    vf_settings_refused(c, c->family->no_promiscuous);
    if (vf_client_tells(c, NEWS_REFUSED_PROMISCUOUS))
        log_warning("%s: the PF refused promiscuous mode: frames for stations behind this "
                    "appliance do not arrive; a bridge (l2) over this VF needs %s, routing (l3) "
                    "works without",
                    c->name, c->family->no_bridge);
}

/* Linux's igb grants all multicast at most; others ask for trust.  Some know neither. */
static void promiscuous_refused(struct vf_client *c)
{
    uint32_t asked = FIELD_GET(MBX_INFO, c->mail.words[0]);
    if (asked & MBX_PROMISC_UNICAST) {
        vf_settings_no_promiscuous(c);
        c->due |= 1u << SETTING_PROMISCUOUS;
    } else if (asked) {
        c->promiscuous_refused |= MBX_PROMISC_MULTICAST;
        c->due |= 1u << SETTING_MULTICAST;
        if (vf_client_tells(c, NEWS_REFUSED_ALL_MULTICAST))
            log_debug("%s: the PF refuses all multicast by that name; asked as more "
                      "groups than a list holds",
                      c->name);
    } else {
        c->promiscuous_granted = 0;
    }
}

/* The table --------------------------------------------------------------- */

const struct vf_setting_ops vf_setting_mac = { mac_ask, mac_granted, mac_refused };
const struct vf_setting_ops vf_setting_mtu = { mtu_ask, mtu_granted, mtu_refused };
const struct vf_setting_ops vf_setting_vlan = { vlan_ask, vlan_granted, vlan_refused };
const struct vf_setting_ops vf_setting_multicast = { multicast_ask, multicast_granted,
                                                     multicast_refused };
const struct vf_setting_ops vf_setting_promiscuous = { promiscuous_ask, promiscuous_granted,
                                                       promiscuous_refused };

const struct vf_family vf_family_igb = {
    .settings = { [SETTING_MAC] = &vf_setting_mac,
                  [SETTING_MTU] = &vf_setting_mtu,
                  [SETTING_VLAN] = &vf_setting_vlan,
                  [SETTING_MULTICAST] = &vf_setting_multicast,
                  [SETTING_PROMISCUOUS] = &vf_setting_promiscuous },
    .frame_extra = FRAME_LIMIT(0) + ETHERNET_FCS,
    .trusted = MBX_PROMISC_UNICAST,
    .overflows = true,
    .no_promiscuous =
        "the PF does not let this VF see other stations' frames (promiscuous): "
        "bridging needs `trust on` there (Linux's igb never grants it), routing does not",
    .no_bridge = "`trust on` at the PF (Linux's igb never grants it)",
};

bool vf_settings_next(struct vf_client *c)
{
    for (unsigned i = 0; i < SETTINGS; i++) {
        const struct vf_setting_ops *ops = c->family->settings[i];
        if (!ops || !(c->due & 1u << i))
            continue;
        c->due &= ~(1u << i);
        c->setting = (enum vf_setting)i;
        c->mail.reply = VF_REPLY_WORDS;
        c->mail.what = 0;
        c->mail.count = ops->ask(c);
        if (c->mail.count)
            return true;
    }
    return false;
}

void vf_settings_answered(struct vf_client *c, bool granted, const uint32_t *answer)
{
    const struct vf_setting_ops *ops = c->family->settings[c->setting];
    const struct vf_setting_ops *general = c->family->translated[c->setting];
    if (granted)
        (ops->granted ? ops : general)->granted(c, answer);
    else
        (ops->refused ? ops : general)->refused(c);
}

void vf_settings_retry(struct vf_client *c)
{
    const struct port_rx_mode *mode = &c->rx_wanted;
    uint32_t again = c->promiscuous_refused & c->family->trusted;
    if (!again || !(mode->promiscuous || (mode->all_multicast && again & MBX_PROMISC_MULTICAST)))
        return;
    c->promiscuous_refused &= ~again;
    c->due |= 1u << SETTING_PROMISCUOUS;
}

/* Linux's igb refuses a VF the address that its administrator gave it, even the same one, and
 * tells nobody when he gives one: so what we asked for ourselves is asked for again. */
void vf_settings_check(struct vf_client *c)
{
    c->mtu_check = true;
    c->mac_check = c->mac_asked_for;
    c->due |= 1u << SETTING_MTU | 1u << SETTING_MAC;
}

/* After a reset the PF remembers nothing, and what it refused it may grant. */
void vf_settings_forget(struct vf_client *c)
{
    memset(c->mac_granted, 0, MAC_LEN);
    c->mac_asked_for = c->mtu_check = false;
    c->mac_check = c->family->insists;
    c->mtu_granted = 0;
    c->frame_least = false;
    memset(c->vlans_granted, 0, sizeof c->vlans_granted);
    memset(c->vlans_seen, 0, sizeof c->vlans_seen);
    memset(c->vlans_refused, 0, sizeof c->vlans_refused);
    c->promiscuous_granted = c->promiscuous_refused = 0;
    c->multicast_granted = 0;
    c->groups_as_all = false;
    c->xcast_granted = MBX_XCAST_NONE;
    c->api = MBX_API_1_0;
    c->api_asked = MBX_API_1_5;
    c->rx_granted = c->tx_granted = 1;
    c->reta_asked = c->key_asked = c->key_symmetric = false;
    c->spread = 0;
    c->due = SETTINGS_ALL;
}

static void mac_given(struct vf_client *c, const uint8_t mac[MAC_LEN])
{
    char text[MAC_TEXT];
    bool other = mac_is_station(c->port.mac) && !mac_equal(c->port.mac, mac);
    memcpy(c->mac_granted, mac, MAC_LEN);
    memcpy(c->port.permanent_mac, mac, MAC_LEN);
    if (c->mac_ours)
        return;
    memcpy(c->mac_wanted, mac, MAC_LEN);
    memcpy(c->port.mac, mac, MAC_LEN);
    if (other && vf_client_tells(c, NEWS_ADOPTED))
        log_info("%s: the PF gives another MAC address: %s", c->name, mac_format(mac, text));
}

void vf_settings_address(struct vf_client *c, const uint8_t *mac)
{
    char text[MAC_TEXT];
    if (mac && mac_is_station(mac)) {
        mac_given(c, mac);
        return;
    }
    if (mac && vf_client_tells(c, NEWS_BAD_MAC))
        log_warning("%s: the PF gives MAC %s, which is no station's address", c->name,
                    mac_format(mac, text));
    if (mac_is_station(c->mac_wanted))
        return;
    mac_invent(c->mac_wanted);
    if (vf_client_tells(c, NEWS_NO_MAC_GIVEN))
        log_info("%s: the PF gives no MAC address; asking for %s", c->name,
                 mac_format(c->mac_wanted, text));
}

/* Settings: what is wanted ------------------------------------------------ */

static int ask(struct vf_client *c, uint32_t due)
{
    c->due |= due;
    c->asked = due;
    c->port.pending = true;
    c->port.refusal = NULL;
    return 0;
}

int vf_client_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    struct vf_client *c = container_of(port, struct vf_client, port);
    memcpy(c->mac_wanted, mac, MAC_LEN);
    c->mac_ours = true;
    return ask(c, 1u << SETTING_MAC);
}

int vf_client_set_mtu(struct port *port, uint16_t mtu)
{
    struct vf_client *c = container_of(port, struct vf_client, port);
    c->mtu_wanted = mtu;
    return ask(c, 1u << SETTING_MTU);
}

int vf_client_vlan_filter(struct port *port, uint16_t vid, bool on)
{
    struct vf_client *c = container_of(port, struct vf_client, port);
    if (vlan_in(c->vlans_wanted, vid) == on)
        return 0;
    vlan_mark(c->vlans_wanted, vid, on);
    vlan_mark(c->vlans_refused, vid, false);
    return ask(c, 1u << SETTING_VLAN);
}

int vf_client_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    struct vf_client *c = container_of(port, struct vf_client, port);
    c->rx_wanted = *mode;
    c->promiscuous_refused = 0;
    c->groups_as_all = false;
    return ask(c, 1u << SETTING_MULTICAST | 1u << SETTING_PROMISCUOUS);
}
