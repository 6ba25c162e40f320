/* ixgbe_model_switch.c - filters, pools and the switch of the ixgbe model.
 *
 * Order of a frame from the wire, with pools: length, VLAN table (VFTA), pools by address (MPSAR),
 * pools by VLAN (PFVLVF, AUPE), default pool, VFRE, queue, buffers.  Witnesses: what Linux ixgbe
 * and DPDK program; the same chapter of the 82576's datasheet (7.10.3), whose successor it is;
 * unread: 82599 DS 7.10.3. */
#include "tests/models/intel_seen.h"
#include "tests/models/ixgbe_model_internal.h"

#include <string.h>

#define ALL_POOLS UINT64_MAX

/* FIFOs ---------------------------------------------------------------------- */

static void ring_copy(struct ixgbe_model_fifo *fifo, uint32_t at, void *bytes, uint32_t n, bool in)
{
    uint8_t *b = bytes;
    for (uint32_t done = 0, k; done < n; done += k) {
        uint32_t from = (at + done) % fifo->size;
        k = n - done < fifo->size - from ? n - done : fifo->size - from;
        if (in)
            memcpy(fifo->bytes + from, b + done, k);
        else
            memcpy(b + done, fifo->bytes + from, k);
    }
}

bool ixgbe_model_fifo_put(struct ixgbe_model_fifo *fifo, const uint8_t *bytes, uint32_t length)
{
    uint32_t at = fifo->first + fifo->used;
    if (fifo->used + 4 + length > fifo->size)
        return false;
    ring_copy(fifo, at, &length, 4, true);
    ring_copy(fifo, at + 4, (void *)(uintptr_t)bytes, length, true);
    fifo->used += 4 + length;
    fifo->count++;
    return true;
}

uint32_t ixgbe_model_fifo_get(struct ixgbe_model_fifo *fifo, uint8_t *bytes, uint32_t size)
{
    uint32_t length;
    if (!fifo->count)
        return 0;
    ring_copy(fifo, fifo->first, &length, 4, false);
    ring_copy(fifo, fifo->first + 4, bytes, length < size ? length : size, false);
    fifo->first = (fifo->first + 4 + length) % fifo->size;
    fifo->used -= 4 + length;
    fifo->count--;
    return length < size ? length : size;
}

/* Filters --------------------------------------------------------------------- */

static bool is_group(const uint8_t *mac)
{
    return mac[0] & 1;
}

static bool is_broadcast(const uint8_t *mac)
{
    static const uint8_t all[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };
    return !memcmp(mac, all, MAC_LEN);
}

/* MCSTCTRL.MO 0 to 3: the twelve bits start at bit 36, 35, 34 or 32. */
static bool hash_matches(const struct ixgbe_model *m, uint32_t table, const uint8_t *mac)
{
    static const unsigned shifts[] = { 4, 3, 2, 0 };
    uint32_t high = (uint32_t)mac[5] << 8 | mac[4];
    uint32_t pointer = high >> shifts[ixgbe_get(m, R_MCSTCTRL) & MCSTCTRL_MO] & 0xfff;
    return ixgbe_get(m, table + 4 * (pointer >> 5)) >> (pointer & 31) & 1;
}

static bool in_multicast_table(const struct ixgbe_model *m, const uint8_t *mac)
{
    return (ixgbe_get(m, R_MCSTCTRL) & MCSTCTRL_MFE) && hash_matches(m, R_MTA(0), mac);
}

/* Pools of all exact matches; *any: there was one. */
static uint64_t exact_pools(const struct ixgbe_model *m, const uint8_t *mac, bool *any)
{
    uint64_t pools = 0;
    *any = false;
    for (unsigned i = 0; i < IXGBE_MODEL_ADDRESSES; i++) {
        uint32_t low = ixgbe_get(m, R_RAL(i)), high = ixgbe_get(m, R_RAH(i));
        if (!(high & RAH_AV) || memcmp(mac, &low, 4) || memcmp(mac + 4, &high, 2))
            continue;
        pools |= ixgbe_pools(m, R_MPSAR(i, 0), R_MPSAR(i, 1));
        *any = true;
    }
    return pools;
}

static uint64_t pools_with(const struct ixgbe_model *m, uint32_t bit)
{
    uint64_t pools = 0;
    for (unsigned p = 0; p < IXGBE_MODEL_POOLS; p++)
        pools |= ixgbe_get(m, R_PFVML2FLT(p)) & bit ? 1ull << p : 0;
    return pools;
}

static bool vlan_filter_on(const struct ixgbe_model *m)
{
    return ixgbe_get(m, R_VLNCTRL) & VLNCTRL_VFE;
}

static bool vfta_wants(const struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    return !vlan_filter_on(m) || !ixgbe_is_tagged(f) ||
           ixgbe_bit(m, R_VFTA(0), ixgbe_tag(f) & VLVF_VID);
}

static uint64_t vlan_pools(const struct ixgbe_model *m, uint32_t vid)
{
    uint64_t pools = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint32_t v = ixgbe_get(m, R_PFVLVF(i));
        if ((v & VLVF_ON) && (v & VLVF_VID) == vid)
            pools |= ixgbe_pools(m, R_PFVLVFB(i, 0), R_PFVLVFB(i, 1));
    }
    return pools;
}

/* A tag is not counted; MAXFRS counts with jumbo frames alone. */
static bool too_long(const struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    bool jumbo = ixgbe_get(m, R_HLREG0) & HLREG0_JUMBO;
    uint32_t most = jumbo ? ixgbe_get(m, R_MAXFRS) >> 16 : SHORT_MAX;
    return f->length + FCS > most + (ixgbe_is_tagged(f) ? VLAN_TAG : 0);
}

/* Pools --------------------------------------------------------------------------- */

static uint64_t pools_by_address(const struct ixgbe_model *m, const uint8_t *mac)
{
    bool any;
    uint64_t pools = exact_pools(m, mac, &any);
    if (is_broadcast(mac))
        return pools_with(m, L2FLT_BAM);
    if (is_group(mac)) {
        if (in_multicast_table(m, mac))
            pools |= pools_with(m, L2FLT_ROMPE);
        return pools | pools_with(m, L2FLT_MPE);
    }
    if (ixgbe_is_x540(m))
        pools |= pools_with(m, L2FLT_UPE);
    return any || !hash_matches(m, R_UTA(0), mac) ? pools : pools | pools_with(m, L2FLT_ROPE);
}

static uint64_t pools_by_vlan(const struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    uint64_t any = ixgbe_is_x540(m) ? pools_with(m, L2FLT_VPE) : 0;
    if (!vlan_filter_on(m))
        return ALL_POOLS;
    return ixgbe_is_tagged(f) ? any | vlan_pools(m, ixgbe_tag(f) & VLVF_VID)
                              : pools_with(m, L2FLT_AUPE);
}

static uint64_t default_pool(const struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    uint32_t ctl = ixgbe_get(m, R_PFVTCTL);
    bool unknown = !is_group(f->bytes) && (ixgbe_get(m, R_FCTRL) & FCTRL_UPE);
    bool group =
        is_group(f->bytes) && !is_broadcast(f->bytes) && (ixgbe_get(m, R_FCTRL) & FCTRL_MPE);
    if ((ctl & PFVTCTL_NO_DEFAULT) || (!unknown && !group))
        return 0;
    return 1ull << FIELD_GET(PFVTCTL_POOL, ctl);
}

/* Without replication a frame goes to one pool alone. */
static uint64_t one_of(const struct ixgbe_model *m, uint64_t pools)
{
    return ixgbe_get(m, R_PFVTCTL) & PFVTCTL_REPLICATE ? pools : pools & -pools;
}

static uint64_t pools_for(struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    uint64_t pools = pools_by_address(m, f->bytes) & pools_by_vlan(m, f);
    if (f->from == ANY_POOL && !pools)
        pools = default_pool(m, f);
    else if (f->from != ANY_POOL && !ixgbe_bit(m, R_PFVMTXSW(0), f->from))
        pools &= ~(1ull << f->from);
    pools &= ixgbe_pools(m, R_VFRE(0), R_VFRE(1));
    return is_group(f->bytes) ? one_of(m, pools) : pools;
}

/* Queues ---------------------------------------------------------------------------- */

static unsigned rss_queue(const struct ixgbe_model *m, uint32_t hash)
{
    return ixgbe_get(m, R_RETA((hash & 127) / 4)) >> 8 * (hash & 3) & 0xf;
}

static bool mode_hashes(uint32_t mode)
{
    return mode == MRQC_RSS || mode == MRQC_VMDQ_RSS32 || mode == MRQC_VMDQ_RSS64;
}

/* The dword that hash and fragment checksum share shows the hash with RXCSUM.PCSD only. */
static void hash_frame(const struct ixgbe_model *m, const struct ixgbe_frame *f,
                       struct ixgbe_rx_how *how)
{
    uint8_t key[40];
    uint32_t mrqc = ixgbe_get(m, R_MRQC);
    if (!mode_hashes(mrqc & MRQC_MODE))
        return;
    for (uint32_t i = 0; i < 40; i++)
        key[i] = (uint8_t)(ixgbe_get(m, R_RSSRK(i / 4)) >> 8 * (i % 4));
    how->hash = intel_seen_hash(key, mrqc, f->bytes, f->length, &how->hash_type);
}

static struct ixgbe_rx_how how_of(const struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    struct ixgbe_rx_how how = { .packet_type = intel_seen_type(f->bytes, f->length),
                                .strip_crc = ixgbe_get(m, R_HLREG0) & HLREG0_RXCRCSTRP };
    uint32_t seen = intel_seen_checksums(f->bytes, f->length, true, true);
    /* verdicts lie one bit higher than the 82576's: IPE 31, L4E 30 */
    how.status = (seen & 0x000fffff) | (seen & 0xfff00000) << 1;
    hash_frame(m, f, &how);
    return how;
}

static unsigned pool_queue(const struct ixgbe_model *m, unsigned pool, struct ixgbe_rx_how *how)
{
    unsigned per_pool = ixgbe_model_queues_per_pool(m);
    unsigned most = 1u << FIELD_GET(PSRTYPE_RQPL, ixgbe_get(m, R_PSRTYPE(pool)));
    most = most < per_pool ? most : per_pool;
    bool rss = mode_hashes(ixgbe_get(m, R_MRQC) & MRQC_MODE) && how->hash_type;
    return (pool * per_pool + (rss ? rss_queue(m, how->hash) % most : 0)) % IXGBE_MODEL_QUEUES;
}

/* Receiving ---------------------------------------------------------------------------- */

static unsigned size_class(uint32_t wire)
{
    return wire <= 64 ? 0 : wire < 128 ? 1 : wire < 256 ? 2 : wire < 512 ? 3 : wire < 1024 ? 4 : 5;
}

/* DPDK knows the chip so: where it takes the FCS off, GORC and QBRC are without it, TOR with it. */
static uint32_t octets_kept(const struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    return f->length + (ixgbe_get(m, R_HLREG0) & HLREG0_RXCRCSTRP ? 0 : FCS);
}

static void count_received(struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    uint32_t wire = f->length + FCS;
    ixgbe_model_count(m, R_GPRC, 1);
    ixgbe_model_count(m, R_RXNFGPC, 1);
    ixgbe_model_count_octets(m, R_RXNFGPC + 4, wire);
    ixgbe_model_count(m, R_PRC64 + 4 * size_class(wire), 1);
    ixgbe_model_count_octets(m, R_GORCL, octets_kept(m, f));
    if (is_group(f->bytes))
        ixgbe_model_count(m, is_broadcast(f->bytes) ? R_BPRC : R_MPRC, 1);
}

static void count_queue(struct ixgbe_model *m, unsigned queue, const struct ixgbe_frame *f)
{
    unsigned n = ixgbe_model_counter_of(m, R_RQSMR(0), queue);
    ixgbe_model_count(m, R_RXDGPC, 1);
    ixgbe_model_count_octets(m, R_RXDGPC + 4, f->length + FCS);
    ixgbe_model_count(m, R_QPRC(n), 1);
    ixgbe_model_count_octets(m, R_QBRC(n), octets_kept(m, f));
}

static void count_pool(struct ixgbe_model *m, unsigned pool, const struct ixgbe_frame *f)
{
    struct ixgbe_model_vf *vf = &m->vf[pool];
    vf->packets_in++;
    vf->bytes_in += f->length + FCS;
    vf->multicasts_in += is_group(f->bytes) && !is_broadcast(f->bytes);
}

static bool queue_drops(const struct ixgbe_model *m, unsigned queue)
{
    return ixgbe_get(m, R_RX(queue) + Q_SRRCTL) & SRRCTL_DROP;
}

static bool queue_fits(struct ixgbe_model *m, unsigned pool, unsigned queue,
                       const struct ixgbe_frame *f)
{
    const struct ixgbe_model_fifo *fifo = &m->vf[pool % IXGBE_MODEL_VFS].frames;
    if (ixgbe_is_vt(m) && m->vf[pool].played)
        return fifo->used + 4 + f->length + VLAN_TAG <= fifo->size;
    return ixgbe_model_rx_fits(m, queue, f->length + FCS);
}

static void count_dropped(struct ixgbe_model *m, unsigned queue)
{
    unsigned n = ixgbe_model_counter_of(m, R_RQSMR(0), queue);
    ixgbe_model_count(m, queue_drops(m, queue) ? R_QPRDC(n) : R_MPC(0), 1);
    if (!queue_drops(m, queue))
        ixgbe_model_irq_cause(m, EICR_MISS);
}

static bool to_queue(struct ixgbe_model *m, unsigned queue, const struct ixgbe_frame *f,
                     const struct ixgbe_rx_how *how)
{
    if (!ixgbe_model_queue_on(m, true, queue))
        return false;
    if (!ixgbe_model_rx_fits(m, queue, f->length + FCS)) {
        count_dropped(m, queue);
        return false;
    }
    if (!ixgbe_model_rx_store(m, queue, f, how))
        return false;
    count_queue(m, queue, f);
    return true;
}

/* One copy to one pool; what it has no room for is dropped and counted. */
static bool to_pool(struct ixgbe_model *m, unsigned pool, const struct ixgbe_frame *f,
                    struct ixgbe_rx_how how)
{
    bool good = m->vf[pool].played ? ixgbe_model_fifo_put(&m->vf[pool].frames, f->bytes, f->length)
                                   : to_queue(m, pool_queue(m, pool, &how), f, &how);
    if (good)
        count_pool(m, pool, f);
    return good;
}

/* A queue without buffers that may not drop holds up everybody behind it. */
static bool blocked(struct ixgbe_model *m, uint64_t pools, const struct ixgbe_frame *f,
                    struct ixgbe_rx_how *how)
{
    for (unsigned p = 0; p < IXGBE_MODEL_POOLS; p++) {
        unsigned queue = pool_queue(m, p, how);
        bool listens = m->vf[p].played || ixgbe_model_queue_on(m, true, queue);
        if ((pools >> p & 1) && listens && !queue_fits(m, p, queue, f) &&
            (m->patient || (!queue_drops(m, queue) && !m->vf[p].played)))
            return true;
    }
    return false;
}

/* False: nobody that wanted it took it. */
static bool to_pools(struct ixgbe_model *m, uint64_t pools, const struct ixgbe_frame *f)
{
    struct ixgbe_rx_how how = how_of(m, f);
    bool taken = false;
    if (f->from == ANY_POOL && blocked(m, pools, f, &how)) {
        m->waits = m->patient;
        if (!m->patient)
            ixgbe_model_count(m, R_MPC(0), 1);
        return false;
    }
    for (unsigned p = 0; p < IXGBE_MODEL_POOLS; p++)
        if (pools >> p & 1)
            taken |= to_pool(m, p, f, how);
    return taken;
}

/* Without pools. */
static bool wanted(const struct ixgbe_model *m, const uint8_t *mac)
{
    bool any;
    uint32_t fctrl = ixgbe_get(m, R_FCTRL);
    exact_pools(m, mac, &any);
    if (is_broadcast(mac))
        return any || (fctrl & FCTRL_BAM);
    if (is_group(mac))
        return any || (fctrl & FCTRL_MPE) || in_multicast_table(m, mac);
    return any || (fctrl & FCTRL_UPE) || hash_matches(m, R_UTA(0), mac);
}

static bool to_some_queue(struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    struct ixgbe_rx_how how = how_of(m, f);
    unsigned queue = how.hash_type ? rss_queue(m, how.hash) : 0;
    m->waits = m->patient && ixgbe_model_queue_on(m, true, queue) && !queue_fits(m, 0, queue, f);
    if (m->waits)
        return false;
    return to_queue(m, queue, f, &how);
}

static bool length_good(struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    bool is_long = too_long(m, f);
    if (f->length + FCS >= WIRE_MIN && !is_long)
        return true;
    ixgbe_model_count(m, R_RLEC, 1);
    ixgbe_model_count(m, is_long ? R_ROC : R_RUC, 1);
    return false;
}

static bool from_wire(struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    if (ixgbe_is_vt(m)) {
        if (!length_good(m, f) || !vfta_wants(m, f))
            return true;
        uint64_t pools = pools_for(m, f);
        if (!pools)
            return true;
        bool taken = to_pools(m, pools, f);
        if (taken)
            count_received(m, f);
        return taken;
    }
    if (!wanted(m, f->bytes) || !vfta_wants(m, f) || !length_good(m, f))
        return true;
    if (!to_some_queue(m, f))
        return false;
    count_received(m, f);
    return true;
}

bool ixgbe_model_inject(struct ixgbe_model *m, const uint8_t *frame, uint32_t length)
{
    const struct ixgbe_frame f = { frame, length, ANY_POOL };
    bool quiet = !m->lone && (ixgbe_get(m, R_CTRL) & CTRL_MASTER_OFF);
    bool stopped = ixgbe_get(m, R_SECRXCTRL) & SECRXCTRL_RX_DIS;
    if (m->gone || quiet || stopped || length < 14 || !(ixgbe_get(m, R_RXCTRL) & RXCTRL_EN) ||
        !m->cable || m->no_module)
        return m->patient;
    m->waits = false;
    bool taken = from_wire(m, &f);
    if (m->waits)
        return false;
    ixgbe_model_count(m, R_TPR, 1);
    ixgbe_model_count_octets(m, R_TORL, length + FCS);
    return taken || m->patient;
}

/* Sending --------------------------------------------------------------------------------- */

static void count_sent(struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    uint32_t wire = f->length + FCS;
    ixgbe_model_count(m, R_GPTC, 1);
    ixgbe_model_count(m, R_TPT, 1);
    ixgbe_model_count(m, R_PTC64 + 4 * size_class(wire), 1);
    if (is_group(f->bytes))
        ixgbe_model_count(m, is_broadcast(f->bytes) ? R_BPTC : R_MPTC, 1);
    ixgbe_model_count_octets(m, R_GOTCL, wire);
}

/* Anti-spoofing: a source MAC or a VLAN that is not the pool's.  Bits 0 to 7 of a register are
 * eight pools' MACs, bits 8 to 15 their VLANs. */
static bool spoofed(struct ixgbe_model *m, const struct ixgbe_frame *f)
{
    bool any, wrong = false;
    uint32_t bits = ixgbe_get(m, R_PFVFSPOOF(f->from / 8));
    if (bits >> f->from % 8 & 1)
        wrong = !(exact_pools(m, f->bytes + MAC_LEN, &any) >> f->from & 1);
    if ((bits >> (8 + f->from % 8) & 1) && ixgbe_is_tagged(f))
        wrong |= !(vlan_pools(m, ixgbe_tag(f) & VLVF_VID) >> f->from & 1);
    if (wrong && ixgbe_get(m, R_VMECM(f->from / 32)) >> f->from % 32 & 1)
        ixgbe_model_count(m, R_SSVPC, 1);
    return wrong;
}

static void insert_tag(const struct ixgbe_frame *f, uint16_t tag, uint8_t *bytes)
{
    memcpy(bytes, f->bytes, 12);
    bytes[12] = 0x81;
    bytes[13] = 0;
    bytes[14] = (uint8_t)(tag >> 8);
    bytes[15] = (uint8_t)tag;
    memcpy(bytes + 16, f->bytes + 12, f->length - 12);
}

/* PFVMVIR: the pool's tag, none, or what the descriptor asked for. */
static uint16_t tag_to_insert(const struct ixgbe_model *m, unsigned pool, uint16_t asked)
{
    uint32_t vmvir = ixgbe_get(m, R_PFVMVIR(pool % 64));
    if (!ixgbe_is_vt(m))
        return asked;
    if (vmvir & VMVIR_ALWAYS)
        return vmvir & VMVIR_VLAN;
    return vmvir & VMVIR_NEVER ? 0 : asked;
}

/* To other pools, and whether it goes on to the wire: a known unicast address that is inside
 * stays inside. */
static bool switch_inside(struct ixgbe_model *m, const struct ixgbe_frame *f, bool *outside)
{
    bool any;
    *outside = true;
    if (!(ixgbe_get(m, R_PFDTXGSWC) & SWC_LOOPBACK))
        return false;
    uint64_t known = exact_pools(m, f->bytes, &any) & pools_by_vlan(m, f);
    uint64_t pools = vfta_wants(m, f) && !too_long(m, f) ? pools_for(m, f) : 0;
    *outside = is_group(f->bytes) || !known;
    return (ixgbe_get(m, R_RXCTRL) & RXCTRL_EN) && pools && to_pools(m, pools, f);
}

bool ixgbe_model_switch_from_pool(struct ixgbe_model *m, const struct ixgbe_frame *frame,
                                  uint16_t vlan)
{
    static uint8_t tagged[IXGBE_MODEL_FRAME + 2 * VLAN_TAG];
    struct ixgbe_frame f = *frame;
    bool outside = true, inside = false;
    uint16_t tag = tag_to_insert(m, f.from, vlan);
    if (tag) {
        insert_tag(frame, tag, tagged);
        f.bytes = tagged;
        f.length += VLAN_TAG;
    }
    if (ixgbe_is_vt(m)) {
        if (spoofed(m, &f))
            return false;
        inside = switch_inside(m, &f, &outside);
        m->vf[f.from].packets_out++;
        m->vf[f.from].bytes_out += f.length + FCS;
    }
    ixgbe_model_count(m, R_TXDGPC, 1);
    ixgbe_model_count_octets(m, R_TXDGPC + 4, f.length + FCS);
    if (ixgbe_get(m, R_HLREG0) & HLREG0_LPBK) {
        struct ixgbe_frame back = { f.bytes, f.length, ANY_POOL };
        return from_wire(m, &back);
    }
    if (outside && ixgbe_model_fifo_put(&m->wire, f.bytes, f.length))
        count_sent(m, &f);
    return outside || inside;
}

bool ixgbe_model_vf_transmit(struct ixgbe_model *m, unsigned vf, const uint8_t *frame,
                             uint32_t length, uint16_t vlan)
{
    static uint8_t padded[WIRE_MIN];
    struct ixgbe_frame f = { frame, length, vf };
    unsigned queue = vf * ixgbe_model_queues_per_pool(m) % IXGBE_MODEL_QUEUES;
    bool pool_on = !ixgbe_is_vt(m) || ixgbe_bit(m, R_VFTE(0), vf);
    if (!(ixgbe_get(m, R_DMATXCTL) & DMATXCTL_TE) || !ixgbe_link_up(m) || !pool_on ||
        m->tx[queue].held)
        return false;
    if (length < WIRE_MIN - FCS) {
        memset(padded, 0, sizeof padded);
        memcpy(padded, frame, length);
        f.bytes = padded;
        f.length = WIRE_MIN - FCS;
    }
    return ixgbe_model_switch_from_pool(m, &f, vlan);
}

uint32_t ixgbe_model_vf_take(struct ixgbe_model *m, unsigned vf, uint8_t *frame, uint32_t size)
{
    while (!m->vf[vf].frames.count && ixgbe_model_tx_next(m))
        ;
    return ixgbe_model_fifo_get(&m->vf[vf].frames, frame, size);
}

uint32_t ixgbe_model_take(struct ixgbe_model *m, uint8_t *frame, uint32_t size)
{
    while (!m->wire.count && ixgbe_model_tx_next(m))
        ;
    return ixgbe_model_fifo_get(&m->wire, frame, size);
}

unsigned ixgbe_model_run(struct ixgbe_model *m)
{
    unsigned n = 0;
    while (ixgbe_model_tx_next(m))
        n++;
    return n;
}
