/* ixgbe_sriov.c - the 82599 and the X540 as masters of VFs: pools, the switch between them,
 * filters, events and counters.  What VFs may and what they ask for is vf_server.c's and
 * ixgbe_vfs.c's.
 *
 * Documents: those of ixgbe_virt_regs.h.
 *
 * What it has in common with other chips is vf_master.c's.
 *
 * Tags: each queue strips by a bit of its own, which is its VF's to set; the tag of a VLAN that the
 * administrator set is hidden from a driver that strips, as Linux's and ours always do. */
#include "nic/intel/ixgbe/ixgbe_sriov.h"

#include <stdlib.h>
#include <string.h>

#define RATE_MAX_MBPS 10000u
#define RATE_MIN_MBPS 10u /* of a queue: link speed / rate has ten bits */
#define ALL_BITS 0xffffffffu

static struct ixgbe *ixgbe_of(const struct intel_pf *f)
{
    return f->port.priv;
}

static struct ixgbe_sriov *sriov_of(const struct ixgbe *e)
{
    return container_of(e->f.master, struct ixgbe_sriov, master);
}

static void put(struct ixgbe *e, uint32_t reg, uint32_t *last, uint32_t value)
{
    vf_master_put(&e->f, reg, last, value);
}

static void put_pair(struct ixgbe *e, uint32_t low, uint32_t high, uint64_t *last, uint64_t value)
{
    if (!sriov_of(e)->master.fresh && *last == value)
        return;
    ixgbe_write(e, low, (uint32_t)value);
    ixgbe_write(e, high, (uint32_t)(value >> 32));
    *last = value;
}

static uint64_t pool_bit(unsigned pool)
{
    return 1ull << pool;
}

/* Of a pool, the PF's and each VF's.  A pool is the PF's, so 32 VFs are one too many for 32 pools
 * of four. */
static unsigned queues_per_pool(unsigned vfs)
{
    return vfs > IXGBE_VFS_OF_FOUR ? 2 : 4;
}

/* Addresses ------------------------------------------------------------------------ */

/* One receive address.  mac NULL: none. */
static void put_address(struct ixgbe *e, unsigned n, const uint8_t *mac, unsigned pool)
{
    struct ixgbe_sriov *s = sriov_of(e);
    uint64_t value = mac ? mac_load(mac) : 0;
    put_pair(e, IXGBE_MPSAR(2 * n), IXGBE_MPSAR(2 * n + 1), &s->address_pools[n],
             mac ? pool_bit(pool) : 0);
    if (!s->master.fresh && s->address[n] == value)
        return;
    intel_mac_write(&e->f.device, IXGBE_RAL(n), mac, 0);
    s->address[n] = value;
}

/* Address 0 and those from IXGBE_RAR_STATIONS on are the PF's, and ixgbe.c's. */
static void put_addresses(struct ixgbe *e)
{
    unsigned n = IXGBE_RAR_FILTER;
    for (unsigned i = vf_count(&e->f); i < IXGBE_VFS_MAX; i++)
        put_address(e, IXGBE_RAR_VF + i, NULL, 0);
    for (unsigned i = 0; i < vf_count(&e->f); i++) {
        const struct vf_state *v = vf_of(&e->f, i);
        put_address(e, IXGBE_RAR_VF + i, v->cts ? v->mac : NULL, i);
        for (unsigned k = 0; k < v->mac_count && n < IXGBE_RAR_STATIONS; k++)
            put_address(e, n++, v->macs[k], i);
    }
    while (n < IXGBE_RAR_STATIONS)
        put_address(e, n++, NULL, 0);
}

/* VLANs ---------------------------------------------------------------------------- */

/* The place in the map that a filter has; map->count: none. */
static unsigned place_of(const struct vf_vlans *map, uint32_t vlvf)
{
    unsigned i = 0;
    while (i < map->count &&
           !(vlvf & IXGBE_VLVF_VI_EN && FIELD_GET(IXGBE_VLVF_VLAN, vlvf) == map->vlan[i]))
        i++;
    return i;
}

/* Filters of VLANs that stay keep their register; the others take what is free. */
static void put_filters(struct ixgbe *e, const struct vf_vlans *map)
{
    struct ixgbe_sriov *s = sriov_of(e);
    bool placed[VF_VLANS_MAX] = { false };
    unsigned next = 0;
    for (unsigned n = 0; n < IXGBE_VLVF_REGS; n++) {
        unsigned i = place_of(map, s->vlvf[n]);
        if (i == map->count)
            put(e, IXGBE_VLVF(n), &s->vlvf[n], 0);
        else
            placed[i] = true;
    }
    for (unsigned n = 0; n < IXGBE_VLVF_REGS; n++) {
        unsigned i = place_of(map, s->vlvf[n]);
        while (i == map->count && next < map->count && placed[next])
            next++;
        if (i == map->count && next < map->count)
            i = next++;
        put_pair(e, IXGBE_VLVFB(2 * n), IXGBE_VLVFB(2 * n + 1), &s->vlvf_pools[n],
                 i < map->count ? map->pools[i] : 0);
        put(e, IXGBE_VLVF(n), &s->vlvf[n], i < map->count ? IXGBE_VLVF_VI_EN | map->vlan[i] : 0);
    }
}

/* A VLAN is let in last and shut out first: what passes VFTA without a filter of VLVF
 * goes to the default pool. */
static void put_vlans(struct ixgbe *e)
{
    struct ixgbe_sriov *s = sriov_of(e);
    uint32_t vfta[IXGBE_VFTA_REGS];
    struct vf_vlans map;
    vf_master_vlans(&e->f, &map, vfta);
    for (unsigned n = 0; n < IXGBE_VFTA_REGS; n++)
        put(e, IXGBE_VFTA(n), &s->master.vfta[n],
            s->master.fresh ? 0 : s->master.vfta[n] & vfta[n]);
    put_filters(e, &map);
    for (unsigned n = 0; n < IXGBE_VFTA_REGS; n++)
        put(e, IXGBE_VFTA(n), &s->master.vfta[n], vfta[n]);
}

/* Groups, and stations nobody knows --------------------------------------------------- */

/* MTA has one bit a hash for all pools together. */
static void put_groups(struct ixgbe *e)
{
    uint32_t mta[INTEL_MTA_REGS];
    vf_master_groups(&e->f, mta);
    for (unsigned n = 0; n < INTEL_MTA_REGS; n++)
        put(e, INTEL_MTA(n), &sriov_of(e)->master.mta[n], mta[n]);
}

/* Promiscuity of a pool: a unicast hash table that hits always, and ROPE; the table is for all
 * pools. */
static void put_unknown(struct ixgbe *e)
{
    bool wanted = vf_master_promiscuous(&e->f);
    if (!sriov_of(e)->master.fresh && sriov_of(e)->uta == wanted)
        return;
    for (unsigned n = 0; n < IXGBE_UTA_REGS; n++)
        ixgbe_write(e, IXGBE_UTA(n), wanted ? ALL_BITS : 0);
    sriov_of(e)->uta = wanted;
}

/* Pools ------------------------------------------------------------------------------ */

static uint32_t vmolr_of_vf(const struct vf_state *v)
{
    uint32_t value = IXGBE_VMOLR_BAM;
    if (!v->policy.vlan)
        value |= IXGBE_VMOLR_AUPE;
    if (v->hash_count && !v->no_groups)
        value |= IXGBE_VMOLR_ROMPE;
    if (vf_all_multicast(v))
        value |= IXGBE_VMOLR_MPE;
    if (v->promiscuous)
        value |= IXGBE_VMOLR_ROPE;
    return value;
}

static uint32_t vmolr_of_pf(const struct ixgbe *e)
{
    return IXGBE_VMOLR_BAM | IXGBE_VMOLR_AUPE |
           (e->f.mode.multicast_count ? IXGBE_VMOLR_ROMPE : 0) |
           (pf_all_multicast(&e->f) ? IXGBE_VMOLR_MPE : 0) |
           (e->f.mode.promiscuous ? IXGBE_VMOLR_ROPE : 0);
}

static void put_pools(struct ixgbe *e)
{
    uint64_t send = pool_bit(e->f.pool), receive = send;
    for (unsigned i = 0; i < vf_count(&e->f); i++) {
        const struct vf_state *v = vf_of(&e->f, i);
        uint32_t tag = v->policy.vlan ? IXGBE_VMVIR_VLANA_DEFAULT | v->policy.vlan : 0;
        put(e, IXGBE_VMOLR(i), &sriov_of(e)->vmolr[i], vmolr_of_vf(v));
        put(e, IXGBE_VMVIR(i), &sriov_of(e)->vmvir[i], tag);
        if (!v->cts || !vf_may_speak(v))
            continue;
        send |= pool_bit(i);
        receive |= ixgbe_vf_may_receive(e, v) ? pool_bit(i) : 0;
    }
    put(e, IXGBE_VMOLR(e->f.pool), &sriov_of(e)->vmolr[e->f.pool], vmolr_of_pf(e));
    for (unsigned n = 0; n < IXGBE_POOL_WORDS; n++) { /* the chip clears bits by itself */
        ixgbe_write(e, IXGBE_VFRE(n), (uint32_t)(receive >> 32 * n));
        ixgbe_write(e, IXGBE_VFTE(n), (uint32_t)(send >> 32 * n));
    }
}

/* The longest that anybody may receive: there is one limit for all. */
static void put_frame_limit(struct ixgbe *e)
{
    uint32_t longest = intel_pf_frame_limit(&e->f) + ETHERNET_FCS;
    for (unsigned i = 0; i < vf_count(&e->f); i++)
        longest = vf_of(&e->f, i)->frame > longest ? vf_of(&e->f, i)->frame : longest;
    put(e, IXGBE_MAXFRS, &sriov_of(e)->maxfrs, FIELD_PUT(IXGBE_MAXFRS_MFS, longest));
}

/* Default pool: what nobody wants is the PF's when it listens to all. */
static void put_switch(struct ixgbe *e)
{
    uint32_t vt_ctl = IXGBE_VT_CTL_ENA | IXGBE_VT_CTL_REP_EN |
                      FIELD_PUT(IXGBE_VT_CTL_DEF_PL, (uint32_t)e->f.pool) |
                      (e->f.mode.promiscuous ? 0 : IXGBE_VT_CTL_DIS_DEF_PL);
    uint64_t guarded = vf_master_guarded(&e->f);
    put(e, IXGBE_VT_CTL, &sriov_of(e)->vt_ctl, vt_ctl);
    for (unsigned n = 0; n < IXGBE_VFSPOOF_REGS; n++) {
        uint32_t eight = guarded >> 8 * n & 0xff;
        put(e, IXGBE_VFSPOOF(n), &sriov_of(e)->spoof[n],
            FIELD_PUT(IXGBE_VFSPOOF_MAC, eight) | FIELD_PUT(IXGBE_VFSPOOF_VLAN, eight));
    }
}

static void sriov_program(struct intel_pf *f)
{
    struct ixgbe *e = ixgbe_of(f);
    put_addresses(e);
    put_vlans(e);
    put_groups(e);
    put_unknown(e);
    put_switch(e);
    put_frame_limit(e);
    put_pools(e);
}

/* Rates -------------------------------------------------------------------------------- */

/* A queue is silent after each frame for so long that link speed / rate comes out. */
static uint32_t rate_factor(uint32_t link_mbps, uint32_t rate_mbps, unsigned queues)
{
    uint64_t factor = (uint64_t)link_mbps * queues * IXGBE_RTTBCNRC_RF_ONE / rate_mbps;
    if (factor <= IXGBE_RTTBCNRC_RF_ONE)
        return 0; /* the link is no faster */
    return IXGBE_RTTBCNRC_RS_ENA | (uint32_t)min_u64(factor, IXGBE_RTTBCNRC_RF);
}

/* The limit is a queue's: each has its part, so that all together keep to the VF's. */
static void put_rates(struct intel_pf *f)
{
    struct ixgbe *e = ixgbe_of(f);
    unsigned queues = queues_per_pool(vf_count(&e->f));
    struct port_link link = { 0 };
    ixgbe_link(&e->f.port, &link);
    ixgbe_write(e, IXGBE_RTTBCNRM, IXGBE_RTTBCNRM_JUMBO);
    for (unsigned i = 0; i < vf_count(&e->f); i++) {
        uint32_t rate = vf_of(&e->f, i)->policy.rate_mbps;
        uint32_t factor = rate && link.up ? rate_factor(link.speed_mbps, rate, queues) : 0;
        for (unsigned q = 0; q < queues; q++) {
            ixgbe_write(e, IXGBE_RTTDQSEL, i * queues + q);
            ixgbe_write(e, IXGBE_RTTBCNRC, factor);
        }
    }
}

/* Counters ------------------------------------------------------------------------------- */

static uint32_t counter_of(unsigned vf, enum vf_counter which)
{
    const uint32_t regs[VF_COUNTERS] = {
        [VF_RX_PACKETS] = IXGBE_PVFGPRC(vf),   [VF_TX_PACKETS] = IXGBE_PVFGPTC(vf),
        [VF_RX_OCTETS] = IXGBE_PVFGORC(vf),    [VF_TX_OCTETS] = IXGBE_PVFGOTC(vf),
        [VF_RX_MULTICAST] = IXGBE_PVFMPRC(vf),
    };
    return regs[which];
}

/* Events ---------------------------------------------------------------------------------- */

/* SSVPC counts for all VFs whose bit is set, and does not say for which: when it counted, they are
 * asked one after the other, each for as long as it takes to the next look. */
static void events(struct intel_pf *f, uint64_t now_us)
{
    struct ixgbe *e = ixgbe_of(f);
    struct ixgbe_sriov *s = sriov_of(e);
    uint32_t spoofed = ixgbe_read(e, IXGBE_SSVPC);
    if (spoofed == ALL_BITS)
        return;
    s->spoofed += spoofed;
    if (s->suspect < vf_count(&e->f)) {
        if (spoofed)
            vf_server_spoofed(&s->master.server, s->suspect, now_us);
        s->suspect++;
    } else if (spoofed) {
        s->suspect = 0;
    }
    put_pair(e, IXGBE_VMECM(0), IXGBE_VMECM(1), &s->counted,
             s->suspect < vf_count(&e->f) ? pool_bit(s->suspect) : pool_bit(vf_count(&e->f)) - 1);
}

/* Life with ixgbe.c ---------------------------------------------------------------------------- */

/* A reset of the function leaves where its queues' heads are written to: whoever has the VF next
 * must not write to where the last one had its memory. */
static void clear_queues(void *chip, unsigned vf)
{
    struct ixgbe *e = chip;
    unsigned queues = queues_per_pool(vf_count(&e->f));
    for (unsigned q = vf * queues; q < (vf + 1) * queues; q++) {
        ixgbe_write(e, IXGBE_TDWBAL(q), 0);
        ixgbe_write(e, IXGBE_TDWBAH(q), 0);
    }
}

/* Pools, on PCI Express, in interrupts, in the transmitter and the receiver. */
static void configure_pools(struct ixgbe *e)
{
    bool four = queues_per_pool(vf_count(&e->f)) == 4;
    uint32_t mode = four ? IXGBE_VT_MODE_32 : IXGBE_VT_MODE_64;
    intel_change(&e->f.device, IXGBE_GCR_EXT, IXGBE_GCR_EXT_VT_MODE,
                 FIELD_PUT(IXGBE_GCR_EXT_VT_MODE, mode));
    intel_change(&e->f.device, IXGBE_GPIE, IXGBE_GPIE_VT, FIELD_PUT(IXGBE_GPIE_VT, mode));
    intel_change(&e->f.device, IXGBE_RTTDCS, 0, IXGBE_RTTDCS_ARBDIS);
    ixgbe_write(e, IXGBE_MTQC,
                IXGBE_MTQC_VT_ENA | (four ? IXGBE_MTQC_POOLS_32 : IXGBE_MTQC_POOLS_64));
    intel_change(&e->f.device, IXGBE_RTTDCS, IXGBE_RTTDCS_ARBDIS, 0);
    ixgbe_write(
        e, IXGBE_MRQC,
        FIELD_PUT(IXGBE_MRQC_MODE, four ? IXGBE_MRQC_MODE_VMDQ_RSS32 : IXGBE_MRQC_MODE_VMDQ_RSS64) |
            IXGBE_MRQC_FIELDS);
}

/* The table is for all pools; how many bits of an entry count is each pool's: its driver's. */
static void configure_spread(struct ixgbe *e)
{
    unsigned queues = queues_per_pool(vf_count(&e->f));
    uint32_t bits = e->f.queues >= 4 ? 2 : e->f.queues >= 2 ? 1 : 0;
    for (unsigned i = 0; i < INTEL_RETA_REGS; i++)
        ixgbe_write(e, INTEL_RETA(i), queues == 4 ? 0x03020100u : 0x01000100u);
    ixgbe_write(e, IXGBE_PSRTYPE(e->f.pool), FIELD_PUT(IXGBE_PSRTYPE_RQPL, bits));
}

/* The PF's queues have the first counters, all others' drops are the last one's. */
static void configure_counters(struct ixgbe *e)
{
    unsigned first = e->f.pool * e->f.pool_queues;
    for (unsigned i = 0; i < IXGBE_RQSMR_REGS; i++) {
        uint32_t four = 0;
        for (unsigned n = 0; n < 4; n++) {
            uint32_t own = 4 * i + n - first;
            four |= (own < e->f.queues ? own : IXGBE_QUEUE_COUNTERS - 1) << 8 * n;
        }
        ixgbe_write(e, IXGBE_RQSMR(i), four);
    }
}

/* One VF without descriptors must not hold up the others: its frames are dropped. */
static void configure_drop(struct ixgbe *e)
{
    unsigned queues = queues_per_pool(vf_count(&e->f)) * vf_count(&e->f);
    for (unsigned q = 0; q < queues; q++)
        ixgbe_write(e, IXGBE_QDE,
                    IXGBE_QDE_WRITE | IXGBE_QDE_ENABLE | FIELD_PUT(IXGBE_QDE_INDEX, q));
}

static void configure(struct intel_pf *f)
{
    struct ixgbe *e = ixgbe_of(f);
    struct ixgbe_sriov *s = sriov_of(e);
    s->suspect = vf_count(&e->f);
    memset(s->vlvf, 0, sizeof s->vlvf);
    configure_pools(e);
    configure_spread(e);
    configure_counters(e);
    configure_drop(e);
    ixgbe_write(e, IXGBE_DTXGSWC, IXGBE_DTXGSWC_LOOPBACK);
    intel_change(&f->device, IXGBE_VLNCTRL, 0, IXGBE_VLNCTRL_VFE);
    put_pair(e, IXGBE_VMECM(0), IXGBE_VMECM(1), &s->counted, pool_bit(vf_count(&e->f)) - 1);
}

static void clear_events(struct ixgbe *e)
{
    for (unsigned n = 0; n < IXGBE_PFMBICR_REGS; n++)
        ixgbe_write(e, IXGBE_PFMBICR(n), ALL_BITS);
    for (unsigned n = 0; n < IXGBE_POOL_WORDS; n++)
        ixgbe_write(e, IXGBE_VFLREC(n), ALL_BITS);
    (void)ixgbe_read(e, IXGBE_SSVPC);
}

static void open_up(struct intel_pf *f)
{
    clear_events(ixgbe_of(f));
    intel_change(&f->device, IXGBE_CTRL_EXT, 0, IXGBE_CTRL_EXT_PFRSTD);
}

static void close_down(struct intel_pf *f)
{
    for (unsigned n = 0; n < IXGBE_POOL_WORDS; n++) {
        uint32_t own = (uint32_t)(pool_bit(f->pool) >> 32 * n);
        ixgbe_write(ixgbe_of(f), IXGBE_VFTE(n), own);
        ixgbe_write(ixgbe_of(f), IXGBE_VFRE(n), own);
    }
}

/* Mailboxes ---------------------------------------------------------------------------------- */

static uint32_t request_bit(unsigned vf)
{
    return FIELD_PUT(IXGBE_PFMBICR_VFREQ, 1u << vf % IXGBE_PFMBICR_VFS);
}

/* False: the device is gone. */
static bool take_messages(struct ixgbe *e, struct vf_events *events)
{
    unsigned registers = (vf_count(&e->f) + IXGBE_PFMBICR_VFS - 1) / IXGBE_PFMBICR_VFS;
    for (unsigned n = 0; n < registers; n++) {
        uint32_t causes = ixgbe_read(e, IXGBE_PFMBICR(n));
        unsigned shift = n * IXGBE_PFMBICR_VFS;
        if (causes == ALL_BITS && !intel_answers(&e->f.device)) /* else sixteen VFs at once */
            return false;
        events->requests |= (uint64_t)FIELD_GET(IXGBE_PFMBICR_VFREQ, causes) << shift;
        events->acks |= (uint64_t)FIELD_GET(IXGBE_PFMBICR_VFACK, causes) << shift;
        if (causes & IXGBE_PFMBICR_VFACK)
            ixgbe_write(e, IXGBE_PFMBICR(n), causes & IXGBE_PFMBICR_VFACK);
    }
    return true;
}

static bool take_events(void *chip, struct vf_events *events)
{
    struct ixgbe *e = chip;
    *events = (struct vf_events){ 0 };
    if (!take_messages(e, events))
        return false;
    for (unsigned n = 0; n < IXGBE_POOL_WORDS; n++) {
        uint32_t resets = ixgbe_read(e, e->quirks & IXGBE_X540 ? IXGBE_VFLREC(n) : IXGBE_VFLRE(n));
        if (resets)
            ixgbe_write(e, IXGBE_VFLREC(n), resets);
        events->resets |= (uint64_t)resets << 32 * n;
    }
    return true;
}

static bool has_request(void *chip, unsigned vf)
{
    return ixgbe_read(chip, IXGBE_PFMBICR(vf / IXGBE_PFMBICR_VFS)) & request_bit(vf);
}

static void clear_request(void *chip, unsigned vf)
{
    ixgbe_write(chip, IXGBE_PFMBICR(vf / IXGBE_PFMBICR_VFS), request_bit(vf));
}

static void program(void *chip)
{
    struct ixgbe *e = chip;
    sriov_program(&e->f);
}

/* VFs come and go ------------------------------------------------------------------------------ */

static const struct vf_server_ops server_ops = { .requests = ixgbe_requests,
                                                 .request_types = IXGBE_REQUESTS,
                                                 .echoed = ALL_BITS,
                                                 .reset_words = MBX_RESET_WORDS,
                                                 .take_events = take_events,
                                                 .has_request = has_request,
                                                 .clear_request = clear_request,
                                                 .clear_queues = clear_queues,
                                                 .program = program };

static struct vf_master *create(struct intel_pf *f, unsigned count)
{
    struct ixgbe *e = ixgbe_of(f);
    struct ixgbe_sriov *s = calloc(1, sizeof *s);
    unsigned queues = queues_per_pool(count);
    if (!s)
        return NULL;
    s->master.server =
        (struct vf_server){ .ops = &server_ops,
                            .limits = { .chip = e->quirks & IXGBE_X540 ? "X540" : "82599",
                                        .macs = IXGBE_RAR_STATIONS - IXGBE_RAR_FILTER,
                                        .vf_macs = VF_MACS,
                                        .vlans = IXGBE_VLVF_REGS,
                                        .rate_mbps = RATE_MAX_MBPS,
                                        .rate_min_mbps = RATE_MIN_MBPS * queues,
                                        .frame = VF_FRAME_UNTAGGED,
                                        .queues = queues },
                            .chip = e,
                            .mailboxes = e->f.device.regs + IXGBE_PFMAILBOX(0),
                            .memory = e->f.device.regs + IXGBE_PFMBMEM(0) };
    return &s->master;
}

static unsigned pool_queues(const struct intel_pf *f, unsigned count)
{
    return queues_per_pool(count);
}

const struct vf_master_family ixgbe_master = { .create = create,
                                               .queues = pool_queues,
                                               .configure = configure,
                                               .program = sriov_program,
                                               .rates = put_rates,
                                               .open = open_up,
                                               .close = close_down,
                                               .events = events,
                                               .counter = counter_of };
