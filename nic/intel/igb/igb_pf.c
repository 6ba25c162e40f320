/* igb_pf.c - the 82576 and the I350 as masters of VFs: pools, the switch between them, filters,
 * policies, events and counters.  The mailbox server is igb_mailbox.c.
 *
 * Documents: 82576 DS 7.10.3 (virtualization), I350 DS 7.8.3 (named in igb_virt_regs.h).  Where a
 * chip, or QEMU's igb, does otherwise it is told in place.
 *
 * All that depends on a policy or on what a VF asked for is written by igb_pf_program() from
 * the state in struct igb_pf, so that a reset of the chip, a policy and a message go the same
 * way.  Registers are compared with what was written last: a VF that makes us write pays with
 * its own messages (igb_mailbox.c), and what is the same costs nothing. */
#include "nic/intel/igb/igb_pf.h"

#include "kernel/log.h"
#include "kernel/random.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "pci/sriov.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLLECT_US US_PER_S /* octet counters wrap after 34 s at 1 Gb/s */
#define EVENTS_US (10 * US_PER_MS)
#define REUSE_US \
    (100 * US_PER_MS)  /* between the end of VF Enable and IOVCTL, as Intel's drivers do */
#define STRIKES_MAX 4u /* malicious-driver events until a VF is muted */
#define RATE_MAX_MBPS 1000u
#define ALL_BITS 0xffffffffu

static void put(struct igb *e, uint32_t reg, uint32_t *last, uint32_t value)
{
    if (!e->pf->fresh && *last == value)
        return;
    igb_write(e, reg, value);
    *last = value;
}

static uint32_t pool_bit(unsigned pool)
{
    return 1u << pool;
}

/* Addresses ------------------------------------------------------------------------ */

/* One receive address; never valid with half an old one in it.  mac NULL: none. */
static void put_address(struct igb *e, unsigned n, const uint8_t *mac, unsigned pool)
{
    uint32_t low = 0, high = 0;
    if (mac) {
        memcpy(&low, mac, 4);
        memcpy(&high, mac + 4, 2);
        high |= IGB_RAH_AV | FIELD_PUT(IGB_RAH_POOL, pool_bit(pool));
    }
    if (!e->pf->fresh && e->pf->ral[n] == low && e->pf->rah[n] == high)
        return;
    igb_write(e, IGB_RAH(n), 0);
    igb_write(e, IGB_RAL(n), e->pf->ral[n] = low);
    igb_write(e, IGB_RAH(n), e->pf->rah[n] = high);
}

/* Address 0 is the PF's, and igb.c's. */
static void put_addresses(struct igb *e)
{
    unsigned n = IGB_RAR_FILTER;
    for (unsigned i = 0; i < IGB_VFS_MAX; i++) {
        const struct igb_vf *v = &e->pf->vf[i];
        put_address(e, IGB_RAR_VF + i, v->cts ? v->mac : NULL, i);
        for (unsigned k = 0; k < v->mac_count && n < e->chip->addresses; k++)
            put_address(e, n++, v->macs[k], i);
    }
    while (n < e->chip->addresses)
        put_address(e, n++, NULL, 0);
}

static bool mac_is(const uint8_t *a, const uint8_t *b)
{
    return !memcmp(a, b, MAC_LEN);
}

static bool vf_has_mac(const struct igb_vf *v, const uint8_t mac[MAC_LEN])
{
    if (mac_is(v->policy.mac, mac) || mac_is(v->mac, mac))
        return true;
    for (unsigned k = 0; k < v->mac_count; k++)
        if (mac_is(v->macs[k], mac))
            return true;
    return false;
}

static const char *mac_trouble(const struct igb *e, const struct igb_pf *pf, unsigned vf,
                               const uint8_t mac[MAC_LEN])
{
    if (!mac_is_station(mac))
        return "that is no station's address";
    if (mac_is(mac, e->mac) || mac_is(mac, e->port.mac))
        return "that address is the PF's";
    for (unsigned i = 0; i < pf->count; i++)
        if (i != vf && vf_has_mac(&pf->vf[i], mac))
            return "another VF has that address";
    return NULL;
}

const char *igb_vf_mac_trouble(const struct igb *e, unsigned vf, const uint8_t mac[MAC_LEN])
{
    return mac_trouble(e, e->pf, vf, mac);
}

bool igb_pf_may_have(const struct igb *e, const uint8_t mac[MAC_LEN])
{
    for (unsigned i = 0; i < e->pf->count; i++)
        if (vf_has_mac(&e->pf->vf[i], mac))
            return false;
    return true;
}

unsigned igb_vf_filters_free(const struct igb *e)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < e->pf->count; i++)
        taken += e->pf->vf[i].mac_count;
    return e->chip->addresses - IGB_RAR_FILTER - taken;
}

/* Locally administered (IEEE 802-2014 8.4), and nobody else's here. */
static void choose_mac(const struct igb *e, struct igb_pf *pf, unsigned vf)
{
    uint8_t *mac = pf->vf[vf].policy.mac;
    do {
        uint64_t r = random_word();
        memcpy(mac, &r, MAC_LEN);
        mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
    } while (mac_trouble(e, pf, vf, mac));
    memcpy(pf->vf[vf].mac, mac, MAC_LEN);
}

/* VLANs ---------------------------------------------------------------------------- */

/* VLANs of the pools, entry 0 for priority-tagged frames (VLAN 0). */
struct vlan_map {
    unsigned count;
    uint16_t vlan[IGB_VLVF_REGS];
    uint8_t pools[IGB_VLVF_REGS];
};

static bool map_add(struct vlan_map *map, uint16_t vlan, uint8_t pools)
{
    unsigned i = 0;
    while (i < map->count && map->vlan[i] != vlan)
        i++;
    if (i == IGB_VLVF_REGS)
        return false;
    if (i == map->count) {
        map->vlan[map->count++] = vlan;
        map->pools[i] = 0;
    }
    map->pools[i] |= pools;
    return true;
}

/* A bridge on the PF takes part in every VLAN. */
static bool pf_takes_all_vlans(const struct igb *e)
{
    return e->mode.promiscuous && !e->vlan;
}

static void map_vfs(const struct igb *e, struct vlan_map *map)
{
    map->count = 0;
    map_add(map, 0, 0);
    for (unsigned i = 0; i < e->pf->count; i++) {
        const struct igb_vf *v = &e->pf->vf[i];
        map_add(map, v->policy.vlan, (uint8_t)pool_bit(i));
        for (unsigned k = 0; k < v->vlan_count; k++)
            map_add(map, v->vlans[k], (uint8_t)pool_bit(i));
    }
}

static void map_make(const struct igb *e, struct vlan_map *map)
{
    map_vfs(e, map);
    map_add(map, e->vlan, (uint8_t)pool_bit(e->pool));
    for (unsigned i = 0; pf_takes_all_vlans(e) && i < map->count; i++)
        map->pools[i] |= (uint8_t)pool_bit(e->pool);
}

bool igb_vf_vlan_fits(const struct igb *e, uint16_t vlan)
{
    struct vlan_map map;
    map_vfs(e, &map);
    return map_add(&map, vlan, 0) && map.count < IGB_VLVF_REGS; /* one is left for the PF's */
}

/* The filter that VLAN has already, or a free one; IGB_VLVF_REGS: neither. */
static unsigned filter_of(const uint32_t vlvf[IGB_VLVF_REGS], uint16_t vlan)
{
    unsigned free = IGB_VLVF_REGS;
    for (unsigned i = 0; i < IGB_VLVF_REGS; i++) {
        if (!(vlvf[i] & IGB_VLVF_VI_EN))
            free = i < free ? i : free;
        else if (FIELD_GET(IGB_VLVF_VLAN, vlvf[i]) == vlan)
            return i;
    }
    return free;
}

static void filters_make(const struct igb *e, const struct vlan_map *map,
                         uint32_t vlvf[IGB_VLVF_REGS])
{
    bool wanted[IGB_VLVF_REGS] = { false };
    memcpy(vlvf, e->pf->vlvf, sizeof e->pf->vlvf);
    for (unsigned pass = 0; pass < 2; pass++) { /* those that stay, then those that come */
        for (unsigned i = 0; i < map->count; i++) {
            unsigned at = filter_of(vlvf, map->vlan[i]);
            if (at == IGB_VLVF_REGS || (pass == 0 && !(vlvf[at] & IGB_VLVF_VI_EN)))
                continue;
            vlvf[at] = IGB_VLVF_VI_EN | FIELD_PUT(IGB_VLVF_POOLSEL, (uint32_t)map->pools[i]) |
                       map->vlan[i];
            wanted[at] = true;
        }
        for (unsigned i = 0; pass == 0 && i < IGB_VLVF_REGS; i++)
            vlvf[i] = wanted[i] ? vlvf[i] : 0;
    }
}

/* I350: while the switch is on a write of VFTA may be lost, so it is repeated (I350
 * Specification Update, erratum 20; ten times as Intel's drivers do). */
static void put_vfta(struct igb *e, unsigned n, uint32_t value)
{
    unsigned times = e->chip->vfta_writes;
    if (!e->pf->fresh && e->pf->vfta[n] == value)
        return;
    while (times--)
        igb_write(e, IGB_VFTA(n), value);
    e->pf->vfta[n] = value;
}

/* A VLAN is let in last and shut out first: what passes VFTA without a filter of VLVF
 * goes to the default pool (82576 DS 7.10.3.3). */
static void put_vlans(struct igb *e)
{
    uint32_t vfta[IGB_VFTA_REGS], vlvf[IGB_VLVF_REGS];
    struct vlan_map map;
    map_make(e, &map);
    filters_make(e, &map, vlvf);
    memset(vfta, pf_takes_all_vlans(e) ? 0xff : 0, sizeof vfta);
    for (unsigned i = 0; i < map.count; i++)
        vfta[map.vlan[i] / 32] |= 1u << map.vlan[i] % 32;
    for (unsigned n = 0; n < IGB_VFTA_REGS; n++)
        put_vfta(e, n, e->pf->fresh ? 0 : e->pf->vfta[n] & vfta[n]);
    for (unsigned i = 0; i < IGB_VLVF_REGS; i++)
        put(e, IGB_VLVF(i), &e->pf->vlvf[i], vlvf[i]);
    for (unsigned n = 0; n < IGB_VFTA_REGS; n++)
        if (e->pf->vfta[n] != vfta[n])
            put_vfta(e, n, vfta[n]);
}

/* Groups, and stations nobody knows --------------------------------------------------- */

static bool vf_all_multicast(const struct igb_vf *v)
{
    return v->all_multicast || v->overflow;
}

static bool pf_all_multicast(const struct igb *e)
{
    return e->mode.promiscuous || e->mode.all_multicast;
}

/* MTA has one bit a hash for all pools together.  All ones when somebody wants all: MPME alone
 * would do on the chip, but QEMU's igb has none, and a hash lets strangers in anyway. */
static void put_groups(struct igb *e)
{
    uint32_t mta[IGB_MTA_REGS] = { 0 };
    bool all = pf_all_multicast(e);
    intel_multicast_add(mta, &e->mode);
    for (unsigned i = 0; i < e->pf->count; i++) {
        const struct igb_vf *v = &e->pf->vf[i];
        all |= vf_all_multicast(v);
        for (unsigned k = 0; k < v->hash_count; k++)
            mta[v->hashes[k] / 32] |= 1u << v->hashes[k] % 32;
    }
    for (unsigned n = 0; n < IGB_MTA_REGS; n++)
        put(e, IGB_MTA(n), &e->pf->mta[n], all ? ALL_BITS : mta[n]);
}

/* Promiscuity of a pool: a unicast hash table that hits always, and ROPE; the table is for all
 * pools (82576 DS 8.14.17).  This is how a pool hears frames that another pool sends to a station
 * nobody here knows. */
static void put_unknown(struct igb *e)
{
    bool wanted = e->mode.promiscuous;
    uint32_t value;
    for (unsigned i = 0; i < e->pf->count; i++)
        wanted |= e->pf->vf[i].promiscuous;
    value = wanted ? ALL_BITS : 0;
    if (!e->pf->fresh && e->pf->uta == value)
        return;
    for (unsigned n = 0; n < IGB_UTA_REGS; n++)
        igb_write(e, IGB_UTA(n), value);
    e->pf->uta = value;
}

/* Pools ------------------------------------------------------------------------------ */

bool igb_vf_may_speak(const struct igb_vf *v)
{
    return v->policy.link != VF_LINK_DOWN && !v->muted;
}

static bool vf_strips(const struct igb_vf *v)
{
    return v->policy.vlan || v->vlan_count;
}

/* QEMU's igb takes ROMPE for ROPE as well; the I350 has UPE besides. */
static uint32_t unicast_promiscuous(const struct igb *e)
{
    return IGB_VMOLR_ROPE | IGB_VMOLR_ROMPE | (e->chip->dma_strips ? IGB_VMOLR_UPE : 0);
}

static uint32_t strip_bits(const struct igb *e, bool strips)
{
    return e->chip->dma_strips ? 0 : IGB_VMOLR_STRCRC | (strips ? IGB_VMOLR_STRVLAN : 0);
}

static uint32_t vmolr_of_vf(const struct igb *e, const struct igb_vf *v)
{
    uint32_t frame = v->frame + (vf_strips(v) ? VLAN_TAG : 0);
    uint32_t value = IGB_VMOLR_LPE | IGB_VMOLR_BAM | strip_bits(e, vf_strips(v));
    value |= FIELD_PUT(IGB_VMOLR_RLPML, frame < IGB_FRAME_MAX ? frame : IGB_FRAME_MAX);
    if (!v->policy.vlan)
        value |= IGB_VMOLR_AUPE;
    if (v->hash_count)
        value |= IGB_VMOLR_ROMPE;
    if (vf_all_multicast(v))
        value |= IGB_VMOLR_MPME | IGB_VMOLR_ROMPE;
    if (v->promiscuous)
        value |= unicast_promiscuous(e);
    return value;
}

static uint32_t vmolr_of_pf(const struct igb *e)
{
    uint32_t frame = e->mtu + ETHERNET_HEADER + VLAN_TAG + ETHERNET_FCS + (e->vlan ? VLAN_TAG : 0);
    uint32_t value = IGB_VMOLR_LPE | IGB_VMOLR_BAM | strip_bits(e, e->vlan);
    value |= FIELD_PUT(IGB_VMOLR_RLPML, frame);
    if (!e->vlan)
        value |= IGB_VMOLR_AUPE;
    if (e->queues > 1)
        value |= IGB_VMOLR_RSSE;
    if (e->mode.multicast_count)
        value |= IGB_VMOLR_ROMPE;
    if (pf_all_multicast(e))
        value |= IGB_VMOLR_MPME | IGB_VMOLR_ROMPE;
    if (e->mode.promiscuous)
        value |= unicast_promiscuous(e);
    if (pf_takes_all_vlans(e) && e->chip->dma_strips)
        value |= IGB_VMOLR_VPE;
    return value;
}

/* I350: behind the switch, a queue at a time. */
static void put_dma_strip(struct igb *e, unsigned pool, bool strips, bool hides)
{
    uint32_t value =
        IGB_DVMOLR_STRCRC | (strips ? IGB_DVMOLR_STRVLAN : 0) | (hides ? IGB_DVMOLR_HIDEVLAN : 0);
    if (e->chip->dma_strips)
        put(e, IGB_DVMOLR(pool), &e->pf->dvmolr[pool], value);
}

/* 82576: of frames that several pools get the tag is stripped for all or for none. */
static void put_replicated(struct igb *e)
{
    bool strips = e->vlan;
    if (e->chip->dma_strips)
        return;
    for (unsigned i = 0; i < e->pf->count; i++)
        strips |= vf_strips(&e->pf->vf[i]);
    put(e, IGB_RPLOLR, &e->pf->rplolr, IGB_RPLOLR_STRCRC | (strips ? IGB_RPLOLR_STRVLAN : 0));
}

static void put_pools(struct igb *e)
{
    uint32_t on = pool_bit(e->pool);
    for (unsigned i = 0; i < e->pf->count; i++) {
        const struct igb_vf *v = &e->pf->vf[i];
        uint32_t tag = v->policy.vlan ? IGB_VMVIR_VLANA_DEFAULT | v->policy.vlan : 0;
        put(e, IGB_VMOLR(i), &e->pf->vmolr[i], vmolr_of_vf(e, v));
        put(e, IGB_VMVIR(i), &e->pf->vmvir[i], tag);
        put_dma_strip(e, i, vf_strips(v), v->policy.vlan);
        if (v->cts && igb_vf_may_speak(v))
            on |= pool_bit(i);
    }
    put(e, IGB_VMOLR(e->pool), &e->pf->vmolr[e->pool], vmolr_of_pf(e));
    put_dma_strip(e, e->pool, e->vlan, false);
    put_replicated(e);
    igb_write(e, IGB_VFRE, on); /* no copy to compare with: the chip clears bits by itself */
    igb_write(e, IGB_VFTE, on);
}

/* Default pool: what nobody wants is the PF's when it listens to all. */
static void put_switch(struct igb *e)
{
    uint32_t guarded = 0;
    uint32_t vt_ctl = IGB_VT_CTL_REP_EN | FIELD_PUT(IGB_VT_CTL_DEF_PL, (uint32_t)e->pool) |
                      (e->mode.promiscuous ? 0 : IGB_VT_CTL_DIS_DEF_PL);
    for (unsigned i = 0; i < e->pf->count; i++)
        if (e->pf->vf[i].policy.spoofcheck)
            guarded |= pool_bit(i);
    put(e, IGB_VT_CTL, &e->pf->vt_ctl, vt_ctl);
    put(e, e->chip->txswc, &e->pf->txswc,
        IGB_TXSWC_LOOPBACK | FIELD_PUT(IGB_TXSWC_MACAS, guarded) |
            FIELD_PUT(IGB_TXSWC_VLANAS, guarded));
}

void igb_pf_program(struct igb *e)
{
    put_addresses(e);
    put_vlans(e);
    put_groups(e);
    put_unknown(e);
    put_switch(e);
    put_pools(e);
}

/* Rates -------------------------------------------------------------------------------- */

/* A queue is silent after each frame for so long that link speed / rate comes out. */
static uint32_t rate_factor(uint32_t link_mbps, uint32_t rate_mbps)
{
    uint64_t factor = (uint64_t)link_mbps * IGB_RTTBCNRC_RF_ONE / rate_mbps;
    if (factor <= IGB_RTTBCNRC_RF_ONE)
        return 0; /* the link is no faster */
    return IGB_RTTBCNRC_RF_ENA | (uint32_t)min_u64(factor, IGB_RTTBCNRC_RF);
}

static void put_rate(struct igb *e, unsigned queue, uint32_t value)
{
    igb_write(e, IGB_RTTDQSEL, queue);
    igb_write(e, IGB_RTTBCNRM, IGB_RTTBCNRM_JUMBO);
    igb_write(e, IGB_RTTBCNRC, value);
}

/* The limit is a queue's, and a VF has two: the second one gets next to nothing, so that both
 * together keep to the limit. */
static void put_rates(struct igb *e)
{
    struct port_link link = { 0 };
    if (!e->chip->rate_limit)
        return;
    e->port.ops->link(&e->port, &link);
    for (unsigned i = 0; i < e->pf->count; i++) {
        uint32_t rate = e->pf->vf[i].policy.rate_mbps;
        uint32_t factor = rate && link.up ? rate_factor(link.speed_mbps, rate) : 0;
        put_rate(e, i, factor);
        put_rate(e, i + IGB_POOL_QUEUE_STRIDE, factor ? IGB_RTTBCNRC_RF_ENA | IGB_RTTBCNRC_RF : 0);
    }
}

/* Counters ------------------------------------------------------------------------------- */

enum { RX_PACKETS, TX_PACKETS, RX_OCTETS, TX_OCTETS, RX_MULTICAST };

static const uint8_t counter_offsets[IGB_VF_COUNTERS] = {
    [RX_PACKETS] = IGB_VFGPRC, [TX_PACKETS] = IGB_VFGPTC,   [RX_OCTETS] = IGB_VFGORC,
    [TX_OCTETS] = IGB_VFGOTC,  [RX_MULTICAST] = IGB_VFMPRC,
};

/* base: only what the next difference counts from.  All ones are no counters. */
static void collect(struct igb *e, bool base)
{
    igb_status(e);
    if (e->gone)
        return;
    for (unsigned i = 0; i < e->pf->count; i++) {
        struct igb_vf *v = &e->pf->vf[i];
        for (unsigned k = 0; k < IGB_VF_COUNTERS; k++) {
            uint32_t now = igb_read(e, IGB_VF_COUNTER_BLOCK(i) + counter_offsets[k]);
            v->total[k] += base ? 0 : (uint32_t)(now - v->last[k]);
            v->last[k] = now;
        }
    }
}

/* Events ---------------------------------------------------------------------------------- */

static void spoofed(struct igb *e, unsigned vf, uint64_t now_us)
{
    struct igb_vf *v = &e->pf->vf[vf];
    v->spoofed++;
    if (igb_vf_may_log(v, now_us))
        log_warning("%s VF %u: sent with a source address or VLAN that is not its own, dropped",
                    e->name, vf);
}

/* WVBR has a bit a queue.  On the I350 it may stay 0 and LVMMC tell the last queue instead. */
static uint32_t spoof_events(struct igb *e)
{
    uint32_t wvbr = igb_read(e, IGB_WVBR), pools = wvbr | wvbr >> IGB_POOL_QUEUE_STRIDE;
    if (wvbr == ALL_BITS)
        return 0;
    if (e->chip->malicious_detection) {
        uint32_t cause = igb_read(e, IGB_LVMMC);
        if (cause != ALL_BITS && (cause & IGB_LVMMC_SPOOF))
            pools |= pool_bit(FIELD_GET(IGB_LVMMC_LAST_Q, cause));
    }
    return pools;
}

/* The chip holds the queue back.  The VF starts anew, a few times; then it is left alone. */
static void malicious(struct igb *e, unsigned vf, uint64_t now_us)
{
    struct igb_vf *v = &e->pf->vf[vf];
    v->malicious++;
    if (!v->muted && ++v->strikes >= STRIKES_MAX) {
        v->muted = true;
        v->muted_us = now_us;
    }
    log_warning("%s VF %u: malicious-driver detection stopped its queue%s", e->name, vf,
                v->muted ? "; it is served no more until a function reset, in 10 s at the earliest"
                         : ", it must reset");
    igb_mbx_revoke(e, vf);
}

/* A bit that does not clear is no second event (I350 DS 8.14.11 has it both ways). */
static void malicious_events(struct igb *e, uint64_t now_us)
{
    uint32_t blocked = igb_read(e, IGB_MDFB), handled = 0;
    if (blocked == ALL_BITS)
        return;
    for (unsigned i = 0; i < e->pf->count; i++) {
        struct igb_vf *v = &e->pf->vf[i];
        bool now = blocked & pool_bit(i), again = now && v->blocked;
        v->blocked = now;
        if (!now || again)
            continue;
        malicious(e, i, now_us);
        handled |= pool_bit(i);
    }
    if (blocked & pool_bit(e->pool))
        handled |= pool_bit(e->pool); /* the PF's own frames are no malice */
    if (!handled)
        return;
    igb_pf_program(e);
    igb_write(e, IGB_MDFB, handled);
    blocked = igb_read(e, IGB_MDFB);
    for (unsigned i = 0; i < e->pf->count; i++)
        e->pf->vf[i].blocked = blocked & pool_bit(i);
}

static void events(struct igb *e, uint64_t now_us)
{
    uint32_t pools = spoof_events(e);
    for (unsigned i = 0; i < e->pf->count; i++)
        if (pools & pool_bit(i))
            spoofed(e, i, now_us);
    if (e->chip->malicious_detection)
        malicious_events(e, now_us);
}

/* Life with igb.c ---------------------------------------------------------------------------- */

void igb_vf_forget(struct igb *e, unsigned vf)
{
    struct igb_vf *v = &e->pf->vf[vf];
    v->cts = v->promiscuous = v->all_multicast = v->overflow = false;
    v->mac_count = v->vlan_count = v->hash_count = 0;
    v->frame = IGB_VF_FRAME_DEFAULT;
    memcpy(v->mac, v->policy.mac, MAC_LEN);
}

/* A reset of the function leaves its queues' registers as they were (specification updates of
 * both chips): whoever has the VF next must not write to where the last one had its memory. */
void igb_vf_clear_queues(struct igb *e, unsigned vf)
{
    for (unsigned n = 0; n < e->chip->queues_per_pool; n++) {
        igb_write(e, IGB_TDWBAL(vf + n * IGB_POOL_QUEUE_STRIDE), 0);
        igb_write(e, IGB_TDWBAH(vf + n * IGB_POOL_QUEUE_STRIDE), 0);
    }
    e->pf->dvmolr[vf] = UINT32_MAX; /* in a queue's block: may have begun anew with it */
}

/* One VF without descriptors must not hold up the others: its frames are dropped. */
static void configure_chip(struct igb *e)
{
    igb_write(e, IGB_QDE, IGB_QDE_ALL);
    igb_write(e, IGB_DTXCTL, igb_read(e, IGB_DTXCTL) | e->chip->dtxctl);
}

void igb_pf_configure(struct igb *e)
{
    e->pf->fresh = true;
    memset(e->pf->vlvf, 0, sizeof e->pf->vlvf);
    for (unsigned i = 0; i < e->pf->count; i++)
        igb_vf_forget(e, i);
    configure_chip(e);
    igb_pf_program(e);
    e->pf->fresh = false;
    put_rates(e);
    collect(e, true);
}

void igb_pf_open(struct igb *e)
{
    igb_mbx_open(e);
    igb_write(e, IGB_CTRL_EXT, igb_read(e, IGB_CTRL_EXT) | IGB_CTRL_EXT_PFRSTD);
    e->pf->open = true;
}

void igb_pf_close(struct igb *e)
{
    if (!e->pf->open)
        return;
    collect(e, false);
    for (unsigned i = 0; i < e->pf->count; i++)
        igb_vf_forget(e, i);
    igb_mbx_close(e);
    igb_write(e, IGB_VFTE, pool_bit(e->pool));
    igb_write(e, IGB_VFRE, pool_bit(e->pool));
    e->pf->open = false;
}

static bool due(uint64_t *at, uint64_t now_us, uint64_t every_us)
{
    if (now_us < *at)
        return false;
    *at = now_us + every_us;
    return true;
}

void igb_pf_poll(struct igb *e, uint64_t now_us)
{
    if (!e->pf->open)
        return;
    if (!igb_mbx_poll(e, now_us))
        return;
    if (due(&e->pf->events_us, now_us, EVENTS_US))
        events(e, now_us);
    if (due(&e->pf->collect_us, now_us, COLLECT_US))
        collect(e, false);
}

void igb_pf_link_changed(struct igb *e, bool up)
{
    if (!e->pf->open)
        return;
    put_rates(e);
    for (unsigned i = 0; i < e->pf->count; i++)
        e->pf->vf[i].ping |= e->pf->vf[i].cts;
}

void igb_pf_rx_mode_changed(struct igb *e)
{
    igb_pf_program(e);
}

/* VFs come and go ------------------------------------------------------------------------------ */

static struct igb_pf *pf_create(const struct igb *e, unsigned count)
{
    struct igb_pf *pf = calloc(1, sizeof *pf);
    if (!pf)
        return NULL;
    pf->count = count;
    for (unsigned i = 0; i < count; i++)
        pf->vf[i] = (struct igb_vf){ .policy = { .spoofcheck = true, .link = VF_LINK_AUTO },
                                     .frame = IGB_VF_FRAME_DEFAULT };
    for (unsigned i = 0; i < count; i++)
        choose_mac(e, pf, i);
    return pf;
}

static int pf_enable(struct port *port, unsigned count, bool unisolated, const char **why)
{
    struct igb *e = port->priv;
    struct igb_pf *pf;
    int err;
    *why = "VFs are in force already";
    if (e->pf)
        return -EBUSY;
    *why = "that many are not possible";
    if (!count || count > port->vf_max)
        return -EINVAL;
    *why = "there is no memory";
    pf = pf_create(e, count);
    if (!pf)
        return -ENOMEM;
    *why = "the PF does not start again with pools";
    err = igb_restart(e, pf, (uint8_t)count);
    if (err)
        goto fail;
    err = pci_sriov_enable(e->pci, count, unisolated, why);
    if (err)
        goto fail;
    port->vf_count = count;
    return 0;
fail:
    (void)igb_restart(e, NULL, 0); /* a port that does not start says so itself */
    free(pf);
    return err;
}

/* The 82576 gives queues that VFs had back to the PF some time after VF Enable went. */
static void reuse_queues(struct igb *e)
{
    struct deadline d = deadline_us(REUSE_US);
    if (e->chip->dma_strips)
        return;
    while (!deadline_passed(&d))
        task_yield();
    igb_write(e, IGB_IOVCTL, IGB_IOVCTL_REUSE_VFQ);
}

static void pf_disable(struct port *port)
{
    struct igb *e = port->priv;
    struct igb_pf *pf = e->pf;
    if (!pf)
        return;
    igb_pf_close(e);
    port->vf_count = 0;
    pci_sriov_disable(e->pci);
    reuse_queues(e);
    (void)igb_restart(e, NULL, 0);
    free(pf);
}

/* Policies ------------------------------------------------------------------------------ */

static const char *chip_cannot(const struct igb *e, const char *what)
{
    static char text[96];
    snprintf(text, sizeof text, "the %s %s", e->chip->name, what);
    return text;
}

static int check_policy(struct igb *e, unsigned vf, const struct vf_policy *p, const char **why)
{
    const struct vf_policy *old = &e->pf->vf[vf].policy;
    if (p->mac_set && (*why = igb_vf_mac_trouble(e, vf, p->mac)))
        return -EINVAL;
    *why = "VLANs are 1 to 4094";
    if (p->vlan > VLAN_MAX)
        return -EINVAL;
    *why = chip_cannot(e, "has 32 VLAN filters, and all are taken");
    if (p->vlan && p->vlan != old->vlan && !igb_vf_vlan_fits(e, p->vlan))
        return -ENOSPC;
    *why = chip_cannot(e, "has no rate limiter");
    if (p->rate_mbps != old->rate_mbps && p->rate_mbps && !e->chip->rate_limit)
        return -ENOTSUP;
    *why = chip_cannot(e, "limits to 1 to 1000 Mb/s");
    if (p->rate_mbps > RATE_MAX_MBPS)
        return -EINVAL;
    *why = chip_cannot(e, "cannot force a link up while the wire is down");
    if (p->link != old->link && p->link == VF_LINK_UP)
        return -ENOTSUP;
    return 0;
}

/* Whether the VF holds what it could not get under the new policy, or has to learn something. */
static bool must_restart(const struct igb_vf *v, const struct vf_policy *old)
{
    const struct vf_policy *p = &v->policy;
    if (p->link != old->link || !mac_is(p->mac, old->mac))
        return true;
    if (p->vlan && v->vlan_count)
        return true;
    if (p->trust)
        return false;
    return v->promiscuous || v->all_multicast ||
           (p->mac_set && (v->mac_count || !mac_is(v->mac, p->mac)));
}

static int pf_set(struct port *port, unsigned vf, const struct vf_policy *policy, const char **why)
{
    struct igb *e = port->priv;
    struct vf_policy old;
    if (!e->pf || vf >= e->pf->count) {
        *why = "there is no such VF";
        return -EINVAL;
    }
    int err = check_policy(e, vf, policy, why);
    if (err)
        return err;
    old = e->pf->vf[vf].policy;
    e->pf->vf[vf].policy = *policy;
    if (must_restart(&e->pf->vf[vf], &old))
        igb_mbx_revoke(e, vf);
    else if (policy->trust && !old.trust)
        e->pf->vf[vf].ping |= e->pf->vf[vf].cts; /* it may ask for more now */
    if (!e->pf->open)
        return 0; /* configure() will see it */
    igb_pf_program(e);
    put_rates(e);
    return 0;
}

static enum vf_mailbox mailbox_state(const struct igb_vf *v)
{
    if (v->muted)
        return VF_MAILBOX_MUTED;
    if (v->stuck)
        return VF_MAILBOX_STUCK;
    return v->cts ? VF_MAILBOX_OPEN : VF_MAILBOX_CLOSED;
}

/* The chip counts the FCS. */
static uint64_t bytes_of(uint64_t octets, uint64_t packets)
{
    return octets > ETHERNET_FCS * packets ? octets - ETHERNET_FCS * packets : 0;
}

static void pf_info(struct port *port, unsigned vf, struct vf_info *info)
{
    struct igb *e = port->priv;
    *info = (struct vf_info){ 0 };
    if (!e->pf || vf >= e->pf->count)
        return;
    if (e->pf->open && port->state == PORT_RUNNING)
        collect(e, false);
    const struct igb_vf *v = &e->pf->vf[vf];
    *info = (struct vf_info){
        .policy = v->policy,
        .mailbox = mailbox_state(v),
        .promiscuous = v->promiscuous,
        .all_multicast = vf_all_multicast(v),
        .mtu = (uint16_t)(v->frame - ETHERNET_HEADER - VLAN_TAG - ETHERNET_FCS),
        .macs = v->mac_count,
        .vlans = v->vlan_count,
        .multicast = v->hash_count,
        .rx_packets = v->total[RX_PACKETS],
        .rx_bytes = bytes_of(v->total[RX_OCTETS], v->total[RX_PACKETS]),
        .rx_multicast = v->total[RX_MULTICAST],
        .tx_packets = v->total[TX_PACKETS],
        .tx_bytes = bytes_of(v->total[TX_OCTETS], v->total[TX_PACKETS]),
        .spoofed = v->spoofed,
        .malicious = v->malicious,
        .messages = v->messages,
        .refused = v->refused,
        .invalid = v->invalid,
        .deferred = v->deferred,
        .resets = v->resets,
        .last_refusal = v->last_refusal,
    };
    memcpy(info->mac, v->mac, MAC_LEN);
}

const struct vf_ops igb_vf_ops = {
    .enable = pf_enable, .disable = pf_disable, .set = pf_set, .info = pf_info
};
