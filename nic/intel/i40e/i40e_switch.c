/* i40e_switch.c - the VSI of an X710's PF: which queues it has, what it does with tags, which
 * frames it hears, and how they are spread over the queues (i40e.h).
 *
 * Linux's and DPDK's i40e agree on commands and tables. */
#include "nic/intel/i40e/i40e.h"
#include "nic/rss.h"

#include <errno.h>
#include <string.h>

#define SWITCH_BYTES 512u
#define FILTERS_AT_ONCE 64u

uint32_t i40e_power_of(uint32_t queues)
{
    uint32_t power = 0;
    while (1u << power < queues)
        power++;
    return power;
}

/* VSI ------------------------------------------------------------------------- */

/* Firmware has made one for the PF: the only one there is after a reset. */
static int find_vsi(struct i40e *e)
{
    uint8_t answer[SWITCH_BYTES];
    struct i40e_switch_element element;
    struct i40e_aq_desc d = { .opcode = I40E_OP_GET_SWITCH };
    int err = i40e_command(e, &d, answer, sizeof answer, false, 0);
    if (err)
        return err;
    unsigned count = answer[0] | answer[1] << 8;
    for (unsigned i = 0; i < count && 16 * i + 32 <= sizeof answer; i++) {
        memcpy(&element, answer + 16 + 16 * i, sizeof element);
        if (element.kind != I40E_SWITCH_VSI)
            continue;
        e->seid = element.seid;
        e->uplink = element.uplink;
        return 0;
    }
    log_error("%s: firmware has made no VSI", e->device.name);
    return -EIO;
}

static int get_vsi(struct i40e *e, struct i40e_vsi *vsi)
{
    struct i40e_aq_desc d = { .opcode = I40E_OP_GET_VSI, .param = { e->seid } };
    int err = i40e_command(e, &d, vsi, sizeof *vsi, false, 0);
    e->vsi_number = (uint16_t)FIELD_GET(I40E_VSI_NUMBER, d.param[0]);
    return err;
}

static int update_vsi(struct i40e *e, struct i40e_vsi *vsi)
{
    struct i40e_aq_desc d = { .opcode = I40E_OP_UPDATE_VSI, .param = { e->seid } };
    return i40e_command(e, &d, vsi, sizeof *vsi, true, 0);
}

int i40e_allow_loopback(struct i40e *e)
{
    struct i40e_vsi vsi;
    int err = get_vsi(e, &vsi);
    vsi.sections = I40E_VSI_SWITCH;
    vsi.switch_id |= I40E_VSI_LOOPBACK;
    return err ? err : update_vsi(e, &vsi);
}

/* Its queues are the PF's first ones, all of traffic class 0. */
static int give_queues(struct i40e *e)
{
    struct i40e_vsi vsi;
    int err = get_vsi(e, &vsi);
    if (err)
        return err;
    vsi.sections = I40E_VSI_QUEUES;
    vsi.mapping = 0;
    memset(vsi.queue, 0, sizeof vsi.queue);
    memset(vsi.class, 0, sizeof vsi.class);
    vsi.class[0] = (uint16_t)FIELD_PUT(I40E_VSI_CLASS_POWER, i40e_power_of(e->queues));
    err = update_vsi(e, &vsi);
    e->queue_set = vsi.queue_set[0];
    e->counter = vsi.counter;
    return err;
}

int i40e_write_offloads(struct i40e *e)
{
    bool strips = e->offloads & PORT_OFFLOAD_VLAN_STRIP;
    struct i40e_vsi vsi = { .sections = I40E_VSI_VLAN,
                            .port_vlan = I40E_VSI_VLAN_ALL | (strips ? 0 : I40E_VSI_VLAN_KEEP) };
    intel_rx_offloads(&e->port, e->queues, e->offloads, strips);
    int err = update_vsi(e, &vsi);
    intel_tx_offloads(&e->port, e->queues, e->offloads);
    return err;
}

/* Filters ---------------------------------------------------------------------- */

static int change_filters(struct i40e *e, bool add, const uint8_t (*macs)[MAC_LEN], uint16_t count,
                          uint32_t expected)
{
    struct i40e_macvlan list[FILTERS_AT_ONCE];
    int err = 0;
    for (uint16_t n, done = 0; done < count && !err; done = (uint16_t)(done + n)) {
        n = (uint16_t)min_u64((uint64_t)count - done, FILTERS_AT_ONCE);
        struct i40e_aq_desc d = { .opcode = add ? I40E_OP_ADD_MACVLAN : I40E_OP_REMOVE_MACVLAN,
                                  .param = { n | (I40E_MACVLAN_SEID_VALID | e->seid) << 16 } };
        memset(list, 0, sizeof list);
        for (uint16_t i = 0; i < n; i++) {
            memcpy(list[i].mac, macs[done + i], MAC_LEN);
            list[i].flags =
                I40E_MACVLAN_PERFECT | (add ? I40E_ADD_MACVLAN_ANY : I40E_REMOVE_MACVLAN_ANY);
        }
        err = i40e_command(e, &d, list, (uint16_t)(n * sizeof *list), true, expected);
    }
    return err;
}

int i40e_write_mac(struct i40e *e, const uint8_t mac[MAC_LEN])
{
    uint8_t old[1][MAC_LEN], new[1][MAC_LEN];
    memcpy(old[0], e->mac, MAC_LEN);
    memcpy(new[0], mac, MAC_LEN);
    int err = change_filters(e, true, new, 1, 1u << I40E_RC_EEXIST);
    if (err || !memcmp(old, new, MAC_LEN))
        return err;
    return change_filters(e, false, old, 1, 1u << I40E_RC_ENOENT) == -ETIMEDOUT ? -ETIMEDOUT : 0;
}

static int write_promiscuous(struct i40e *e, bool all, bool all_groups)
{
    const uint32_t valid = I40E_PROMISC_UNICAST | I40E_PROMISC_MULTICAST | I40E_PROMISC_BROADCAST |
                           I40E_PROMISC_VLAN | I40E_PROMISC_RX_ONLY;
    uint32_t flags = I40E_PROMISC_BROADCAST | I40E_PROMISC_VLAN | I40E_PROMISC_RX_ONLY |
                     (all ? I40E_PROMISC_UNICAST | I40E_PROMISC_MULTICAST : 0) |
                     (all_groups ? I40E_PROMISC_MULTICAST : 0);
    struct i40e_aq_desc d = { .opcode = I40E_OP_PROMISCUOUS,
                              .param = { flags | valid << 16, e->seid } };
    return i40e_command(e, &d, NULL, 0, false, 0);
}

static void hear(struct i40e *e, const uint8_t mac[MAC_LEN])
{
    if (memcmp(mac, e->mac, MAC_LEN)) /* which has a filter already */
        memcpy(e->hears[e->hears_count++], mac, MAC_LEN);
}

/* Filters as they are wanted; where the chip has too few, it hears all groups, or all. */
int i40e_write_rx_mode(struct i40e *e)
{
    const struct port_rx_mode *mode = &e->mode;
    bool few = mode->multicast_count <= I40E_GROUPS;
    int err = change_filters(e, false, e->hears, e->hears_count, 1u << I40E_RC_ENOENT);
    e->hears_count = 0;
    for (uint16_t i = 0; i < mode->unicast_count; i++)
        hear(e, mode->unicast[i]);
    for (uint16_t i = 0; few && i < mode->multicast_count; i++)
        hear(e, mode->multicast[i]);
    if (err != -ETIMEDOUT)
        err = change_filters(e, true, e->hears, e->hears_count, 0);
    if (err == -ETIMEDOUT)
        return err;
    return write_promiscuous(e, mode->promiscuous || err, mode->all_multicast || !few);
}

/* Spreading ---------------------------------------------------------------------- */

/* Linux and DPDK leave these registers to firmware, which writes them while frames come in; not so
 * an X722's. */
int i40e_rx_ctl_write(struct i40e *e, uint32_t reg, uint32_t value)
{
    struct i40e_aq_desc d = { .opcode = I40E_OP_RX_CTL_WRITE,
                              .param = { 0, reg },
                              .address_low = value };
    if (!e->x722)
        return i40e_command(e, &d, NULL, 0, false, 0);
    i40e_write(e, reg, value);
    return 0;
}

int i40e_write_table(struct i40e *e, const void *bytes, uint16_t n, const struct i40e_table *at)
{
    struct i40e_aq_desc d = { .opcode = at->opcode, .param = { at->vsi | I40E_RSS_VSI_VALID } };
    if (e->x722)
        return i40e_command(e, &d, (void *)(uintptr_t)bytes, n, true, 0);
    for (uint32_t i = 0; i < n; i += 4) {
        uint32_t four;
        memcpy(&four, (const uint8_t *)bytes + i, sizeof four);
        i40e_write(e, at->reg + at->stride * (i / 4), four);
    }
    return 0;
}

static int write_spreading(struct i40e *e)
{
    uint64_t types = e->queues > 1 ? I40E_HENA | (e->x722 ? I40E_HENA_X722 : 0) : 0;
    uint8_t key[I40E_RSS_KEY_BYTES] = { 0 }, table[I40E_RSS_LUT_BYTES];
    memcpy(key, rss_key(), min_u64(sizeof key, RSS_KEY_LENGTH));
    for (uint32_t i = 0; i < sizeof table; i++)
        table[i] = (uint8_t)(i % e->queues);
    const struct i40e_table keys = { I40E_PFQF_HKEY, I40E_PFQF_STRIDE, I40E_OP_RSS_KEY,
                                     e->vsi_number };
    const struct i40e_table tables = { I40E_PFQF_HLUT, I40E_PFQF_STRIDE, I40E_OP_RSS_LUT,
                                       e->vsi_number | I40E_RSS_LUT_PF };
    int err = i40e_write_table(e, key, sizeof key, &keys);
    if (!err)
        err = i40e_write_table(e, table, sizeof table, &tables);
    if (!err)
        err = i40e_rx_ctl_write(e, I40E_PFQF_CTL_0,
                                I40E_PFQF_CTL_0_LUT512 | I40E_PFQF_CTL_0_ETYPE |
                                    I40E_PFQF_CTL_0_MACVLAN);
    if (!err)
        err = i40e_rx_ctl_write(e, I40E_PFQF_HENA(0), (uint32_t)types);
    return err ? err : i40e_rx_ctl_write(e, I40E_PFQF_HENA(1), (uint32_t)(types >> 32));
}

/* The filter that firmware has made for the chip's own address goes when the port has another. */
static int init_filters(struct i40e *e)
{
    uint8_t own[MAC_LEN];
    memcpy(own, e->mac, MAC_LEN);
    memcpy(e->mac, e->port.permanent_mac, MAC_LEN);
    int err = i40e_write_mac(e, own);
    memcpy(e->mac, own, MAC_LEN);
    e->hears_count = 0;
    return err ? err : i40e_write_rx_mode(e);
}

int i40e_set_up_vsi(struct i40e *e)
{
    int err = find_vsi(e);
    if (!err)
        err = give_queues(e);
    if (!err && e->sriov)
        err = i40e_veb_create(e);
    if (!err)
        err = i40e_write_offloads(e);
    if (!err)
        err = write_spreading(e);
    return err ? err : init_filters(e);
}
