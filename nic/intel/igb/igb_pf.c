/* igb_pf.c - the 82576 and the I350 as masters of VFs: pools, the switch between them, filters,
 * events and counters.  What VFs may and what they ask for is vf_server.c's.
 *
 * Documents: unread: 82576 DS 7.10.3 (virtualization), unread: I350 DS 7.8.3 (named in
 * igb_virt_regs.h).  Where a chip, or QEMU's igb, does otherwise it is told in place.
 *
 * All that depends on a policy or on what a VF asked for is written by pf_program() from
 * the state of the server, so that a reset of the chip, a policy and a message go the same
 * way.  Registers are compared with what was written last: a VF that makes us write pays with
 * its own messages (vf_server.c), and what is the same costs nothing. */
#include "nic/intel/igb/igb_pf.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "pci/sriov.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COLLECT_US US_PER_S /* octet counters wrap after 34 s at 1 Gb/s */
#define EVENTS_US (10 * US_PER_MS)
#define REUSE_US \
    (100 * US_PER_MS) /* between the end of VF Enable and IOVCTL, as Intel's drivers do */
#define RATE_MAX_MBPS 1000u
#define ALL_BITS 0xffffffffu

static void put(struct igb *e, uint32_t reg, uint32_t *last, uint32_t value)
{
    if (!e->pf->fresh && *last == value)
        return;
    igb_write(e, reg, value);
    *last = value;
}

static unsigned vf_count(const struct igb *e)
{
    return e->pf->server.count;
}

static const struct vf_state *vf_of(const struct igb *e, unsigned vf)
{
    return &e->pf->server.vf[vf];
}

static uint32_t pool_bit(unsigned pool)
{
    return 1u << pool;
}

/* Addresses ------------------------------------------------------------------------ */

/* One receive address.  mac NULL: none. */
static void put_address(struct igb *e, unsigned n, const uint8_t *mac, unsigned pool)
{
    uint64_t value = mac ? mac_load(mac) | (uint64_t)pool_bit(pool) << 48 : 0;
    if (!e->pf->fresh && e->pf->address[n] == value)
        return;
    intel_mac_write(&e->f.device, IGB_RAL(n), mac, FIELD_PUT(IGB_RAH_POOL, pool_bit(pool)));
    e->pf->address[n] = value;
}

/* Address 0 is the PF's, and igb.c's. */
static void put_addresses(struct igb *e)
{
    unsigned n = IGB_RAR_FILTER;
    for (unsigned i = vf_count(e); i < IGB_VFS_MAX; i++)
        put_address(e, IGB_RAR_VF + i, NULL, 0);
    for (unsigned i = 0; i < vf_count(e); i++) {
        const struct vf_state *v = vf_of(e, i);
        put_address(e, IGB_RAR_VF + i, v->cts ? v->mac : NULL, i);
        for (unsigned k = 0; k < v->mac_count && n < e->chip->addresses; k++)
            put_address(e, n++, v->macs[k], i);
    }
    while (n < e->chip->addresses)
        put_address(e, n++, NULL, 0);
}

static bool may_have(const struct intel_pf *f, const uint8_t mac[MAC_LEN])
{
    const struct igb *e = container_of(f, const struct igb, f);
    return !vf_server_has_mac(&e->pf->server, mac);
}

/* VLANs ---------------------------------------------------------------------------- */

static unsigned pf_vlan_count(const struct igb *e)
{
    unsigned count = 0;
    for (unsigned n = 0; n < INTEL_VFTA_REGS; n++)
        for (uint32_t bits = e->f.vlans[n]; bits; bits &= bits - 1)
            count++;
    return count;
}

/* A bridge on the PF takes part in every VLAN. */
static bool pf_takes_all_vlans(const struct igb *e)
{
    return e->f.mode.promiscuous && !pf_vlan_count(e);
}

static bool pf_strips(const struct igb *e)
{
    return e->f.offloads & PORT_OFFLOAD_VLAN_STRIP;
}

static void map_make(const struct igb *e, struct vf_vlans *map)
{
    vf_server_vlans(&e->pf->server, map);
    vf_vlans_add(map, 0, pool_bit(e->f.pool));
    for (unsigned n = 0; n < INTEL_VFTA_REGS; n++)
        for (uint32_t bits = e->f.vlans[n]; bits; bits &= bits - 1)
            vf_vlans_add(map, (uint16_t)(n * 32 + __builtin_ctz(bits)), pool_bit(e->f.pool));
    for (unsigned i = 0; pf_takes_all_vlans(e) && i < map->count; i++)
        map->pools[i] |= pool_bit(e->f.pool);
}

static bool vlan_fits(const struct intel_pf *f, uint16_t vlan)
{
    const struct igb *e = container_of(f, const struct igb, f);
    struct vf_vlans map;
    map_make(e, &map);
    return vf_vlans_add(&map, vlan, 0);
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

static void filters_make(const struct igb *e, const struct vf_vlans *map,
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
        igb_write(e, INTEL_VFTA(n), value);
    e->pf->vfta[n] = value;
}

/* A VLAN is let in last and shut out first: what passes VFTA without a filter of VLVF
 * goes to the default pool (unread: 82576 DS 7.10.3.3). */
static void put_vlans(struct igb *e)
{
    uint32_t vfta[INTEL_VFTA_REGS], vlvf[IGB_VLVF_REGS];
    struct vf_vlans map;
    e->pf->server.pf_vlans = pf_vlan_count(e);
    map_make(e, &map);
    filters_make(e, &map, vlvf);
    memset(vfta, pf_takes_all_vlans(e) ? 0xff : 0, sizeof vfta);
    for (unsigned i = 0; i < map.count; i++)
        vfta[map.vlan[i] / 32] |= 1u << map.vlan[i] % 32;
    for (unsigned n = 0; n < INTEL_VFTA_REGS; n++)
        put_vfta(e, n, e->pf->fresh ? 0 : e->pf->vfta[n] & vfta[n]);
    for (unsigned i = 0; i < IGB_VLVF_REGS; i++)
        put(e, IGB_VLVF(i), &e->pf->vlvf[i], vlvf[i]);
    for (unsigned n = 0; n < INTEL_VFTA_REGS; n++)
        if (e->pf->vfta[n] != vfta[n])
            put_vfta(e, n, vfta[n]);
}

/* Groups, and stations nobody knows --------------------------------------------------- */

static bool pf_all_multicast(const struct igb *e)
{
    return e->f.mode.promiscuous || e->f.mode.all_multicast;
}

/* MTA has one bit a hash for all pools together.  All ones when somebody wants all: MPME alone
 * would do on the chip, but QEMU's igb has none, and a hash lets strangers in anyway. */
static void put_groups(struct igb *e)
{
    uint32_t mta[INTEL_MTA_REGS] = { 0 };
    bool all = pf_all_multicast(e);
    intel_multicast_add(mta, &e->f.mode);
    for (unsigned i = 0; i < vf_count(e); i++) {
        const struct vf_state *v = vf_of(e, i);
        all |= vf_all_multicast(v);
        for (unsigned k = 0; k < v->hash_count; k++)
            mta[v->hashes[k] / 32] |= 1u << v->hashes[k] % 32;
    }
    for (unsigned n = 0; n < INTEL_MTA_REGS; n++)
        put(e, INTEL_MTA(n), &e->pf->mta[n], all ? ALL_BITS : mta[n]);
}

/* Promiscuity of a pool: a unicast hash table that hits always, and ROPE; the table is for all
 * pools (unread: 82576 DS 8.14.17).  This is how a pool hears frames that another pool sends to a
 * station nobody here knows. */
static void put_unknown(struct igb *e)
{
    bool wanted = e->f.mode.promiscuous;
    uint32_t value;
    for (unsigned i = 0; i < vf_count(e); i++)
        wanted |= vf_of(e, i)->promiscuous;
    value = wanted ? ALL_BITS : 0;
    if (!e->pf->fresh && e->pf->uta == value)
        return;
    for (unsigned n = 0; n < IGB_UTA_REGS; n++)
        igb_write(e, IGB_UTA(n), value);
    e->pf->uta = value;
}

/* Pools ------------------------------------------------------------------------------ */

static bool vf_strips(const struct vf_state *v)
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

static uint32_t vmolr_of_vf(const struct igb *e, const struct vf_state *v)
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
    uint32_t frame = FRAME_LIMIT(e->f.mtu) + ETHERNET_FCS;
    uint32_t value = IGB_VMOLR_LPE | IGB_VMOLR_BAM | IGB_VMOLR_AUPE | strip_bits(e, pf_strips(e));
    value |= FIELD_PUT(IGB_VMOLR_RLPML, frame);
    if (e->f.queues > 1)
        value |= IGB_VMOLR_RSSE;
    if (e->f.mode.multicast_count)
        value |= IGB_VMOLR_ROMPE;
    if (pf_all_multicast(e))
        value |= IGB_VMOLR_MPME | IGB_VMOLR_ROMPE;
    if (e->f.mode.promiscuous)
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
    bool strips = pf_strips(e);
    if (e->chip->dma_strips)
        return;
    for (unsigned i = 0; i < vf_count(e); i++)
        strips |= vf_strips(vf_of(e, i));
    put(e, IGB_RPLOLR, &e->pf->rplolr, IGB_RPLOLR_STRCRC | (strips ? IGB_RPLOLR_STRVLAN : 0));
}

static void put_pools(struct igb *e)
{
    uint32_t on = pool_bit(e->f.pool);
    for (unsigned i = 0; i < vf_count(e); i++) {
        const struct vf_state *v = vf_of(e, i);
        uint32_t tag = v->policy.vlan ? IGB_VMVIR_VLANA_DEFAULT | v->policy.vlan : 0;
        put(e, IGB_VMOLR(i), &e->pf->vmolr[i], vmolr_of_vf(e, v));
        put(e, IGB_VMVIR(i), &e->pf->vmvir[i], tag);
        put_dma_strip(e, i, vf_strips(v), v->policy.vlan);
        if (v->cts && vf_may_speak(v))
            on |= pool_bit(i);
    }
    put(e, IGB_VMOLR(e->f.pool), &e->pf->vmolr[e->f.pool], vmolr_of_pf(e));
    put_dma_strip(e, e->f.pool, pf_strips(e), false);
    put_replicated(e);
    igb_write(e, IGB_VFRE, on); /* no copy to compare with: the chip clears bits by itself */
    igb_write(e, IGB_VFTE, on);
}

/* Default pool: what nobody wants is the PF's when it listens to all. */
static void put_switch(struct igb *e)
{
    uint32_t guarded = 0;
    uint32_t vt_ctl = IGB_VT_CTL_REP_EN | FIELD_PUT(IGB_VT_CTL_DEF_PL, (uint32_t)e->f.pool) |
                      (e->f.mode.promiscuous ? 0 : IGB_VT_CTL_DIS_DEF_PL);
    for (unsigned i = 0; i < vf_count(e); i++)
        if (vf_of(e, i)->policy.spoofcheck)
            guarded |= pool_bit(i);
    put(e, IGB_VT_CTL, &e->pf->vt_ctl, vt_ctl);
    put(e, e->chip->txswc, &e->pf->txswc,
        IGB_TXSWC_LOOPBACK | FIELD_PUT(IGB_TXSWC_MACAS, guarded) |
            FIELD_PUT(IGB_TXSWC_VLANAS, guarded));
}

/* The registers follow what is wanted and granted; only what differs is written. */
static void pf_program(struct igb *e)
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
    e->f.port.ops->link(&e->f.port, &link);
    for (unsigned i = 0; i < vf_count(e); i++) {
        uint32_t rate = vf_of(e, i)->policy.rate_mbps;
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
    intel_status(&e->f.device);
    if (e->f.device.gone)
        return;
    for (unsigned i = 0; i < vf_count(e); i++) {
        for (unsigned k = 0; k < IGB_VF_COUNTERS; k++) {
            struct intel_wrapping *c = &e->pf->counters[i][k];
            uint32_t now = igb_read(e, IGB_VF_COUNTER_BLOCK(i) + counter_offsets[k]);
            if (base)
                c->last = now;
            else
                intel_wrapping_add(c, now);
        }
    }
}

/* Events ---------------------------------------------------------------------------------- */

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

/* A bit that does not clear is no second event (unread: I350 DS 8.14.11 has it both ways). */
static void malicious_events(struct igb *e, uint64_t now_us)
{
    uint32_t blocked = igb_read(e, IGB_MDFB), handled;
    if (blocked == ALL_BITS)
        return;
    handled = blocked & ~e->pf->blocked & (pool_bit(vf_count(e)) - 1);
    for (unsigned i = 0; i < vf_count(e); i++)
        if (handled & pool_bit(i))
            vf_server_malicious(&e->pf->server, i, now_us);
    e->pf->blocked = blocked;
    handled |= blocked & pool_bit(e->f.pool); /* the PF's own frames are no malice */
    if (!handled)
        return;
    pf_program(e);
    igb_write(e, IGB_MDFB, handled);
    e->pf->blocked = igb_read(e, IGB_MDFB);
}

static void events(struct igb *e, uint64_t now_us)
{
    uint32_t pools = spoof_events(e);
    for (unsigned i = 0; i < vf_count(e); i++)
        if (pools & pool_bit(i))
            vf_server_spoofed(&e->pf->server, i, now_us);
    if (e->chip->malicious_detection)
        malicious_events(e, now_us);
}

/* Life with igb.c ---------------------------------------------------------------------------- */

/* A reset of the function leaves its queues' registers as they were (specification updates of
 * both chips): whoever has the VF next must not write to where the last one had its memory. */
static void clear_queues(void *chip, unsigned vf)
{
    struct igb *e = chip;
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
    intel_change(&e->f.device, IGB_DTXCTL, 0, e->chip->dtxctl);
}

static void configure(struct intel_pf *f)
{
    struct igb *e = igb_of(f);
    e->pf->fresh = true;
    memset(e->pf->vlvf, 0, sizeof e->pf->vlvf);
    vf_server_forget_all(&e->pf->server);
    configure_chip(e);
    pf_program(e);
    e->pf->fresh = false;
    put_rates(e);
    collect(e, true);
}

static void open_up(struct intel_pf *f)
{
    struct igb *e = igb_of(f);
    igb_write(e, IGB_MBVFICR, IGB_MBVFICR_VFREQ | IGB_MBVFICR_VFACK);
    igb_write(e, IGB_VFLRE, (1u << IGB_POOLS) - 1);
    e->pf->blocked = 0;
    vf_server_open(&e->pf->server);
    intel_change(&e->f.device, IGB_CTRL_EXT, 0, IGB_CTRL_EXT_PFRSTD);
    e->pf->open = true;
}

static void close_down(struct intel_pf *f)
{
    struct igb *e = igb_of(f);
    if (!e->pf->open)
        return;
    collect(e, false);
    vf_server_close(&e->pf->server);
    igb_write(e, IGB_VFTE, pool_bit(e->f.pool));
    igb_write(e, IGB_VFRE, pool_bit(e->f.pool));
    e->pf->open = false;
}

static bool due(uint64_t *at, uint64_t now_us, uint64_t every_us)
{
    if (now_us < *at)
        return false;
    *at = now_us + every_us;
    return true;
}

static void poll(struct intel_pf *f, uint64_t now_us)
{
    struct igb *e = igb_of(f);
    if (!e->pf->open)
        return;
    if (!vf_server_poll(&e->pf->server, now_us))
        return;
    if (due(&e->pf->events_us, now_us, EVENTS_US))
        events(e, now_us);
    if (due(&e->pf->collect_us, now_us, COLLECT_US))
        collect(e, false);
}

static void link_changed(struct intel_pf *f, bool up)
{
    struct igb *e = igb_of(f);
    if (!e->pf->open)
        return;
    put_rates(e);
    vf_server_link_changed(&e->pf->server);
}

static void settings_changed(struct intel_pf *f)
{
    pf_program(igb_of(f));
}

static const struct intel_pf_master master = { .configure = configure,
                                               .open = open_up,
                                               .close = close_down,
                                               .poll = poll,
                                               .link_changed = link_changed,
                                               .may_have = may_have,
                                               .vlan_fits = vlan_fits,
                                               .settings_changed = settings_changed };

/* On the queues of that pool, or, pf NULL, without VFs. */
static int restart(struct igb *e, struct igb_pf *pf, uint16_t pool)
{
    if (pf)
        e->pf = pf;
    int err = intel_pf_restart(&e->f, pf ? &master : NULL, pool, e->chip->queues_per_pool);
    if (!pf) /* the stop still looked at it */
        e->pf = NULL;
    return err;
}

/* Mailboxes ---------------------------------------------------------------------------------- */

static vf_request_fn *const requests[] = {
    [MBX_VF_SET_MAC] = vf_request_mac,
    [MBX_VF_SET_MULTICAST] = vf_request_multicast,
    [MBX_VF_SET_VLAN] = vf_request_vlan,
    [MBX_VF_SET_LPE] = vf_request_frame,
    [MBX_VF_SET_PROMISC] = vf_request_promiscuous,
};

static uint32_t request_bit(unsigned vf)
{
    return FIELD_PUT(IGB_MBVFICR_VFREQ, 1u << vf);
}

static bool take_events(void *chip, struct vf_events *events)
{
    struct igb *e = chip;
    uint32_t causes = igb_read(e, IGB_MBVFICR);
    if (causes == ALL_BITS)
        return false;
    events->requests = FIELD_GET(IGB_MBVFICR_VFREQ, causes);
    events->acks = FIELD_GET(IGB_MBVFICR_VFACK, causes);
    events->resets = igb_read(e, IGB_VFLRE) & (pool_bit(vf_count(e)) - 1);
    if (events->resets)
        igb_write(e, IGB_VFLRE, (uint32_t)events->resets);
    if (events->acks)
        igb_write(e, IGB_MBVFICR, causes & IGB_MBVFICR_VFACK);
    return true;
}

static bool has_request(void *chip, unsigned vf)
{
    return igb_read(chip, IGB_MBVFICR) & request_bit(vf);
}

static void clear_request(void *chip, unsigned vf)
{
    igb_write(chip, IGB_MBVFICR, request_bit(vf));
}

static void program(void *chip)
{
    pf_program(chip);
}

/* VFs come and go ------------------------------------------------------------------------------ */

static const struct vf_server_ops server_ops = { .requests = requests,
                                                 .request_types = ARRAY_SIZE(requests),
                                                 .echoed = 1u << MBX_VF_SET_MAC,
                                                 .reset_words = MBX_RESET_MULTICAST,
                                                 .take_events = take_events,
                                                 .has_request = has_request,
                                                 .clear_request = clear_request,
                                                 .clear_queues = clear_queues,
                                                 .program = program };

static struct igb_pf *pf_create(struct igb *e, unsigned count)
{
    struct igb_pf *pf = calloc(1, sizeof *pf);
    if (!pf)
        return NULL;
    pf->server =
        (struct vf_server){ .ops = &server_ops,
                            .limits = { .chip = e->chip->name,
                                        .macs = e->chip->addresses - IGB_RAR_FILTER,
                                        .vf_macs = VF_MACS,
                                        .vlans = IGB_VLVF_REGS,
                                        .rate_mbps = e->chip->rate_limit ? RATE_MAX_MBPS : 0,
                                        .rate_min_mbps = 1,
                                        .frame = VF_FRAME_DEFAULT },
                            .chip = e,
                            .name = e->f.device.name,
                            .port = &e->f.port,
                            .mailboxes = e->f.device.regs + IGB_P2VMAILBOX(0),
                            .memory = e->f.device.regs + IGB_VMBMEM(0, 0) };
    if (!vf_server_create(&pf->server, count))
        return pf;
    free(pf);
    return NULL;
}

static void pf_destroy(struct igb_pf *pf)
{
    vf_server_destroy(&pf->server);
    free(pf);
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
    err = restart(e, pf, (uint16_t)count);
    if (err)
        goto fail;
    err = pci_sriov_enable(e->f.device.pci, count, unisolated, why);
    if (err)
        goto fail;
    port->vf_count = count;
    return 0;
fail:
    (void)restart(e, NULL, 0); /* a port that does not start says so itself */
    pf_destroy(pf);
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
    close_down(&e->f);
    port->vf_count = 0;
    pci_sriov_disable(e->f.device.pci);
    reuse_queues(e);
    (void)restart(e, NULL, 0);
    pf_destroy(pf);
}

/* Policies ------------------------------------------------------------------------------ */

static int pf_set(struct port *port, unsigned vf, const struct vf_policy *policy, const char **why)
{
    struct igb *e = port->priv;
    *why = "there is no such VF";
    if (!e->pf || vf >= vf_count(e))
        return -EINVAL;
    int err = vf_server_set(&e->pf->server, vf, policy, why);
    if (err || !e->pf->open) /* configure() will see it */
        return err;
    pf_program(e);
    put_rates(e);
    return 0;
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
    if (!e->pf || vf >= vf_count(e))
        return;
    if (e->pf->open && port->state == PORT_RUNNING)
        collect(e, false);
    const struct intel_wrapping *c = e->pf->counters[vf];
    vf_server_info(&e->pf->server, vf, info);
    info->rx_packets = c[RX_PACKETS].total;
    info->rx_bytes = bytes_of(c[RX_OCTETS].total, c[RX_PACKETS].total);
    info->rx_multicast = c[RX_MULTICAST].total;
    info->tx_packets = c[TX_PACKETS].total;
    info->tx_bytes = bytes_of(c[TX_OCTETS].total, c[TX_PACKETS].total);
}

const struct vf_ops igb_vf_ops = {
    .enable = pf_enable, .disable = pf_disable, .set = pf_set, .info = pf_info
};
