/* ixgbevf_settings.c - what a virtual function of a 10 Gb/s chip asks of its PF besides what all
 * ask (vf_client.h): which version of the protocol, how many queues, what it receives, and how
 * frames are spread over its queues, which the PF decides for all.
 *
 * Messages: intel_mbx.h.  How PFs answer is Linux's ixgbe's way, where nothing else is said. */
#include "nic/intel/ixgbevf/ixgbevf.h"

#include "nic/rss.h"

#include <string.h>

/* Version ----------------------------------------------------------------- */

/* From the newest down to one that the PF takes; one that refuses all, or does not know the
 * question, speaks 1.0. */
static unsigned api_ask(struct vf_client *c)
{
    c->mail.words[0] = MBX_VF_API_NEGOTIATE;
    c->mail.words[1] = c->api_asked;
    return 2;
}

static void api_granted(struct vf_client *c, const uint32_t *answer)
{
    c->api = c->api_asked;
}

static void api_refused(struct vf_client *c)
{
    if (c->api_asked == MBX_API_1_0)
        return;
    c->api_asked--;
    if (c->api_asked == MBX_API_2_0)
        c->api_asked = MBX_API_1_0;
    c->due |= 1u << SETTING_API;
}

/* Queues ------------------------------------------------------------------ */

static unsigned queues_ask(struct vf_client *c)
{
    if (c->api < MBX_API_1_1)
        return 0;
    c->mail.words[0] = MBX_VF_GET_QUEUES;
    c->mail.reply = MBX_QUEUES_WORDS;
    return MBX_QUEUES_WORDS;
}

static void queues_granted(struct vf_client *c, const uint32_t *answer)
{
    uint32_t tx = answer[MBX_QUEUES_TX], rx = answer[MBX_QUEUES_RX];
    if (!tx || tx > IXGBEVF_QUEUES || !rx || rx > IXGBEVF_QUEUES) {
        c->nonsense++;
        return;
    }
    c->tx_granted = (uint16_t)tx;
    c->rx_granted = (uint16_t)rx;
}

static void queues_refused(struct vf_client *c) {}

/* What is received -------------------------------------------------------- */

static bool refused_all_multicast(const struct vf_client *c)
{
    return c->promiscuous_refused & MBX_PROMISC_MULTICAST;
}

static enum mbx_xcast xcast_wanted(const struct vf_client *c)
{
    const struct port_rx_mode *mode = &c->rx_wanted;
    if (mode->promiscuous && !(c->promiscuous_refused & MBX_PROMISC_UNICAST))
        return MBX_XCAST_PROMISCUOUS;
    if ((mode->promiscuous || mode->all_multicast || mode->multicast_count > MBX_MULTICAST_MAX) &&
        !refused_all_multicast(c))
        return MBX_XCAST_ALL_MULTI;
    return mode->promiscuous || mode->all_multicast || mode->multicast_count ? MBX_XCAST_MULTI
                                                                             : MBX_XCAST_NONE;
}

static unsigned xcast_ask(struct vf_client *c)
{
    enum mbx_api needed = MBX_API_1_2;
    if (xcast_wanted(c) == MBX_XCAST_PROMISCUOUS && c->api < MBX_API_1_3)
        vf_settings_no_promiscuous(c);
    if (c->api < needed || xcast_wanted(c) == c->xcast_granted)
        return 0;
    c->mail.words[0] = MBX_VF_UPDATE_XCAST;
    c->mail.words[1] = xcast_wanted(c);
    return 2;
}

static void xcast_less(struct vf_client *c, enum mbx_xcast than)
{
    if (than == MBX_XCAST_PROMISCUOUS)
        vf_settings_no_promiscuous(c);
    else if (than == MBX_XCAST_ALL_MULTI)
        c->promiscuous_refused |= MBX_PROMISC_MULTICAST;
}

/* A VF without trust is granted less than it asked for. */
static void xcast_granted(struct vf_client *c, const uint32_t *answer)
{
    enum mbx_xcast asked = c->mail.words[1], got = answer[1];
    if (answer[1] > (uint32_t)asked) {
        c->nonsense++;
        got = asked;
    }
    for (enum mbx_xcast less = asked; less > got; less--)
        xcast_less(c, less);
    c->xcast_granted = got;
    c->port.rx_mode.promiscuous = got == MBX_XCAST_PROMISCUOUS;
    if (c->port.rx_mode.promiscuous && c->asked & 1u << SETTING_PROMISCUOUS)
        c->port.refusal = NULL; /* it may have been refused before */
    c->due |= 1u << SETTING_PROMISCUOUS;
}

static void xcast_refused(struct vf_client *c)
{
    enum mbx_xcast asked = c->mail.words[1];
    xcast_less(c, asked);
    if (asked <= MBX_XCAST_MULTI)
        c->xcast_granted = asked; /* there is nothing else to ask for */
    else
        c->due |= 1u << SETTING_PROMISCUOUS;
}

/* Receive side scaling ---------------------------------------------------- */

/* Table and key are the PF's own and those of all its VFs; we only tell what they do for us. */
static bool spreads(const struct vf_client *c)
{
    return c->api >= MBX_API_1_2 && c->rx_granted > 1 && c->port.rx_queues > 1;
}

static unsigned reta_ask(struct vf_client *c)
{
    if (!spreads(c) || c->reta_asked)
        return 0;
    c->mail.words[0] = MBX_VF_GET_RETA;
    c->mail.reply = MBX_RETA_WORDS;
    return 1;
}

/* Sixteen entries a word. */
static void reta_granted(struct vf_client *c, const uint32_t *answer)
{
    unsigned named = 0;
    for (unsigned i = 1; i < MBX_RETA_WORDS; i++)
        for (unsigned bit = 0; bit < 32; bit += 2)
            named |= 1u << (answer[i] >> bit & 3);
    c->reta_asked = true;
    c->spread = (named & 1) + (named >> 1 & 1) + (named >> 2 & 1) + (named >> 3 & 1);
}

static void reta_refused(struct vf_client *c)
{
    c->reta_asked = true;
}

static unsigned key_ask(struct vf_client *c)
{
    if (!spreads(c) || c->key_asked)
        return 0;
    c->mail.words[0] = MBX_VF_GET_RSS_KEY;
    c->mail.reply = MBX_RSS_KEY_WORDS;
    return 1;
}

/* Two bytes again and again: both ways of a flow have one hash. */
static void key_granted(struct vf_client *c, const uint32_t *answer)
{
    uint8_t key[RSS_KEY_LENGTH];
    memcpy(key, &answer[1], sizeof key);
    c->key_asked = true;
    c->key_symmetric = !memcmp(key, key + 2, sizeof key - 2);
}

static void key_refused(struct vf_client *c)
{
    c->key_asked = true;
}

/* The table --------------------------------------------------------------- */

static const struct vf_setting_ops api = { api_ask, api_granted, api_refused };
static const struct vf_setting_ops queues = { queues_ask, queues_granted, queues_refused };
static const struct vf_setting_ops xcast = { xcast_ask, xcast_granted, xcast_refused };
static const struct vf_setting_ops reta = { reta_ask, reta_granted, reta_refused };
static const struct vf_setting_ops key = { key_ask, key_granted, key_refused };

/* Linux's ixgbe on an 82599 takes 1518 bytes at its own MTU of 1500 and no byte more.  Those are
 * enough for a tag, which the chip does not count, but not for two.  On a loaded host it finds a
 * VF's reset behind the greeting and takes back the address that it has granted, and nobody tells.
 */
const struct vf_family vf_family_ixgbe = {
    .settings = { [SETTING_API] = &api,
                  [SETTING_QUEUES] = &queues,
                  [SETTING_MAC] = &vf_setting_mac,
                  [SETTING_MTU] = &vf_setting_mtu,
                  [SETTING_VLAN] = &vf_setting_vlan,
                  [SETTING_MULTICAST] = &vf_setting_multicast,
                  [SETTING_PROMISCUOUS] = &xcast,
                  [SETTING_RETA] = &reta,
                  [SETTING_RSS_KEY] = &key },
    .frame_extra = FRAME_LIMIT(0) + ETHERNET_FCS,
    .frame_least = ETHERNET_HEADER + ETHERNET_FCS,
    .deafens = true,
    .insists = true,
    .trusted = MBX_PROMISC_UNICAST | MBX_PROMISC_MULTICAST,
    .no_promiscuous =
        "the PF does not let this VF see other stations' frames (promiscuous): bridging needs "
        "`trust on` there (Linux's ixgbe never grants it on an 82599, and on an X540 only while "
        "its PF is promiscuous itself), routing does not",
    .no_bridge = "`trust on` at the PF (Linux's ixgbe never grants it on an 82599)",
};

/* Hyper-V ----------------------------------------------------------------- */

#define HYPERV_REFUSES "Hyper-V takes no requests: set it for the virtual machine's adapter"

/* Nothing is asked; what differs from what there is, is refused at once. */
static unsigned hyperv_mac(struct vf_client *c)
{
    if (mac_equal(c->mac_wanted, c->mac_granted))
        return 0;
    vf_settings_refused(c, HYPERV_REFUSES);
    c->mac_ours = false;
    memcpy(c->mac_wanted, c->mac_granted, MAC_LEN);
    memcpy(c->port.mac, c->mac_granted, MAC_LEN);
    return 0;
}

/* The PF's limit is not known: longer frames do not arrive. */
static unsigned hyperv_mtu(struct vf_client *c)
{
    c->mtu_granted = c->mtu_wanted;
    return 0;
}

static unsigned hyperv_vlan(struct vf_client *c)
{
    for (unsigned i = 0; i < VF_VLAN_WORDS; i++)
        if (c->vlans_wanted[i] & ~c->vlans_refused[i])
            vf_settings_refused(c, HYPERV_REFUSES);
    vf_settings_no_vlans(c);
    return 0;
}

static unsigned hyperv_multicast(struct vf_client *c)
{
    if (c->rx_wanted.multicast_count)
        vf_settings_refused(c, HYPERV_REFUSES);
    return 0;
}

static unsigned hyperv_mode(struct vf_client *c)
{
    if (c->rx_wanted.promiscuous && !(c->promiscuous_refused & MBX_PROMISC_UNICAST))
        vf_settings_no_promiscuous(c);
    return 0;
}

static const struct vf_setting_ops no_mac = { .ask = hyperv_mac };
static const struct vf_setting_ops no_mtu = { .ask = hyperv_mtu };
static const struct vf_setting_ops no_vlan = { .ask = hyperv_vlan };
static const struct vf_setting_ops no_multicast = { .ask = hyperv_multicast };
static const struct vf_setting_ops no_mode = { .ask = hyperv_mode };

const struct vf_family vf_family_hyperv = {
    .settings = { [SETTING_MAC] = &no_mac,
                  [SETTING_MTU] = &no_mtu,
                  [SETTING_VLAN] = &no_vlan,
                  [SETTING_MULTICAST] = &no_multicast,
                  [SETTING_PROMISCUOUS] = &no_mode },
    .no_promiscuous = "Hyper-V lets no VF see other stations' frames (promiscuous): bridging needs "
                      "its own adapter, routing does not",
    .no_bridge = "Hyper-V's own adapter",
};
