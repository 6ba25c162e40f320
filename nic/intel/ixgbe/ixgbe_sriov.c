/* ixgbe_sriov.c - the 82599 and the X540 as masters of VFs: pools, the switch between them,
 * filters, events and counters.  What VFs may and what they ask for is vf_server.c's and
 * ixgbe_vfs.c's.
 *
 * Documents: those of ixgbe_virt_regs.h.
 *
 * As in igb_pf.c: all that depends on a policy or on what a VF asked for is written by
 * sriov_program() from the state of the server, and registers are compared with what was written
 * last.
 *
 * Tags: each queue strips by a bit of its own, which is its VF's to set; the tag of a VLAN that the
 * administrator set is hidden from a driver that strips, as Linux's and ours always do. */
#include "nic/intel/ixgbe/ixgbe_sriov.h"

#include "kernel/log.h"
#include "kernel/time.h"
#include "pci/sriov.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COLLECT_US US_PER_S /* octet counters wrap after 3.4 s at 10 Gb/s */
#define EVENTS_US (10 * US_PER_MS)
#define RATE_MAX_MBPS 10000u
#define RATE_MIN_MBPS 10u /* of a queue: link speed / rate has ten bits */
#define ALL_BITS 0xffffffffu

static void put(struct ixgbe *e, uint32_t reg, uint32_t *last, uint32_t value)
{
    if (!e->sriov->fresh && *last == value)
        return;
    ixgbe_write(e, reg, value);
    *last = value;
}

static void put_pair(struct ixgbe *e, uint32_t low, uint32_t high, uint64_t *last, uint64_t value)
{
    if (!e->sriov->fresh && *last == value)
        return;
    ixgbe_write(e, low, (uint32_t)value);
    ixgbe_write(e, high, (uint32_t)(value >> 32));
    *last = value;
}

static struct ixgbe *ixgbe_of(const struct intel_pf *f)
{
    return f->port.priv;
}

static unsigned vf_count(const struct ixgbe *e)
{
    return e->sriov->server.count;
}

static const struct vf_state *vf_of(const struct ixgbe *e, unsigned vf)
{
    return &e->sriov->server.vf[vf];
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
    struct ixgbe_sriov *s = e->sriov;
    uint64_t value = mac ? mac_load(mac) : 0;
    put_pair(e, IXGBE_MPSAR(2 * n), IXGBE_MPSAR(2 * n + 1), &s->address_pools[n],
             mac ? pool_bit(pool) : 0);
    if (!s->fresh && s->address[n] == value)
        return;
    intel_mac_write(&e->f.device, IXGBE_RAL(n), mac, 0);
    s->address[n] = value;
}

/* Address 0 and those from IXGBE_RAR_STATIONS on are the PF's, and ixgbe.c's. */
static void put_addresses(struct ixgbe *e)
{
    unsigned n = IXGBE_RAR_FILTER;
    for (unsigned i = vf_count(e); i < IXGBE_VFS_MAX; i++)
        put_address(e, IXGBE_RAR_VF + i, NULL, 0);
    for (unsigned i = 0; i < vf_count(e); i++) {
        const struct vf_state *v = vf_of(e, i);
        put_address(e, IXGBE_RAR_VF + i, v->cts ? v->mac : NULL, i);
        for (unsigned k = 0; k < v->mac_count && n < IXGBE_RAR_STATIONS; k++)
            put_address(e, n++, v->macs[k], i);
    }
    while (n < IXGBE_RAR_STATIONS)
        put_address(e, n++, NULL, 0);
}

static bool may_have(const struct intel_pf *f, const uint8_t mac[MAC_LEN])
{
    return !vf_server_has_mac(&ixgbe_of(f)->sriov->server, mac);
}

/* VLANs ---------------------------------------------------------------------------- */

static unsigned pf_vlan_count(const struct ixgbe *e)
{
    unsigned count = 0;
    for (unsigned n = 0; n < IXGBE_VFTA_REGS; n++)
        for (uint32_t bits = e->f.vlans[n]; bits; bits &= bits - 1)
            count++;
    return count;
}

/* A bridge on the PF takes part in every VLAN. */
static bool pf_takes_all_vlans(const struct ixgbe *e)
{
    return e->f.mode.promiscuous && !pf_vlan_count(e);
}

static void map_make(const struct ixgbe *e, struct vf_vlans *map)
{
    vf_server_vlans(&e->sriov->server, map);
    vf_vlans_add(map, 0, pool_bit(e->f.pool));
    for (unsigned n = 0; n < IXGBE_VFTA_REGS; n++)
        for (uint32_t bits = e->f.vlans[n]; bits; bits &= bits - 1)
            vf_vlans_add(map, (uint16_t)(n * 32 + __builtin_ctz(bits)), pool_bit(e->f.pool));
    for (unsigned i = 0; pf_takes_all_vlans(e) && i < map->count; i++)
        map->pools[i] |= pool_bit(e->f.pool);
}

static bool vlan_fits(const struct intel_pf *f, uint16_t vlan)
{
    struct vf_vlans map;
    map_make(ixgbe_of(f), &map);
    return vf_vlans_add(&map, vlan, 0);
}

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
    struct ixgbe_sriov *s = e->sriov;
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
    struct ixgbe_sriov *s = e->sriov;
    uint32_t vfta[IXGBE_VFTA_REGS];
    struct vf_vlans map;
    s->server.pf_vlans = pf_vlan_count(e);
    map_make(e, &map);
    memset(vfta, pf_takes_all_vlans(e) ? 0xff : 0, sizeof vfta);
    for (unsigned i = 0; i < map.count; i++)
        vfta[map.vlan[i] / 32] |= 1u << map.vlan[i] % 32;
    for (unsigned n = 0; n < IXGBE_VFTA_REGS; n++)
        put(e, IXGBE_VFTA(n), &s->vfta[n], s->fresh ? 0 : s->vfta[n] & vfta[n]);
    put_filters(e, &map);
    for (unsigned n = 0; n < IXGBE_VFTA_REGS; n++)
        put(e, IXGBE_VFTA(n), &s->vfta[n], vfta[n]);
}

/* Groups, and stations nobody knows --------------------------------------------------- */

static bool pf_all_multicast(const struct ixgbe *e)
{
    return e->f.mode.promiscuous || e->f.mode.all_multicast;
}

/* MTA has one bit a hash for all pools together. */
static void put_groups(struct ixgbe *e)
{
    uint32_t mta[INTEL_MTA_REGS] = { 0 };
    intel_multicast_add(mta, &e->f.mode);
    for (unsigned i = 0; i < vf_count(e); i++) {
        const struct vf_state *v = vf_of(e, i);
        for (unsigned k = 0; k < v->hash_count; k++)
            mta[v->hashes[k] / 32] |= 1u << v->hashes[k] % 32;
    }
    for (unsigned n = 0; n < INTEL_MTA_REGS; n++)
        put(e, INTEL_MTA(n), &e->sriov->mta[n], mta[n]);
}

/* Promiscuity of a pool: a unicast hash table that hits always, and ROPE; the table is for all
 * pools. */
static void put_unknown(struct ixgbe *e)
{
    bool wanted = e->f.mode.promiscuous;
    for (unsigned i = 0; i < vf_count(e); i++)
        wanted |= vf_of(e, i)->promiscuous;
    if (!e->sriov->fresh && e->sriov->uta == wanted)
        return;
    for (unsigned n = 0; n < IXGBE_UTA_REGS; n++)
        ixgbe_write(e, IXGBE_UTA(n), wanted ? ALL_BITS : 0);
    e->sriov->uta = wanted;
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
           (pf_all_multicast(e) ? IXGBE_VMOLR_MPE : 0) |
           (e->f.mode.promiscuous ? IXGBE_VMOLR_ROPE : 0);
}

static void put_pools(struct ixgbe *e)
{
    uint64_t send = pool_bit(e->f.pool), receive = send;
    for (unsigned i = 0; i < vf_count(e); i++) {
        const struct vf_state *v = vf_of(e, i);
        uint32_t tag = v->policy.vlan ? IXGBE_VMVIR_VLANA_DEFAULT | v->policy.vlan : 0;
        put(e, IXGBE_VMOLR(i), &e->sriov->vmolr[i], vmolr_of_vf(v));
        put(e, IXGBE_VMVIR(i), &e->sriov->vmvir[i], tag);
        if (!v->cts || !vf_may_speak(v))
            continue;
        send |= pool_bit(i);
        receive |= ixgbe_vf_may_receive(e, v) ? pool_bit(i) : 0;
    }
    put(e, IXGBE_VMOLR(e->f.pool), &e->sriov->vmolr[e->f.pool], vmolr_of_pf(e));
    for (unsigned n = 0; n < IXGBE_POOL_WORDS; n++) { /* the chip clears bits by itself */
        ixgbe_write(e, IXGBE_VFRE(n), (uint32_t)(receive >> 32 * n));
        ixgbe_write(e, IXGBE_VFTE(n), (uint32_t)(send >> 32 * n));
    }
}

/* The longest that anybody may receive: there is one limit for all. */
static void put_frame_limit(struct ixgbe *e)
{
    uint32_t longest = intel_pf_frame_limit(&e->f) + ETHERNET_FCS;
    for (unsigned i = 0; i < vf_count(e); i++)
        longest = vf_of(e, i)->frame > longest ? vf_of(e, i)->frame : longest;
    put(e, IXGBE_MAXFRS, &e->sriov->maxfrs, FIELD_PUT(IXGBE_MAXFRS_MFS, longest));
}

/* Default pool: what nobody wants is the PF's when it listens to all. */
static void put_switch(struct ixgbe *e)
{
    uint32_t vt_ctl = IXGBE_VT_CTL_ENA | IXGBE_VT_CTL_REP_EN |
                      FIELD_PUT(IXGBE_VT_CTL_DEF_PL, (uint32_t)e->f.pool) |
                      (e->f.mode.promiscuous ? 0 : IXGBE_VT_CTL_DIS_DEF_PL);
    uint64_t guarded = 0;
    for (unsigned i = 0; i < vf_count(e); i++)
        if (vf_of(e, i)->policy.spoofcheck)
            guarded |= pool_bit(i);
    put(e, IXGBE_VT_CTL, &e->sriov->vt_ctl, vt_ctl);
    for (unsigned n = 0; n < IXGBE_VFSPOOF_REGS; n++) {
        uint32_t eight = guarded >> 8 * n & 0xff;
        put(e, IXGBE_VFSPOOF(n), &e->sriov->spoof[n],
            FIELD_PUT(IXGBE_VFSPOOF_MAC, eight) | FIELD_PUT(IXGBE_VFSPOOF_VLAN, eight));
    }
}

/* The registers follow what is wanted and granted; only what differs is written. */
static void sriov_program(struct ixgbe *e)
{
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
static void put_rates(struct ixgbe *e)
{
    unsigned queues = queues_per_pool(vf_count(e));
    struct port_link link = { 0 };
    ixgbe_link(&e->f.port, &link);
    ixgbe_write(e, IXGBE_RTTBCNRM, IXGBE_RTTBCNRM_JUMBO);
    for (unsigned i = 0; i < vf_count(e); i++) {
        uint32_t rate = vf_of(e, i)->policy.rate_mbps;
        uint32_t factor = rate && link.up ? rate_factor(link.speed_mbps, rate, queues) : 0;
        for (unsigned q = 0; q < queues; q++) {
            ixgbe_write(e, IXGBE_RTTDQSEL, i * queues + q);
            ixgbe_write(e, IXGBE_RTTBCNRC, factor);
        }
    }
}

/* Counters ------------------------------------------------------------------------------- */

enum { RX_PACKETS, TX_PACKETS, RX_OCTETS, TX_OCTETS, RX_MULTICAST };

static uint32_t counter_of(unsigned vf, unsigned which)
{
    const uint32_t regs[IXGBE_VF_COUNTERS] = {
        [RX_PACKETS] = IXGBE_PVFGPRC(vf),   [TX_PACKETS] = IXGBE_PVFGPTC(vf),
        [RX_OCTETS] = IXGBE_PVFGORC(vf),    [TX_OCTETS] = IXGBE_PVFGOTC(vf),
        [RX_MULTICAST] = IXGBE_PVFMPRC(vf),
    };
    return regs[which];
}

/* base: only what the next difference counts from.  All ones are no counters. */
static void collect(struct ixgbe *e, bool base)
{
    if (!intel_answers(&e->f.device))
        return;
    for (unsigned i = 0; i < vf_count(e); i++) {
        for (unsigned k = 0; k < IXGBE_VF_COUNTERS; k++) {
            struct intel_wrapping *c = &e->sriov->counters[i][k];
            uint32_t now = ixgbe_read(e, counter_of(i, k));
            if (base)
                c->last = now;
            else
                intel_wrapping_add(c, now);
        }
    }
}

/* Events ---------------------------------------------------------------------------------- */

/* SSVPC counts for all VFs whose bit is set, and does not say for which: when it counted, they are
 * asked one after the other, each for as long as it takes to the next look. */
static void spoof_events(struct ixgbe *e, uint64_t now_us)
{
    struct ixgbe_sriov *s = e->sriov;
    uint32_t spoofed = ixgbe_read(e, IXGBE_SSVPC);
    if (spoofed == ALL_BITS)
        return;
    s->spoofed += spoofed;
    if (s->suspect < vf_count(e)) {
        if (spoofed)
            vf_server_spoofed(&s->server, s->suspect, now_us);
        s->suspect++;
    } else if (spoofed) {
        s->suspect = 0;
    }
    put_pair(e, IXGBE_VMECM(0), IXGBE_VMECM(1), &s->counted,
             s->suspect < vf_count(e) ? pool_bit(s->suspect) : pool_bit(vf_count(e)) - 1);
}

/* Life with ixgbe.c ---------------------------------------------------------------------------- */

/* A reset of the function leaves where its queues' heads are written to: whoever has the VF next
 * must not write to where the last one had its memory. */
static void clear_queues(void *chip, unsigned vf)
{
    struct ixgbe *e = chip;
    unsigned queues = queues_per_pool(vf_count(e));
    for (unsigned q = vf * queues; q < (vf + 1) * queues; q++) {
        ixgbe_write(e, IXGBE_TDWBAL(q), 0);
        ixgbe_write(e, IXGBE_TDWBAH(q), 0);
    }
}

/* Pools, on PCI Express, in interrupts, in the transmitter and the receiver. */
static void configure_pools(struct ixgbe *e)
{
    bool four = queues_per_pool(vf_count(e)) == 4;
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
    unsigned queues = queues_per_pool(vf_count(e));
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
    unsigned queues = queues_per_pool(vf_count(e)) * vf_count(e);
    for (unsigned q = 0; q < queues; q++)
        ixgbe_write(e, IXGBE_QDE,
                    IXGBE_QDE_WRITE | IXGBE_QDE_ENABLE | FIELD_PUT(IXGBE_QDE_INDEX, q));
}

static void configure(struct intel_pf *f)
{
    struct ixgbe *e = ixgbe_of(f);
    struct ixgbe_sriov *s = e->sriov;
    s->fresh = true;
    s->suspect = vf_count(e);
    memset(s->vlvf, 0, sizeof s->vlvf);
    vf_server_forget_all(&s->server);
    configure_pools(e);
    configure_spread(e);
    configure_counters(e);
    configure_drop(e);
    ixgbe_write(e, IXGBE_DTXGSWC, IXGBE_DTXGSWC_LOOPBACK);
    intel_change(&e->f.device, IXGBE_VLNCTRL, 0, IXGBE_VLNCTRL_VFE);
    sriov_program(e);
    put_pair(e, IXGBE_VMECM(0), IXGBE_VMECM(1), &s->counted, pool_bit(vf_count(e)) - 1);
    s->fresh = false;
    put_rates(e);
    collect(e, true);
}

static void clear_events(struct ixgbe *e)
{
    for (unsigned n = 0; n < IXGBE_PFMBICR_REGS; n++)
        ixgbe_write(e, IXGBE_PFMBICR(n), ALL_BITS);
    for (unsigned n = 0; n < IXGBE_POOL_WORDS; n++)
        ixgbe_write(e, IXGBE_VFLREC(n), ALL_BITS);
    (void)ixgbe_read(e, IXGBE_SSVPC);
}

static void open(struct intel_pf *f)
{
    struct ixgbe *e = ixgbe_of(f);
    clear_events(e);
    vf_server_open(&e->sriov->server);
    intel_change(&e->f.device, IXGBE_CTRL_EXT, 0, IXGBE_CTRL_EXT_PFRSTD);
    e->sriov->open = true;
}

static void close(struct intel_pf *f)
{
    struct ixgbe *e = ixgbe_of(f);
    if (!e->sriov->open)
        return;
    collect(e, false);
    vf_server_close(&e->sriov->server);
    for (unsigned n = 0; n < IXGBE_POOL_WORDS; n++) {
        uint32_t own = (uint32_t)(pool_bit(e->f.pool) >> 32 * n);
        ixgbe_write(e, IXGBE_VFTE(n), own);
        ixgbe_write(e, IXGBE_VFRE(n), own);
    }
    e->sriov->open = false;
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
    struct ixgbe *e = ixgbe_of(f);
    if (!e->sriov->open || !vf_server_poll(&e->sriov->server, now_us))
        return;
    if (due(&e->sriov->events_us, now_us, EVENTS_US))
        spoof_events(e, now_us);
    if (due(&e->sriov->collect_us, now_us, COLLECT_US))
        collect(e, false);
}

static void link_changed(struct intel_pf *f, bool up)
{
    struct ixgbe *e = ixgbe_of(f);
    if (!e->sriov->open)
        return;
    put_rates(e);
    vf_server_link_changed(&e->sriov->server);
}

static void settings_changed(struct intel_pf *f)
{
    sriov_program(ixgbe_of(f));
}

static const struct intel_pf_master master = { .configure = configure,
                                               .open = open,
                                               .close = close,
                                               .poll = poll,
                                               .link_changed = link_changed,
                                               .may_have = may_have,
                                               .vlan_fits = vlan_fits,
                                               .settings_changed = settings_changed };

/* Mailboxes ---------------------------------------------------------------------------------- */

static uint32_t request_bit(unsigned vf)
{
    return FIELD_PUT(IXGBE_PFMBICR_VFREQ, 1u << vf % IXGBE_PFMBICR_VFS);
}

/* False: the device is gone. */
static bool take_messages(struct ixgbe *e, struct vf_events *events)
{
    unsigned registers = (vf_count(e) + IXGBE_PFMBICR_VFS - 1) / IXGBE_PFMBICR_VFS;
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
    sriov_program(chip);
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

static struct ixgbe_sriov *sriov_create(struct ixgbe *e, unsigned count)
{
    struct ixgbe_sriov *s = calloc(1, sizeof *s);
    unsigned queues = queues_per_pool(count);
    if (!s)
        return NULL;
    s->server = (struct vf_server){ .ops = &server_ops,
                                    .limits = { .chip = e->quirks & IXGBE_X540 ? "X540" : "82599",
                                                .macs = IXGBE_RAR_STATIONS - IXGBE_RAR_FILTER,
                                                .vf_macs = VF_MACS,
                                                .vlans = IXGBE_VLVF_REGS,
                                                .rate_mbps = RATE_MAX_MBPS,
                                                .rate_min_mbps = RATE_MIN_MBPS * queues,
                                                .frame = VF_FRAME_UNTAGGED,
                                                .queues = queues },
                                    .chip = e,
                                    .name = e->f.device.name,
                                    .port = &e->f.port,
                                    .mailboxes = e->f.device.regs + IXGBE_PFMAILBOX(0),
                                    .memory = e->f.device.regs + IXGBE_PFMBMEM(0) };
    if (!vf_server_create(&s->server, count))
        return s;
    free(s);
    return NULL;
}

static void no_vfs(struct ixgbe *e)
{
    struct ixgbe_sriov *s = e->sriov;
    (void)intel_pf_restart(&e->f, NULL, 0, 0);
    e->sriov = NULL;
    vf_server_destroy(&s->server);
    free(s);
}

static int sriov_enable(struct port *port, unsigned count, bool unisolated, const char **why)
{
    struct ixgbe *e = port->priv;
    struct ixgbe_sriov *s;
    int err;
    *why = "VFs are in force already";
    if (e->sriov)
        return -EBUSY;
    *why = "that many are not possible";
    if (!count || count > port->vf_max)
        return -EINVAL;
    *why = "there is no memory";
    s = sriov_create(e, count);
    if (!s)
        return -ENOMEM;
    *why = "the PF does not start again with pools";
    e->sriov = s;
    err = intel_pf_restart(&e->f, &master, (uint16_t)count, (uint16_t)queues_per_pool(count));
    if (err)
        goto fail;
    err = pci_sriov_enable(e->f.device.pci, count, unisolated, why);
    if (err)
        goto fail;
    port->vf_count = count;
    return 0;
fail:
    no_vfs(e); /* a port that does not start says so itself */
    return err;
}

static void sriov_disable(struct port *port)
{
    struct ixgbe *e = port->priv;
    if (!e->sriov)
        return;
    close(&e->f);
    port->vf_count = 0;
    pci_sriov_disable(e->f.device.pci);
    no_vfs(e);
}

/* Policies ------------------------------------------------------------------------------ */

static int sriov_set(struct port *port, unsigned vf, const struct vf_policy *policy,
                     const char **why)
{
    struct ixgbe *e = port->priv;
    *why = "there is no such VF";
    if (!e->sriov || vf >= vf_count(e))
        return -EINVAL;
    int err = vf_server_set(&e->sriov->server, vf, policy, why);
    if (err || !e->sriov->open) /* configure() will see it */
        return err;
    sriov_program(e);
    put_rates(e);
    return 0;
}

/* The chip counts the FCS. */
static uint64_t bytes_of(uint64_t octets, uint64_t packets)
{
    return octets > ETHERNET_FCS * packets ? octets - ETHERNET_FCS * packets : 0;
}

static void sriov_info(struct port *port, unsigned vf, struct vf_info *info)
{
    struct ixgbe *e = port->priv;
    *info = (struct vf_info){ 0 };
    if (!e->sriov || vf >= vf_count(e))
        return;
    if (e->sriov->open && port->state == PORT_RUNNING)
        collect(e, false);
    const struct intel_wrapping *c = e->sriov->counters[vf];
    vf_server_info(&e->sriov->server, vf, info);
    info->rx_packets = c[RX_PACKETS].total;
    info->rx_bytes = bytes_of(c[RX_OCTETS].total, c[RX_PACKETS].total);
    info->rx_multicast = c[RX_MULTICAST].total;
    info->tx_packets = c[TX_PACKETS].total;
    info->tx_bytes = bytes_of(c[TX_OCTETS].total, c[TX_PACKETS].total);
}

unsigned ixgbe_vfs_max(const struct ixgbe *e)
{
    const struct pci_sriov *s = e->f.device.pci->sriov;
    unsigned most = s ? s->total_vfs : 0;
    return most < IXGBE_VFS_MAX ? most : IXGBE_VFS_MAX;
}

const struct vf_ops ixgbe_vf_ops = {
    .enable = sriov_enable, .disable = sriov_disable, .set = sriov_set, .info = sriov_info
};
