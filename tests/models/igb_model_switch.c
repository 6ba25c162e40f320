/* igb_model_switch.c - filters, pools and the switch of the igb model: 82576 DS 7.1.1 (filters),
 * 7.10.3 (pools, switching, anti-spoofing), 8.14.
 *
 * Order of a frame from the wire, with pools: length, VLAN table (VFTA), pools by address,
 * pools by VLAN (VLVF, AUPE), default pool, VFRE, length per pool, queue, buffers. */
#include "tests/models/igb_model_internal.h"

#include <string.h>

/* FIFOs ---------------------------------------------------------------------- */

bool igb_model_fifo_put(struct igb_model_fifo *fifo, const uint8_t *bytes, uint32_t length)
{
    unsigned at = (fifo->first + fifo->count) % IGB_MODEL_FIFO;
    if (fifo->count == IGB_MODEL_FIFO || length > IGB_MODEL_FRAME)
        return false;
    memcpy(fifo->bytes[at], bytes, length);
    fifo->length[at] = (uint16_t)length;
    fifo->count++;
    return true;
}

uint32_t igb_model_fifo_get(struct igb_model_fifo *fifo, uint8_t *bytes, uint32_t size)
{
    if (!fifo->count)
        return 0;
    uint32_t length = fifo->length[fifo->first];
    length = length < size ? length : size;
    memcpy(bytes, fifo->bytes[fifo->first], length);
    fifo->first = (fifo->first + 1) % IGB_MODEL_FIFO;
    fifo->count--;
    return length;
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

/* 82576 DS 8.10.14: RCTL.MO 0 to 3: the twelve bits start at bit 36, 35, 34 or 32. */
static bool hash_matches(const struct igb_model *m, uint32_t table, const uint8_t *mac)
{
    static const unsigned shifts[] = { 4, 3, 2, 0 };
    uint32_t high = (uint32_t)mac[5] << 8 | mac[4];
    uint32_t pointer = high >> shifts[FIELD_GET(RCTL_MO, igb_get(m, R_RCTL))] & 0xfff;
    return igb_get(m, table + 4 * (pointer >> 5)) >> (pointer & 31) & 1;
}

/* Pools of all exact matches; *any: there was one. */
static uint32_t exact_pools(const struct igb_model *m, const uint8_t *mac, bool *any)
{
    uint32_t pools = 0;
    *any = false;
    for (unsigned i = 0; i < igb_addresses(m); i++) {
        uint32_t low = igb_get(m, R_RAL(i)), high = igb_get(m, R_RAH(i));
        if (!(high & RAH_AV) || memcmp(mac, &low, 4) || memcmp(mac + 4, &high, 2))
            continue;
        pools |= FIELD_GET(RAH_POOLS, high);
        *any = true;
    }
    return pools;
}

static uint32_t pools_with(const struct igb_model *m, uint32_t bit)
{
    uint32_t pools = 0;
    for (unsigned p = 0; p < IGB_MODEL_POOLS; p++)
        pools |= igb_get(m, R_VMOLR(p)) & bit ? 1u << p : 0;
    return pools;
}

static bool vfta_wants(const struct igb_model *m, const struct igb_frame *f)
{
    uint32_t vid = igb_tag(f) & VLVF_VID;
    return !(igb_get(m, R_RCTL) & RCTL_VFE) || !igb_is_tagged(f) ||
           (igb_get(m, R_VFTA(vid / 32)) >> vid % 32 & 1);
}

/* The frame's VLAN in VLVF: pools, and whether it stays inside. */
static uint32_t vlan_pools(const struct igb_model *m, uint32_t vid, bool *local)
{
    uint32_t pools = 0;
    *local = false;
    for (unsigned i = 0; i < VLVF_REGS; i++) {
        uint32_t v = igb_get(m, R_VLVF(i));
        if (!(v & VLVF_ON) || (v & VLVF_VID) != vid)
            continue;
        pools |= FIELD_GET(VLVF_POOLS, v);
        *local |= (v & VLVF_LOCAL) != 0;
    }
    return pools;
}

static bool too_long(uint32_t length, bool lpe, uint32_t most)
{
    return length + FCS > (lpe ? most : SHORT_MAX);
}

static bool chip_too_long(const struct igb_model *m, const struct igb_frame *f)
{
    return too_long(f->length, igb_get(m, R_RCTL) & RCTL_LPE, igb_get(m, R_RLPML));
}

/* Pools (82576 DS 7.10.3.3) ------------------------------------------------------ */

static uint32_t pools_by_address(const struct igb_model *m, const uint8_t *mac)
{
    bool any;
    uint32_t pools = exact_pools(m, mac, &any);
    if (is_broadcast(mac))
        return pools_with(m, VMOLR_BAM);
    if (is_group(mac)) {
        if (hash_matches(m, R_MTA(0), mac))
            pools |= pools_with(m, VMOLR_ROMPE);
        return pools | pools_with(m, VMOLR_MPME);
    }
    if (m->chip == IGB_MODEL_I350)
        return pools | pools_with(m, VMOLR_UPE);
    return any || !hash_matches(m, R_UTA(0), mac) ? pools : pools_with(m, VMOLR_ROPE);
}

static uint32_t pools_by_vlan(const struct igb_model *m, const struct igb_frame *f)
{
    bool local;
    if (!(igb_get(m, R_RCTL) & RCTL_VFE))
        return ALL_POOLS;
    uint32_t any = m->chip == IGB_MODEL_I350 ? pools_with(m, VMOLR_VPE) : 0;
    return igb_is_tagged(f) ? any | vlan_pools(m, igb_tag(f) & VLVF_VID, &local)
                            : pools_with(m, VMOLR_AUPE);
}

static uint32_t default_pool(const struct igb_model *m, const struct igb_frame *f)
{
    bool gated = m->upe_gates && !(igb_get(m, R_RCTL) & RCTL_UPE);
    if ((igb_get(m, R_VT_CTL) & VT_CTL_NO_DEFAULT) || is_group(f->bytes) || gated)
        return 0;
    return 1u << FIELD_GET(VT_CTL_POOL, igb_get(m, R_VT_CTL));
}

/* Without replication a frame goes to one pool alone. */
static uint32_t one_of(const struct igb_model *m, uint32_t pools)
{
    return igb_get(m, R_VT_CTL) & VT_CTL_REPLICATE ? pools : pools & -pools;
}

static uint32_t drop_long_ones(struct igb_model *m, const struct igb_frame *f, uint32_t pools)
{
    uint32_t kept = 0;
    for (unsigned p = 0; p < IGB_MODEL_POOLS; p++) {
        uint32_t vmolr = igb_get(m, R_VMOLR(p));
        if (!too_long(f->length, vmolr & VMOLR_LPE, vmolr & VMOLR_RLPML))
            kept |= pools & 1u << p;
    }
    if (pools && !kept)
        igb_model_count(m, R_ROC, 1);
    return kept;
}

static uint32_t pools_for(struct igb_model *m, const struct igb_frame *f)
{
    uint32_t pools = pools_by_address(m, f->bytes) & pools_by_vlan(m, f);
    if (f->from == ANY_POOL && !pools)
        pools = default_pool(m, f);
    else if (f->from != ANY_POOL && !m->echoes &&
             !(FIELD_GET(SWC_LLE, igb_model_swc(m)) >> f->from & 1))
        pools &= ~(1u << f->from);
    pools &= igb_get(m, R_VFRE);
    return drop_long_ones(m, f, is_group(f->bytes) ? one_of(m, pools) : pools);
}

/* Queues ---------------------------------------------------------------------------- */

/* RETA's entry for the hash, 82576 DS 8.10.17. */
static unsigned rss_queue(const struct igb_model *m, uint32_t hash)
{
    return igb_get(m, R_RETA((hash & 127) / 4)) >> 8 * (hash & 3) & 0xf;
}

/* The dword that hash and fragment checksum share shows the hash with RXCSUM.PCSD only, and RSS
 * wants TUOFLD as well (82575 SDM 5.4.2). */
static void hash_frame(const struct igb_model *m, const struct igb_frame *f, struct igb_rx_how *how)
{
    uint8_t key[40];
    uint32_t mode = igb_get(m, R_MRQC) & MRQC_MODE;
    uint32_t needs = RXCSUM_PCSD | RXCSUM_L4;
    if ((mode != MRQC_RSS && mode != MRQC_VMDQ_RSS) || (igb_get(m, R_RXCSUM) & needs) != needs)
        return;
    igb_model_rss_key(m, key);
    how->hash = igb_model_rss_hash(key, igb_get(m, R_MRQC), f->bytes, f->length, &how->hash_type);
}

static struct igb_rx_how how_of(const struct igb_model *m, const struct igb_frame *f)
{
    struct igb_rx_how how = { .status = igb_model_checksum_status(m, f),
                              .packet_type = igb_model_packet_type(f),
                              .strip_vlan = igb_get(m, R_CTRL) & CTRL_VME,
                              .strip_crc = igb_get(m, R_RCTL) & RCTL_SECRC };
    hash_frame(m, f, &how);
    return how;
}

/* 82576 DS 7.10.3.8: with pools, VMOLR and RPLOLR decide; the I350 has DVMOLR per queue. */
static void pool_strips(const struct igb_model *m, const struct igb_frame *f, unsigned pool,
                        struct igb_rx_how *how)
{
    uint32_t bits = igb_get(m, is_group(f->bytes) ? R_RPLOLR : R_VMOLR(pool));
    if (m->chip == IGB_MODEL_I350)
        bits = igb_get(m, R_RX(pool) + Q_WBL);
    how->strip_vlan = bits & VMOLR_STRVLAN;
    how->strip_crc = bits & VMOLR_STRCRC;
    how->hide_vlan = m->chip == IGB_MODEL_I350 && (bits & DVMOLR_HIDEVLAN);
}

static unsigned pool_queue(const struct igb_model *m, unsigned pool, const struct igb_rx_how *how)
{
    bool rss = (igb_get(m, R_MRQC) & MRQC_MODE) == MRQC_VMDQ_RSS &&
               (igb_get(m, R_VMOLR(pool)) & VMOLR_RSSE);
    return rss && how->hash_type && (rss_queue(m, how->hash) & 1) ? pool + IGB_MODEL_POOLS : pool;
}

/* Receiving ---------------------------------------------------------------------------- */

static void count_received(struct igb_model *m, const struct igb_frame *f)
{
    uint32_t wire = f->length + FCS;
    unsigned size = wire <= 64    ? 0
                    : wire < 128  ? 1
                    : wire < 256  ? 2
                    : wire < 512  ? 3
                    : wire < 1024 ? 4
                                  : 5;
    igb_model_count(m, R_GPRC, 1);
    igb_model_count(m, R_PRC64 + 4 * size, 1);
    if (is_group(f->bytes))
        igb_model_count(m, is_broadcast(f->bytes) ? R_BPRC : R_MPRC, 1);
    igb_model_count_octets(m, R_GORCL, wire);
}

static void count_pool_received(struct igb_model *m, const struct igb_frame *f, unsigned pool)
{
    uint32_t vf = R_PVF(pool), wire = f->length + FCS;
    bool local = f->from != ANY_POOL;
    igb_model_count(m, vf + VF_GPRC, 1);
    igb_model_count(m, vf + VF_GORC, wire);
    if (is_group(f->bytes) && !is_broadcast(f->bytes))
        igb_model_count(m, vf + VF_MPRC, 1);
    if (local) {
        igb_model_count(m, vf + VF_GPRLBC, 1);
        igb_model_count(m, vf + VF_GORLBC, wire);
    }
}

static bool queue_listens(const struct igb_model *m, unsigned pool, unsigned queue)
{
    return m->vf[pool].played || igb_model_queue_on(m, true, queue);
}

static bool queue_fits(struct igb_model *m, unsigned pool, unsigned queue,
                       const struct igb_frame *f)
{
    return m->vf[pool].played ? m->vf[pool].frames.count < IGB_MODEL_FIFO
                              : igb_model_rx_fits(m, queue, f->length + FCS);
}

/* SRRCTL.DROP_EN is the queue's, QDE the PF's word about it. */
static bool queue_drops(const struct igb_model *m, unsigned queue)
{
    return (igb_get(m, R_RX(queue) + Q_SRRCTL) & SRRCTL_DROP) || (igb_get(m, R_QDE) >> queue & 1);
}

static bool play(struct igb_model *m, unsigned pool, const struct igb_frame *f, bool strip)
{
    static uint8_t bytes[IGB_MODEL_FRAME + VLAN_TAG];
    strip = strip && igb_is_tagged(f);
    memcpy(bytes, f->bytes, f->length);
    if (strip)
        memmove(bytes + 12, bytes + 12 + VLAN_TAG, f->length - 12 - VLAN_TAG);
    return igb_model_fifo_put(&m->vf[pool].frames, bytes, f->length - (strip ? VLAN_TAG : 0));
}

/* Into one pool; what it has no room for is dropped and counted (RQDPC, RNBC). */
static bool to_pool(struct igb_model *m, unsigned pool, const struct igb_frame *f,
                    struct igb_rx_how how)
{
    unsigned queue = pool_queue(m, pool, &how);
    pool_strips(m, f, pool, &how);
    if (!queue_listens(m, pool, queue))
        return false;
    if (!queue_fits(m, pool, queue, f)) {
        igb_model_count(m, R_RX(queue) + Q_DROPPED, 1);
        return false;
    }
    bool good = m->vf[pool].played ? play(m, pool, f, how.strip_vlan)
                                   : igb_model_rx_store(m, queue, f, &how);
    if (good)
        count_pool_received(m, f, pool);
    return good;
}

/* A queue without buffers that may not drop holds up everybody behind it. */
static bool blocked(struct igb_model *m, uint32_t pools, const struct igb_frame *f,
                    const struct igb_rx_how *how)
{
    for (unsigned p = 0; p < IGB_MODEL_POOLS; p++) {
        unsigned queue = pool_queue(m, p, how);
        if ((pools >> p & 1) && queue_listens(m, p, queue) && !queue_fits(m, p, queue, f) &&
            !queue_drops(m, queue) && !m->vf[p].played)
            return true;
    }
    return false;
}

/* False: nobody that wanted it took it. */
static bool to_pools(struct igb_model *m, uint32_t pools, const struct igb_frame *f)
{
    struct igb_rx_how how = how_of(m, f);
    bool taken = false;
    if (f->from == ANY_POOL && blocked(m, pools, f, &how)) {
        igb_model_count(m, R_MPC, 1);
        return false;
    }
    for (unsigned p = 0; p < IGB_MODEL_POOLS; p++)
        if (pools >> p & 1)
            taken |= to_pool(m, p, f, how);
    return taken;
}

/* 82576 DS 7.1.1.1, without pools. */
static bool wanted(const struct igb_model *m, const uint8_t *mac)
{
    bool any;
    uint32_t rctl = igb_get(m, R_RCTL);
    exact_pools(m, mac, &any);
    if (is_broadcast(mac) && (rctl & RCTL_BAM))
        return true;
    if (is_group(mac))
        return any || (rctl & RCTL_MPE) || hash_matches(m, R_MTA(0), mac);
    return any || (rctl & RCTL_UPE) || hash_matches(m, R_UTA(0), mac);
}

static bool to_queue(struct igb_model *m, const struct igb_frame *f)
{
    struct igb_rx_how how = how_of(m, f);
    bool rss = (igb_get(m, R_MRQC) & MRQC_MODE) == MRQC_RSS;
    unsigned queue = rss && how.hash_type ? rss_queue(m, how.hash) : 0;
    if (!igb_model_queue_on(m, true, queue))
        return false;
    if (!igb_model_rx_fits(m, queue, f->length + FCS)) {
        igb_model_count(m, queue_drops(m, queue) ? R_RX(queue) + Q_DROPPED : R_MPC, 1);
        return false;
    }
    return igb_model_rx_store(m, queue, f, &how);
}

static bool length_good(struct igb_model *m, const struct igb_frame *f)
{
    bool is_long = chip_too_long(m, f);
    if (f->length + FCS >= WIRE_MIN && !is_long)
        return true;
    igb_model_count(m, R_RLEC, 1);
    igb_model_count(m, is_long ? R_ROC : R_RUC, 1);
    return false;
}

bool igb_model_switch_from_wire(struct igb_model *m, const struct igb_frame *f)
{
    if (igb_is_vt(m)) {
        if (!length_good(m, f) || !vfta_wants(m, f))
            return true;
        uint32_t pools = pools_for(m, f);
        if (!pools)
            return true;
        bool taken = to_pools(m, pools, f);
        if (taken)
            count_received(m, f);
        return taken;
    }
    if (!wanted(m, f->bytes) || !vfta_wants(m, f) || !length_good(m, f))
        return true;
    if (!to_queue(m, f))
        return false;
    count_received(m, f);
    return true;
}

bool igb_model_inject(struct igb_model *m, const uint8_t *frame, uint32_t length)
{
    const struct igb_frame f = { frame, length, ANY_POOL };
    bool quiet = !m->lone && (igb_get(m, R_CTRL) & CTRL_MASTER_OFF);
    if (m->gone || quiet || !(igb_get(m, R_RCTL) & RCTL_EN) || !igb_link_up(m))
        return false;
    igb_model_count(m, R_TPR, 1);
    igb_model_count_octets(m, R_TORL, length + FCS);
    return igb_model_switch_from_wire(m, &f);
}

/* Sending --------------------------------------------------------------------------------- */

static void count_sent(struct igb_model *m, const struct igb_frame *f)
{
    uint32_t wire = f->length + FCS;
    unsigned size = wire <= 64    ? 0
                    : wire < 128  ? 1
                    : wire < 256  ? 2
                    : wire < 512  ? 3
                    : wire < 1024 ? 4
                                  : 5;
    igb_model_count(m, R_GPTC, 1);
    igb_model_count(m, R_TPT, 1);
    igb_model_count(m, R_PTC64 + 4 * size, 1);
    if (is_group(f->bytes))
        igb_model_count(m, is_broadcast(f->bytes) ? R_BPTC : R_MPTC, 1);
    igb_model_count_octets(m, R_GOTCL, wire);
    igb_model_count_octets(m, R_TOTL, wire);
}

static void count_pool_sent(struct igb_model *m, const struct igb_frame *f, bool local)
{
    uint32_t vf = R_PVF(f->from), wire = f->length + FCS;
    igb_model_count(m, vf + VF_GPTC, 1);
    igb_model_count(m, vf + VF_GOTC, wire);
    if (local) {
        igb_model_count(m, vf + VF_GPTLBC, 1);
        igb_model_count(m, vf + VF_GOTLBC, wire);
    }
}

/* The I350 tells the queue, and with malicious-driver detection stops it unless told not to. */
static void spoof_of_i350(struct igb_model *m, unsigned queue)
{
    igb_model_count(m, R_SSVPC, 1);
    if (!(igb_get(m, R_DTXCTL) & DTXCTL_SPOOF_QUEUE))
        igb_model_malicious(m, queue);
    *igb_at(m, R_LVMMC) = FIELD_PUT(LVMMC_QUEUE, queue) | LVMMC_SPOOF;
}

/* Anti-spoofing (82576 DS 7.10.3.9): a source MAC or a VLAN that is not the pool's. */
static bool spoofed(struct igb_model *m, unsigned queue, const struct igb_frame *f)
{
    bool any, local, wrong = false;
    uint32_t swc = igb_model_swc(m);
    if (FIELD_GET(SWC_MAC_SPOOF, swc) >> f->from & 1)
        wrong = !(exact_pools(m, f->bytes + MAC_LEN, &any) >> f->from & 1);
    if ((FIELD_GET(SWC_VLAN_SPOOF, swc) >> f->from & 1) && igb_is_tagged(f))
        wrong |= !(vlan_pools(m, igb_tag(f) & VLVF_VID, &local) >> f->from & 1);
    if (!wrong)
        return false;
    *igb_at(m, R_WVBR) |= 1u << queue;
    if (m->chip == IGB_MODEL_I350)
        spoof_of_i350(m, queue);
    return true;
}

static void insert_tag(const struct igb_frame *f, uint16_t tag, uint8_t *bytes)
{
    memcpy(bytes, f->bytes, 12);
    bytes[12] = 0x81;
    bytes[13] = 0;
    bytes[14] = (uint8_t)(tag >> 8);
    bytes[15] = (uint8_t)tag;
    memcpy(bytes + 16, f->bytes + 12, f->length - 12);
}

/* VMVIR (82576 DS 8.14.15): the pool's tag, none, or what the descriptor asked for. */
static uint16_t tag_to_insert(const struct igb_model *m, unsigned pool, uint16_t asked)
{
    uint32_t vmvir = igb_get(m, R_VMVIR(pool));
    if (!igb_is_vt(m))
        return asked;
    if (vmvir & VMVIR_ALWAYS)
        return vmvir & VMVIR_VLAN;
    return vmvir & VMVIR_NEVER ? 0 : asked;
}

/* To other pools, and whether it goes on to the wire: a known unicast address that is inside
 * stays inside, as does a local VLAN (82576 DS 7.10.3.6). */
static bool switch_inside(struct igb_model *m, const struct igb_frame *f, bool *outside)
{
    bool any, local_vlan = false;
    *outside = true;
    if (!(igb_model_swc(m) & SWC_LOOPBACK))
        return false;
    if (igb_is_tagged(f))
        vlan_pools(m, igb_tag(f) & VLVF_VID, &local_vlan);
    uint32_t known = exact_pools(m, f->bytes, &any) & pools_by_vlan(m, f);
    uint32_t pools = vfta_wants(m, f) && !chip_too_long(m, f) ? pools_for(m, f) : 0;
    *outside = !local_vlan && (is_group(f->bytes) || !known);
    return (igb_get(m, R_RCTL) & RCTL_EN) && pools && to_pools(m, pools, f);
}

bool igb_model_switch_from_queue(struct igb_model *m, unsigned queue, const struct igb_frame *frame,
                                 uint16_t vlan)
{
    static uint8_t tagged[IGB_MODEL_FRAME + 2 * VLAN_TAG];
    struct igb_frame f = *frame;
    bool outside = true, inside = false;
    uint16_t tag = tag_to_insert(m, f.from, vlan);
    if (tag) {
        insert_tag(frame, tag, tagged);
        f.bytes = tagged;
        f.length += VLAN_TAG;
    }
    if (igb_is_vt(m)) {
        if (spoofed(m, queue, &f))
            return false;
        inside = switch_inside(m, &f, &outside);
        count_pool_sent(m, &f, inside);
    }
    if (outside) {
        igb_model_fifo_put(&m->wire, f.bytes, f.length);
        count_sent(m, &f);
    }
    return outside || inside;
}

bool igb_model_vf_transmit(struct igb_model *m, unsigned vf, const uint8_t *frame, uint32_t length,
                           uint16_t vlan)
{
    static uint8_t padded[WIRE_MIN];
    struct igb_frame f = { frame, length, vf };
    bool pool_on = !igb_is_vt(m) || (igb_get(m, R_VFTE) >> vf & 1);
    if (!(igb_get(m, R_TCTL) & TCTL_EN) || !igb_link_up(m) || !pool_on || m->tx[vf].held)
        return false;
    if (length < WIRE_MIN - FCS) {
        memset(padded, 0, sizeof padded);
        memcpy(padded, frame, length);
        f.bytes = padded;
        f.length = WIRE_MIN - FCS;
    }
    return igb_model_switch_from_queue(m, vf, &f, vlan);
}

uint32_t igb_model_vf_take(struct igb_model *m, unsigned vf, uint8_t *frame, uint32_t size)
{
    while (!m->vf[vf].frames.count && m->wire.count < IGB_MODEL_FIFO && igb_model_tx_next(m))
        ;
    return igb_model_fifo_get(&m->vf[vf].frames, frame, size);
}

uint32_t igb_model_take(struct igb_model *m, uint8_t *frame, uint32_t size)
{
    while (!m->wire.count && igb_model_tx_next(m))
        ;
    return igb_model_fifo_get(&m->wire, frame, size);
}

unsigned igb_model_run(struct igb_model *m)
{
    unsigned n = 0;
    while (m->wire.count < IGB_MODEL_FIFO && igb_model_tx_next(m))
        n++;
    return n;
}
