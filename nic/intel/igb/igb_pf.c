/* igb_pf.c - the 82576 and the I350 as masters of VFs: pools, the switch between them, filters,
 * events and counters.  What VFs may and what they ask for is vf_server.c's.
 *
 * Documents: unread: 82576 DS 7.10.3 (virtualization), unread: I350 DS 7.8.3 (named in
 * igb_virt_regs.h).  Where a chip, or QEMU's igb, does otherwise it is told in place.
 *
 * What it has in common with other chips is vf_master.c's. */
#include "nic/intel/igb/igb_pf.h"

#include "kernel/task.h"
#include "kernel/time.h"

#include <stdlib.h>
#include <string.h>

#define REUSE_US \
    (100 * US_PER_MS) /* between the end of VF Enable and IOVCTL, as Intel's drivers do */
#define RATE_MAX_MBPS 1000u
#define ALL_BITS 0xffffffffu

static struct igb_pf *pf_of(const struct igb *e)
{
    return container_of(e->f.master, struct igb_pf, master);
}

static void put(struct igb *e, uint32_t reg, uint32_t *last, uint32_t value)
{
    vf_master_put(&e->f, reg, last, value);
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
    if (!pf_of(e)->master.fresh && pf_of(e)->address[n] == value)
        return;
    intel_mac_write(&e->f.device, IGB_RAL(n), mac, FIELD_PUT(IGB_RAH_POOL, pool_bit(pool)));
    pf_of(e)->address[n] = value;
}

/* Address 0 is the PF's, and igb.c's. */
static void put_addresses(struct igb *e)
{
    unsigned n = IGB_RAR_FILTER;
    for (unsigned i = vf_count(&e->f); i < IGB_VFS_MAX; i++)
        put_address(e, IGB_RAR_VF + i, NULL, 0);
    for (unsigned i = 0; i < vf_count(&e->f); i++) {
        const struct vf_state *v = vf_of(&e->f, i);
        put_address(e, IGB_RAR_VF + i, v->cts ? v->mac : NULL, i);
        for (unsigned k = 0; k < v->mac_count && n < e->chip->addresses; k++)
            put_address(e, n++, v->macs[k], i);
    }
    while (n < e->chip->addresses)
        put_address(e, n++, NULL, 0);
}

/* VLANs ---------------------------------------------------------------------------- */

static bool pf_strips(const struct igb *e)
{
    return e->f.offloads & PORT_OFFLOAD_VLAN_STRIP;
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
    memcpy(vlvf, pf_of(e)->vlvf, sizeof pf_of(e)->vlvf);
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
    if (!pf_of(e)->master.fresh && pf_of(e)->master.vfta[n] == value)
        return;
    while (times--)
        igb_write(e, INTEL_VFTA(n), value);
    pf_of(e)->master.vfta[n] = value;
}

/* A VLAN is let in last and shut out first: what passes VFTA without a filter of VLVF
 * goes to the default pool (unread: 82576 DS 7.10.3.3). */
static void put_vlans(struct igb *e)
{
    uint32_t vfta[INTEL_VFTA_REGS], vlvf[IGB_VLVF_REGS];
    struct vf_vlans map;
    vf_master_vlans(&e->f, &map, vfta);
    filters_make(e, &map, vlvf);
    for (unsigned n = 0; n < INTEL_VFTA_REGS; n++)
        put_vfta(e, n, pf_of(e)->master.fresh ? 0 : pf_of(e)->master.vfta[n] & vfta[n]);
    for (unsigned i = 0; i < IGB_VLVF_REGS; i++)
        put(e, IGB_VLVF(i), &pf_of(e)->vlvf[i], vlvf[i]);
    for (unsigned n = 0; n < INTEL_VFTA_REGS; n++)
        if (pf_of(e)->master.vfta[n] != vfta[n])
            put_vfta(e, n, vfta[n]);
}

/* Groups, and stations nobody knows --------------------------------------------------- */

/* MTA has one bit a hash for all pools together.  All ones when somebody wants all: MPME alone
 * would do on the chip, but QEMU's igb has none, and a hash lets strangers in anyway. */
static void put_groups(struct igb *e)
{
    uint32_t mta[INTEL_MTA_REGS];
    bool all = vf_master_groups(&e->f, mta);
    for (unsigned n = 0; n < INTEL_MTA_REGS; n++)
        put(e, INTEL_MTA(n), &pf_of(e)->master.mta[n], all ? ALL_BITS : mta[n]);
}

/* Promiscuity of a pool: a unicast hash table that hits always, and ROPE; the table is for all
 * pools (unread: 82576 DS 8.14.17).  This is how a pool hears frames that another pool sends to a
 * station nobody here knows. */
static void put_unknown(struct igb *e)
{
    uint32_t value = vf_master_promiscuous(&e->f) ? ALL_BITS : 0;
    if (!pf_of(e)->master.fresh && pf_of(e)->uta == value)
        return;
    for (unsigned n = 0; n < IGB_UTA_REGS; n++)
        igb_write(e, IGB_UTA(n), value);
    pf_of(e)->uta = value;
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
    if (pf_all_multicast(&e->f))
        value |= IGB_VMOLR_MPME | IGB_VMOLR_ROMPE;
    if (e->f.mode.promiscuous)
        value |= unicast_promiscuous(e);
    if (vf_master_all_vlans(&e->f) && e->chip->dma_strips)
        value |= IGB_VMOLR_VPE;
    return value;
}

/* I350: behind the switch, a queue at a time. */
static void put_dma_strip(struct igb *e, unsigned pool, bool strips, bool hides)
{
    uint32_t value =
        IGB_DVMOLR_STRCRC | (strips ? IGB_DVMOLR_STRVLAN : 0) | (hides ? IGB_DVMOLR_HIDEVLAN : 0);
    if (e->chip->dma_strips)
        put(e, IGB_DVMOLR(pool), &pf_of(e)->dvmolr[pool], value);
}

/* 82576: of frames that several pools get the tag is stripped for all or for none. */
static void put_replicated(struct igb *e)
{
    bool strips = pf_strips(e);
    if (e->chip->dma_strips)
        return;
    for (unsigned i = 0; i < vf_count(&e->f); i++)
        strips |= vf_strips(vf_of(&e->f, i));
    put(e, IGB_RPLOLR, &pf_of(e)->rplolr, IGB_RPLOLR_STRCRC | (strips ? IGB_RPLOLR_STRVLAN : 0));
}

static void put_pools(struct igb *e)
{
    uint32_t on = pool_bit(e->f.pool);
    for (unsigned i = 0; i < vf_count(&e->f); i++) {
        const struct vf_state *v = vf_of(&e->f, i);
        uint32_t tag = v->policy.vlan ? IGB_VMVIR_VLANA_DEFAULT | v->policy.vlan : 0;
        put(e, IGB_VMOLR(i), &pf_of(e)->vmolr[i], vmolr_of_vf(e, v));
        put(e, IGB_VMVIR(i), &pf_of(e)->vmvir[i], tag);
        put_dma_strip(e, i, vf_strips(v), v->policy.vlan);
        if (v->cts && vf_may_speak(v))
            on |= pool_bit(i);
    }
    put(e, IGB_VMOLR(e->f.pool), &pf_of(e)->vmolr[e->f.pool], vmolr_of_pf(e));
    put_dma_strip(e, e->f.pool, pf_strips(e), false);
    put_replicated(e);
    igb_write(e, IGB_VFRE, on); /* no copy to compare with: the chip clears bits by itself */
    igb_write(e, IGB_VFTE, on);
}

/* Default pool: what nobody wants is the PF's when it listens to all. */
static void put_switch(struct igb *e)
{
    uint32_t guarded = (uint32_t)vf_master_guarded(&e->f);
    uint32_t vt_ctl = IGB_VT_CTL_REP_EN | FIELD_PUT(IGB_VT_CTL_DEF_PL, (uint32_t)e->f.pool) |
                      (e->f.mode.promiscuous ? 0 : IGB_VT_CTL_DIS_DEF_PL);
    put(e, IGB_VT_CTL, &pf_of(e)->vt_ctl, vt_ctl);
    put(e, e->chip->txswc, &pf_of(e)->txswc,
        IGB_TXSWC_LOOPBACK | FIELD_PUT(IGB_TXSWC_MACAS, guarded) |
            FIELD_PUT(IGB_TXSWC_VLANAS, guarded));
}

static void pf_program(struct intel_pf *f)
{
    struct igb *e = igb_of(f);
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
static void put_rates(struct intel_pf *f)
{
    struct igb *e = igb_of(f);
    struct port_link link = { 0 };
    if (!e->chip->rate_limit)
        return;
    e->f.port.ops->link(&e->f.port, &link);
    for (unsigned i = 0; i < vf_count(&e->f); i++) {
        uint32_t rate = vf_of(&e->f, i)->policy.rate_mbps;
        uint32_t factor = rate && link.up ? rate_factor(link.speed_mbps, rate) : 0;
        put_rate(e, i, factor);
        put_rate(e, i + IGB_POOL_QUEUE_STRIDE, factor ? IGB_RTTBCNRC_RF_ENA | IGB_RTTBCNRC_RF : 0);
    }
}

/* Counters ------------------------------------------------------------------------------- */

static uint32_t counter_of(unsigned vf, enum vf_counter which)
{
    static const uint8_t offsets[VF_COUNTERS] = {
        [VF_RX_PACKETS] = IGB_VFGPRC, [VF_TX_PACKETS] = IGB_VFGPTC,   [VF_RX_OCTETS] = IGB_VFGORC,
        [VF_TX_OCTETS] = IGB_VFGOTC,  [VF_RX_MULTICAST] = IGB_VFMPRC,
    };
    return IGB_VF_COUNTER_BLOCK(vf) + offsets[which];
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
    handled = blocked & ~pf_of(e)->blocked & (pool_bit(vf_count(&e->f)) - 1);
    for (unsigned i = 0; i < vf_count(&e->f); i++)
        if (handled & pool_bit(i))
            vf_server_malicious(&pf_of(e)->master.server, i, now_us);
    pf_of(e)->blocked = blocked;
    handled |= blocked & pool_bit(e->f.pool); /* the PF's own frames are no malice */
    if (!handled)
        return;
    pf_program(&e->f);
    igb_write(e, IGB_MDFB, handled);
    pf_of(e)->blocked = igb_read(e, IGB_MDFB);
}

static void events(struct intel_pf *f, uint64_t now_us)
{
    struct igb *e = igb_of(f);
    uint32_t pools = spoof_events(e);
    for (unsigned i = 0; i < vf_count(&e->f); i++)
        if (pools & pool_bit(i))
            vf_server_spoofed(&pf_of(e)->master.server, i, now_us);
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
    pf_of(e)->dvmolr[vf] = UINT32_MAX; /* in a queue's block: may have begun anew with it */
}

/* One VF without descriptors must not hold up the others: its frames are dropped. */
static void configure(struct intel_pf *f)
{
    struct igb *e = igb_of(f);
    memset(pf_of(e)->vlvf, 0, sizeof pf_of(e)->vlvf);
    igb_write(e, IGB_QDE, IGB_QDE_ALL);
    intel_change(&f->device, IGB_DTXCTL, 0, e->chip->dtxctl);
}

static void open_up(struct intel_pf *f)
{
    struct igb *e = igb_of(f);
    igb_write(e, IGB_MBVFICR, IGB_MBVFICR_VFREQ | IGB_MBVFICR_VFACK);
    igb_write(e, IGB_VFLRE, (1u << IGB_POOLS) - 1);
    pf_of(e)->blocked = 0;
    intel_change(&f->device, IGB_CTRL_EXT, 0, IGB_CTRL_EXT_PFRSTD);
}

static void close_down(struct intel_pf *f)
{
    igb_write(igb_of(f), IGB_VFTE, pool_bit(f->pool));
    igb_write(igb_of(f), IGB_VFRE, pool_bit(f->pool));
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
    events->resets = igb_read(e, IGB_VFLRE) & (pool_bit(vf_count(&e->f)) - 1);
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
    struct igb *e = chip;
    pf_program(&e->f);
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

static struct vf_master *create(struct intel_pf *f, unsigned count)
{
    struct igb *e = igb_of(f);
    struct igb_pf *pf = calloc(1, sizeof *pf);
    if (!pf)
        return NULL;
    pf->master.server =
        (struct vf_server){ .ops = &server_ops,
                            .limits = { .chip = e->chip->name,
                                        .macs = e->chip->addresses - IGB_RAR_FILTER,
                                        .vf_macs = VF_MACS,
                                        .vlans = IGB_VLVF_REGS,
                                        .rate_mbps = e->chip->rate_limit ? RATE_MAX_MBPS : 0,
                                        .rate_min_mbps = 1,
                                        .frame = VF_FRAME_DEFAULT },
                            .chip = e,
                            .mailboxes = e->f.device.regs + IGB_P2VMAILBOX(0),
                            .memory = e->f.device.regs + IGB_VMBMEM(0, 0) };
    return &pf->master;
}

static unsigned pool_queues(const struct intel_pf *f, unsigned count)
{
    return container_of(f, const struct igb, f)->chip->queues_per_pool;
}

/* The 82576 gives queues that VFs had back to the PF some time after VF Enable went. */
static void reuse_queues(struct intel_pf *f)
{
    struct igb *e = igb_of(f);
    struct deadline d = deadline_us(REUSE_US);
    if (e->chip->dma_strips)
        return;
    while (!deadline_passed(&d))
        task_yield();
    igb_write(e, IGB_IOVCTL, IGB_IOVCTL_REUSE_VFQ);
}

const struct vf_master_family igb_master = { .create = create,
                                             .queues = pool_queues,
                                             .configure = configure,
                                             .program = pf_program,
                                             .rates = put_rates,
                                             .open = open_up,
                                             .close = close_down,
                                             .events = events,
                                             .counter = counter_of,
                                             .gone = reuse_queues };
