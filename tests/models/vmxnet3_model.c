/* vmxnet3_model.c - the device's side of nic/vmxnet3 (vmxnet3_model.h).
 *
 * Not modelled, and never used by the driver: interrupts, data rings, checksum insertion,
 * segmentation, LRO, wake-up, revisions above 4. */
#include "tests/models/vmxnet3_model.h"

#include "kernel/endian.h"
#include "tests/host/host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FRAME_BYTES 16384u
#define TX_DESCS_MAX 16u /* of a frame: Linux, DPDK */
#define HEAD_MIN 128u    /* a buffer for first bytes: VMXNET3_MIN_T0_BUF_SIZE */
#define MTU_MIN_DEVICE 60u
#define RING_ALIGN 512u
#define QUEUES_ALIGN 128u

enum { UCAST_PKTS = 2, MCAST_PKTS = 4, BCAST_PKTS = 6, OUT_OF_BUF = 8, RX_ERROR = 9 };

static void violation(struct vmxnet3_model *m, const char *what, uint64_t value)
{
    if (!m->quiet)
        fprintf(stderr, "vmxnet3 model: %s (value %" PRIx64 ")\n", what, value);
    m->violations++;
}

unsigned vmxnet3_model_violations(const struct vmxnet3_model *m)
{
    return m->violations + m->device.dma_refused;
}

/* Memory ------------------------------------------------------------------------ */

static bool dma_read(struct vmxnet3_model *m, uint64_t iova, void *to, size_t n)
{
    return !pcispace_dma_read(&m->device, iova, to, n);
}

static bool dma_write(struct vmxnet3_model *m, uint64_t iova, const void *from, size_t n)
{
    return !pcispace_dma_write(&m->device, iova, from, n);
}

static bool read_shared(struct vmxnet3_model *m, struct vmxnet3_shared *s)
{
    if (m->shared && dma_read(m, m->shared, s, sizeof *s))
        return true;
    violation(m, "a command that needs the shared area, and none", m->shared);
    return false;
}

static void set_event(struct vmxnet3_model *m, uint32_t event, bool on)
{
    uint32_t events;
    uint64_t at = m->shared + offsetof(struct vmxnet3_shared, events);
    if (!m->active || !dma_read(m, at, &events, sizeof events))
        return;
    events = on ? events | event : events & ~event;
    dma_write(m, at, &events, sizeof events);
}

/* Activation ---------------------------------------------------------------------- */

static bool is_zero(const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    for (size_t i = 0; i < n; i++)
        if (b[i])
            return false;
    return true;
}

static void check_shared(struct vmxnet3_model *m, const struct vmxnet3_shared *s)
{
    if (s->magic != VMXNET3_MAGIC || s->revisions != 1 || s->upt_versions != 1)
        violation(m, "magic or versions", s->magic);
    if (s->mtu < MTU_MIN_DEVICE || s->mtu > VMXNET3_MTU_MAX)
        violation(m, "MTU", s->mtu);
    if (!s->tx_queues || s->tx_queues > VMXNET3_TX_QUEUES_MAX || !s->rx_queues ||
        s->rx_queues > VMXNET3_RX_QUEUES_MAX)
        violation(m, "number of queues", s->rx_queues);
    if (s->queues % QUEUES_ALIGN || s->queues_length != 256u * (s->tx_queues + s->rx_queues))
        violation(m, "queue descriptors", s->queues);
    if (!s->vectors || s->event_vector >= s->vectors)
        violation(m, "vectors", s->vectors);
    if (!(s->interrupt_control & VMXNET3_IC_DISABLE_ALL))
        violation(m, "interrupts left on", s->interrupt_control);
    if (s->features & ~(uint64_t)(VMXNET3_F_RXCSUM | VMXNET3_F_RSS | VMXNET3_F_RXVLAN))
        violation(m, "features that nobody has buffers for", s->features);
    if (s->rx_mode)
        violation(m, "frames wanted before there are buffers", s->rx_mode);
    if (s->events || !is_zero(s->reserved1, sizeof s->reserved1) ||
        !is_zero(s->reserved2, sizeof s->reserved2))
        violation(m, "reserved fields", s->events);
}

static void take_ring(struct vmxnet3_model *m, struct vmxnet3_model_ring *r, uint64_t at,
                      uint32_t size, uint32_t most)
{
    if (!at || at % RING_ALIGN || !size || size % VMXNET3_RING_MULTIPLE || size > most)
        violation(m, "ring", at);
    *r = (struct vmxnet3_model_ring){ .at = at, .size = size };
}

static void take_queue(struct vmxnet3_model *m, struct vmxnet3_model_queue *q, uint64_t at, bool rx)
{
    struct vmxnet3_queue d;
    memset(q, 0, sizeof *q);
    q->at = at;
    if (!dma_read(m, at, &d, sizeof d))
        return;
    take_ring(m, &q->ring[0], d.address[0], d.size[0], VMXNET3_RING_MAX);
    if (rx)
        take_ring(m, &q->ring[1], d.address[1], d.size[1], VMXNET3_RING_MAX);
    else if (d.address[1] || d.size[1])
        violation(m, "data ring", d.address[1]);
    take_ring(m, &q->completions, d.address[2], d.size[2], 2 * VMXNET3_RING_MAX);
    if (q->completions.size < q->ring[0].size + q->ring[1].size)
        violation(m, "fewer completions than descriptors", q->completions.size);
    if (d.vector || !is_zero(d.pad1, sizeof d.pad1) || !is_zero(d.unused, sizeof d.unused))
        violation(m, "vector or reserved fields of a queue", d.vector);
    d.rx_wants_doorbell = rx && m->wants_doorbells;
    dma_write(m, at, &d, 8);
}

static void take_rss(struct vmxnet3_model *m, const struct vmxnet3_shared *s)
{
    if (s->rss.version != 1 || s->rss.length != sizeof m->rss ||
        !dma_read(m, s->rss.address, &m->rss, sizeof m->rss) ||
        m->rss.function != VMXNET3_RSS_TOEPLITZ || m->rss.key_length > VMXNET3_RSS_KEY ||
        !m->rss.entries || m->rss.entries > VMXNET3_RSS_ENTRIES) {
        violation(m, "RSS configuration", s->rss.address);
        m->rss.entries = 0;
    }
    for (unsigned i = 0; i < m->rss.entries; i++)
        if (m->rss.table[i] >= s->rx_queues)
            violation(m, "RSS to a queue that is not there", m->rss.table[i]);
}

static void take_features(struct vmxnet3_model *m, const struct vmxnet3_shared *s)
{
    m->features = s->features;
    m->rss.entries = 0;
    if (m->features & VMXNET3_F_RSS)
        take_rss(m, s);
}

/* 0, or not: what the driver is told. */
static uint32_t activate(struct vmxnet3_model *m)
{
    struct vmxnet3_shared s;
    if (m->active)
        violation(m, "activated twice", 0);
    if (!m->chosen || !m->upt_chosen)
        violation(m, "activated before versions were chosen", 0);
    if (!read_shared(m, &s))
        return 1;
    check_shared(m, &s);
    if (s.rx_queues > m->rx_queues_max || s.tx_queues > m->tx_queues_max)
        return 1;
    m->rx_queues = s.rx_queues;
    m->tx_queues = s.tx_queues;
    for (unsigned i = 0; i < m->tx_queues; i++)
        take_queue(m, &m->tx[i], s.queues + 256 * i, false);
    for (unsigned i = 0; i < m->rx_queues; i++)
        take_queue(m, &m->rx[i], s.queues + 256 * (m->tx_queues + i), true);
    take_features(m, &s);
    m->rx_mode = 0;
    m->multicast_count = 0;
    m->rss_fields = 0;
    memcpy(m->mac, m->permanent_mac, MAC_LEN); /* QEMU */
    m->activations++;
    m->active = true;
    return 0;
}

/* Commands ----------------------------------------------------------------------------- */

static void update_multicast(struct vmxnet3_model *m, const struct vmxnet3_shared *s)
{
    if (s->multicast_length % MAC_LEN || s->multicast_length > sizeof m->multicast ||
        !s->multicast != !s->multicast_length) {
        violation(m, "multicast table", s->multicast_length);
        return;
    }
    m->multicast_count = s->multicast_length / MAC_LEN;
    if (m->multicast_count)
        dma_read(m, s->multicast, m->multicast, s->multicast_length);
}

static void write_queue(struct vmxnet3_model *m, struct vmxnet3_model_queue *q, bool counters)
{
    uint32_t status[2] = { q->error != 0, q->error };
    if (counters)
        dma_write(m, q->at + offsetof(struct vmxnet3_queue, counters), q->counters,
                  sizeof q->counters);
    else
        dma_write(m, q->at + offsetof(struct vmxnet3_queue, stopped), status, sizeof status);
}

static uint32_t tell(struct vmxnet3_model *m, bool counters)
{
    if (!m->active)
        violation(m, "a question about queues of a device that has none", 0);
    for (unsigned i = 0; m->active && i < m->tx_queues; i++)
        write_queue(m, &m->tx[i], counters);
    for (unsigned i = 0; m->active && i < m->rx_queues; i++)
        write_queue(m, &m->rx[i], counters);
    return 0;
}

static uint32_t update(struct vmxnet3_model *m, uint32_t code)
{
    struct vmxnet3_shared s;
    if (!m->active)
        violation(m, "a setting of a device that is not active", code);
    if (!read_shared(m, &s))
        return 1;
    if (code == VMXNET3_CMD_UPDATE_RX_MODE)
        m->rx_mode = s.rx_mode;
    else if (code == VMXNET3_CMD_UPDATE_VLAN_FILTERS)
        memcpy(m->vlans, s.vlans, sizeof m->vlans);
    else if (code == VMXNET3_CMD_UPDATE_MAC_FILTERS)
        update_multicast(m, &s);
    else if (code == VMXNET3_CMD_UPDATE_FEATURE)
        take_features(m, &s);
    else if (m->chosen < 1u << (VMXNET3_REVISION_RSS_FIELDS - 1))
        violation(m, "a command that this revision has not", code);
    else
        m->rss_fields = s.command_data[0];
    return 0;
}

static uint32_t deactivate(struct vmxnet3_model *m)
{
    if (m->reset_refused)
        return 2;
    m->active = false;
    m->rx_queues = m->tx_queues = 0;
    return 0;
}

static uint32_t command(struct vmxnet3_model *m, uint32_t code)
{
    m->commands++;
    switch (code) {
    case VMXNET3_CMD_ACTIVATE_DEV:
        return activate(m);
    case VMXNET3_CMD_QUIESCE_DEV:
    case VMXNET3_CMD_RESET_DEV:
        m->shared = code == VMXNET3_CMD_RESET_DEV ? 0 : m->shared;
        return deactivate(m);
    case VMXNET3_CMD_UPDATE_RX_MODE:
    case VMXNET3_CMD_UPDATE_MAC_FILTERS:
    case VMXNET3_CMD_UPDATE_VLAN_FILTERS:
    case VMXNET3_CMD_UPDATE_FEATURE:
    case VMXNET3_CMD_SET_RSS_FIELDS:
        return update(m, code);
    case VMXNET3_CMD_GET_QUEUE_STATUS:
    case VMXNET3_CMD_GET_STATS:
        return tell(m, code == VMXNET3_CMD_GET_STATS);
    case VMXNET3_CMD_GET_LINK:
        return 10000u << 16 | m->link_up;
    case VMXNET3_CMD_GET_PERM_MAC_LO:
        return load_le32(m->permanent_mac);
    case VMXNET3_CMD_GET_PERM_MAC_HI:
        return load_le16(m->permanent_mac + 4);
    default:
        violation(m, "unknown command", code);
        return 0;
    }
}

/* Registers ------------------------------------------------------------------------------ */

static void choose(struct vmxnet3_model *m, uint32_t value)
{
    if (!value || (value & (value - 1)) || !(value & m->revisions))
        violation(m, "revision that was not offered, or several", value);
    m->chosen = value;
}

static void device_write(struct vmxnet3_model *m, uint32_t reg, uint32_t value)
{
    switch (reg) {
    case VMXNET3_VRRS:
        choose(m, value);
        break;
    case VMXNET3_UVRS:
        if (value != 1 || m->no_upt)
            violation(m, "UPT version", value);
        m->upt_chosen = true;
        break;
    case VMXNET3_DSAL:
        m->dsal = value;
        break;
    case VMXNET3_DSAH:
        m->shared = (uint64_t)value << 32 | m->dsal;
        break;
    case VMXNET3_CMD:
        m->answer = command(m, value);
        m->answer = m->lie ? m->lie : m->answer;
        m->lie = 0;
        break;
    case VMXNET3_MACL:
        m->macl = value;
        break;
    case VMXNET3_MACH:
        store_le32(m->mac, m->macl);
        store_le16(m->mac + 4, (uint16_t)value);
        break;
    case VMXNET3_ECR:
        m->acknowledged++;
        set_event(m, value, false);
        break;
    default:
        violation(m, "write to an unknown register of BAR 1", reg);
    }
}

static uint64_t rx_gen(const struct vmxnet3_model_ring *r, uint32_t at)
{
    return at & r->size ? 0 : VMXNET3_RXD_GEN;
}

static bool read_desc(struct vmxnet3_model *m, const struct vmxnet3_model_ring *r, uint32_t at,
                      struct vmxnet3_desc *desc)
{
    return r->size && dma_read(m, r->at + 16ull * (at % r->size), desc, sizeof *desc);
}

/* What RXPROD says, the generations say as well: up to it, and not further. */
static void check_rx_doorbell(struct vmxnet3_model *m, struct vmxnet3_model_ring *r, uint32_t value)
{
    struct vmxnet3_desc desc;
    if (value >= r->size) {
        violation(m, "RXPROD past the ring", value);
        return;
    }
    r->doorbell = value;
    for (uint32_t at = r->next;; at++) {
        if (!read_desc(m, r, at, &desc))
            return;
        bool ready = (desc.control & VMXNET3_RXD_GEN) == rx_gen(r, at);
        if (ready && at % r->size != value)
            continue;
        if (ready || at % r->size != value)
            violation(m, "RXPROD and generations differ", value);
        return;
    }
}

static void doorbell_write(struct vmxnet3_model *m, uint32_t reg, uint32_t value)
{
    unsigned q = reg % 0x200 / 8;
    if (reg == VMXNET3_IMR(0)) {
        m->masked = value == 1;
    } else if (!m->active) {
        violation(m, "doorbell of a device that is not active", reg);
    } else if (reg >= VMXNET3_TXPROD(0) && reg < VMXNET3_TXPROD(m->tx_queues)) {
        if (value >= m->tx[q].ring[0].size)
            violation(m, "TXPROD past the ring", value);
        m->tx[q].ring[0].doorbell = value;
    } else if (reg >= VMXNET3_RXPROD(0) && reg < VMXNET3_RXPROD(m->rx_queues)) {
        check_rx_doorbell(m, &m->rx[q].ring[0], value);
    } else if (reg >= VMXNET3_RXPROD2(0) && reg < VMXNET3_RXPROD2(m->rx_queues)) {
        check_rx_doorbell(m, &m->rx[q].ring[1], value);
    } else {
        violation(m, "write to an unknown register of BAR 0, or of a queue that is not there", reg);
    }
}

static void bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    struct vmxnet3_model *m = ctx;
    if (m->gone)
        return;
    if (size != 4 || offset % 8 || bar > VMXNET3_BAR_DEVICE)
        violation(m, "access that is not of a register", offset);
    else if (bar == VMXNET3_BAR_DEVICE)
        device_write(m, (uint32_t)offset, (uint32_t)value);
    else
        doorbell_write(m, (uint32_t)offset, (uint32_t)value);
}

static uint64_t bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    struct vmxnet3_model *m = ctx;
    if (m->gone)
        return UINT32_MAX;
    if (size == 4 && bar == VMXNET3_BAR_DEVICE && offset == VMXNET3_CMD)
        return m->answer;
    if (size == 4 && bar == VMXNET3_BAR_DEVICE && offset == VMXNET3_VRRS)
        return m->revisions;
    if (size == 4 && bar == VMXNET3_BAR_DEVICE && offset == VMXNET3_UVRS)
        return m->no_upt ? 2 : 1;
    violation(m, "read of an unknown register", offset);
    return 0;
}

/* Receive ---------------------------------------------------------------------------------- */

static bool is_tagged(const uint8_t *frame)
{
    return load_be16(frame + ETHERNET_TYPE) == ETHERTYPE_VLAN;
}

static bool is_service_tagged(const uint8_t *frame)
{
    return load_be16(frame + ETHERNET_TYPE) == ETHERTYPE_SERVICE_VLAN;
}

static bool group_wanted(const struct vmxnet3_model *m, const uint8_t *mac)
{
    for (unsigned i = 0; i < m->multicast_count; i++)
        if (mac_equal(m->multicast[i], mac))
            return true;
    return false;
}

/* Without any VLAN in the table nobody filters by it (what Linux and DPDK rely on for promiscuous
 * ports; to QEMU these are never filtered).  Both kinds of tags are looked at (QEMU). */
static bool frame_wanted(const struct vmxnet3_model *m, const uint8_t *frame)
{
    bool tagged = is_tagged(frame) || is_service_tagged(frame);
    uint32_t vid = tagged ? load_be16(frame + VLAN_TCI) & VLAN_TCI_VID : 0;
    bool in_vlan = (m->vlans[vid / 32] & 1u << vid % 32) || is_zero(m->vlans, sizeof m->vlans);
    if (!in_vlan || (m->rx_mode & VMXNET3_RXM_PROMISC))
        return in_vlan;
    if (mac_equal(frame, mac_broadcast))
        return m->rx_mode & VMXNET3_RXM_BCAST;
    if (frame[0] & 1)
        return (m->rx_mode & VMXNET3_RXM_ALL_MULTI) ||
               ((m->rx_mode & VMXNET3_RXM_MCAST) && group_wanted(m, frame));
    return (m->rx_mode & VMXNET3_RXM_UCAST) && mac_equal(frame, m->mac);
}

static uint32_t toeplitz(const struct vmxnet3_model *m, const uint8_t *input, unsigned n)
{
    uint32_t hash = 0, window = load_be32(m->rss.key);
    for (unsigned i = 0; i < n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            if (input[i] & 0x80u >> bit)
                hash ^= window;
            window = window << 1 | (m->rss.key[(i + 4) % VMXNET3_RSS_KEY] >> (7 - bit) & 1u);
        }
    return hash;
}

/* IPv4 without options only.  TCP by its ports, UDP where SET_RSS_FIELDS said so. */
uint32_t vmxnet3_model_hash(const struct vmxnet3_model *m, const uint8_t *frame, uint32_t length)
{
    const uint8_t *ip = frame + ETHERNET_HEADER;
    if (!m->rss.entries || length < 38 || load_be16(frame + ETHERNET_TYPE) != ETHERTYPE_IPV4)
        return 0;
    bool ports = (ip[9] == 6 && (m->rss.types & 2)) || (ip[9] == 17 && (m->rss_fields & 4));
    return toeplitz(m, ip + 12, ports && ip[0] == 0x45 && !(load_be16(ip + 6) & 0x3fff) ? 12 : 8);
}

static bool ip_header_good(const uint8_t *ip, uint32_t length)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < length; i += 2)
        sum += load_be16(ip + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

/* CNC where nobody looked. */
static void check_header(const struct vmxnet3_model *m, const uint8_t *frame, uint32_t length,
                         struct vmxnet3_completion *c)
{
    uint32_t at = is_tagged(frame) ? 18 : 14;
    uint32_t header = length > at ? (frame[at] & 15u) * 4u : 0;
    bool is_ip = load_be16(frame + at - 2) == ETHERTYPE_IPV4 && length >= at + 20 &&
                 frame[at] >> 4 == 4 && header >= 20 && length >= at + header;
    c->result |= is_ip ? VMXNET3_RCD_V4 : 0;
    if (!(m->features & VMXNET3_F_RXCSUM) || !is_ip)
        c->what |= VMXNET3_RCD_CNC;
    else if (m->strips_all || ip_header_good(frame + at, header))
        c->result |= VMXNET3_RCD_IPC;
}

static void strip(const struct vmxnet3_model *m, uint8_t *frame, uint32_t *length,
                  struct vmxnet3_completion *c)
{
    bool tagged = is_tagged(frame) || (m->strips_all && is_service_tagged(frame));
    if (!(m->features & VMXNET3_F_RXVLAN) || !tagged)
        return;
    c->result |= VMXNET3_RCD_TS | FIELD_PUT(VMXNET3_RCD_TCI, (uint64_t)load_be16(frame + VLAN_TCI));
    *length -= VLAN_TAG;
    memmove(frame + ETHERNET_TYPE, frame + ETHERNET_TYPE + VLAN_TAG, *length - ETHERNET_TYPE);
}

bool vmxnet3_model_complete(struct vmxnet3_model *m, struct vmxnet3_model_queue *q, uint64_t what,
                            uint64_t result)
{
    struct vmxnet3_model_ring *r = &q->completions;
    struct vmxnet3_completion c = { what, result & ~VMXNET3_COMPLETION_GEN };
    if (!m->active || !r->size)
        return false;
    c.result |= r->next & r->size ? 0 : VMXNET3_COMPLETION_GEN;
    if (!dma_write(m, r->at + 16ull * (r->next % r->size), &c, sizeof c))
        return false;
    r->next++;
    return true;
}

/* The next buffer of a ring that the driver gave; false: none. */
static bool rx_take(struct vmxnet3_model *m, struct vmxnet3_model_ring *r, unsigned which,
                    struct vmxnet3_desc *desc)
{
    uint64_t body = which ? VMXNET3_RXD_BODY : 0;
    if (m->wants_doorbells && r->next % r->size == r->doorbell)
        return false;
    if (!read_desc(m, r, r->next, desc) || (desc->control & VMXNET3_RXD_GEN) != rx_gen(r, r->next))
        return false;
    if ((desc->control & VMXNET3_RXD_BODY) != body ||
        (desc->control & ~(VMXNET3_RXD_LENGTH | VMXNET3_RXD_BODY | VMXNET3_RXD_GEN)))
        violation(m, "receive descriptor", desc->control);
    if (!desc->address || FIELD_GET(VMXNET3_RXD_LENGTH, desc->control) < HEAD_MIN)
        violation(m, "receive buffer", desc->address);
    r->next++;
    return true;
}

/* A buffer filled with what is left of the frame: what its completion says so far. */
static bool rx_fill(struct vmxnet3_model *m, unsigned queue, const uint8_t *bytes, uint32_t left,
                    bool first, struct vmxnet3_completion *c)
{
    struct vmxnet3_model_queue *q = &m->rx[queue];
    struct vmxnet3_desc desc;
    unsigned which = !first;
    if (!rx_take(m, &q->ring[which], which, &desc))
        return false;
    uint32_t n = (uint32_t)FIELD_GET(VMXNET3_RXD_LENGTH, desc.control);
    n = n < left ? n : left;
    dma_write(m, desc.address, bytes, n);
    c->what = FIELD_PUT(VMXNET3_RCD_INDEX, (q->ring[which].next - 1ull) % q->ring[which].size) |
              FIELD_PUT(VMXNET3_RCD_RING, (uint64_t)queue + which * m->rx_queues) |
              (first ? VMXNET3_RCD_SOP : 0);
    c->result = n;
    return true;
}

static void count(struct vmxnet3_model_queue *q, const uint8_t *frame, uint32_t length)
{
    unsigned at = mac_equal(frame, mac_broadcast) ? BCAST_PKTS
                  : frame[0] & 1                  ? MCAST_PKTS
                                                  : UCAST_PKTS;
    q->counters[at]++;
    q->counters[at + 1] += length;
}

/* The frame into as many buffers as it takes; as QEMU, what does not fit ends with ERR.  False:
 * not even a first buffer. */
static bool rx_store(struct vmxnet3_model *m, unsigned queue, const uint8_t *bytes, uint32_t length,
                     const struct vmxnet3_completion *told)
{
    struct vmxnet3_model_queue *q = &m->rx[queue];
    struct vmxnet3_completion c, before;
    uint32_t done = 0;
    for (unsigned n = 0; done < length && n < FRAME_SEGMENTS_MAX; n++) {
        if (!rx_fill(m, queue, bytes + done, length - done, !done, &c))
            break;
        if (done)
            vmxnet3_model_complete(m, q, before.what, before.result);
        done += (uint32_t)c.result;
        before = c;
    }
    if (done)
        vmxnet3_model_complete(m, q, before.what | told->what | VMXNET3_RCD_EOP,
                               before.result | told->result |
                                   (done < length ? VMXNET3_RCD_ERR : 0));
    if (done < length)
        q->counters[OUT_OF_BUF]++;
    else
        count(q, bytes, length);
    return done;
}

bool vmxnet3_model_inject(struct vmxnet3_model *m, const uint8_t *frame, uint32_t length)
{
    static uint8_t bytes[FRAME_BYTES];
    struct vmxnet3_completion told = { 0 };
    struct vmxnet3_desc skipped;
    if (!m->active || !m->link_up)
        return false;
    if (!frame_wanted(m, frame))
        return true;
    uint32_t hash = vmxnet3_model_hash(m, frame, length), stored = length;
    unsigned queue = hash ? m->rss.table[hash % m->rss.entries] : 0;
    memcpy(bytes, frame, length);
    check_header(m, frame, length, &told);
    strip(m, bytes, &stored, &told);
    told.what |= (uint64_t)hash << 32;
    for (unsigned i = 0; i < m->skips; i++)
        rx_take(m, &m->rx[queue].ring[0], 0, &skipped);
    return rx_store(m, queue, bytes, stored, &told);
}

/* Transmit ----------------------------------------------------------------------------------- */

#define TXD_KNOWN \
    (VMXNET3_TXD_LENGTH | VMXNET3_TXD_GEN | VMXNET3_TXD_EOP | VMXNET3_TXD_CQ | VMXNET3_TXD_TI | \
     VMXNET3_TXD_TCI)

struct sent {
    uint8_t *bytes;
    uint32_t length, descs;
    uint64_t first; /* its first descriptor's control */
};

static void check_tx_desc(struct vmxnet3_model *m, const struct vmxnet3_desc *d, uint32_t number)
{
    uint64_t tag = VMXNET3_TXD_TI | VMXNET3_TXD_TCI;
    if ((d->control & ~TXD_KNOWN) || (number && (d->control & tag)) ||
        (!(d->control & VMXNET3_TXD_TI) && (d->control & VMXNET3_TXD_TCI)))
        violation(m, "transmit descriptor", d->control);
    if (!(d->control & VMXNET3_TXD_EOP) != !(d->control & VMXNET3_TXD_CQ))
        violation(m, "completion wanted elsewhere than at the end", d->control);
    if (!d->address || !(d->control & VMXNET3_TXD_LENGTH) || number == TX_DESCS_MAX)
        violation(m, "transmit descriptor without data, or too many", d->control);
}

/* The next descriptor of the frame; false: there is none. */
static bool tx_next(struct vmxnet3_model *m, struct vmxnet3_model_ring *r, struct sent *s,
                    struct vmxnet3_desc *d)
{
    uint64_t gen = r->next & r->size ? 0 : VMXNET3_TXD_GEN;
    if (r->next % r->size == r->doorbell || !read_desc(m, r, r->next, d))
        return false;
    if ((d->control & VMXNET3_TXD_GEN) != gen) {
        violation(m, "TXPROD and generations differ", d->control);
        return false;
    }
    check_tx_desc(m, d, s->descs);
    uint32_t n = (uint32_t)FIELD_GET(VMXNET3_TXD_LENGTH, d->control);
    if (s->length + n <= FRAME_BYTES - VLAN_TAG && dma_read(m, d->address, s->bytes + s->length, n))
        s->length += n;
    s->first = s->descs++ ? s->first : d->control;
    r->next++;
    return true;
}

static void insert(struct sent *s)
{
    if (!(s->first & VMXNET3_TXD_TI) || s->length < ETHERNET_HEADER)
        return;
    memmove(s->bytes + ETHERNET_TYPE + VLAN_TAG, s->bytes + ETHERNET_TYPE,
            s->length - ETHERNET_TYPE);
    store_be16(s->bytes + ETHERNET_TYPE, ETHERTYPE_VLAN);
    store_be16(s->bytes + VLAN_TCI, (uint16_t)FIELD_GET(VMXNET3_TXD_TCI, s->first));
    s->length += VLAN_TAG;
}

/* One frame of this queue; false: it has none. */
static bool tx_frame(struct vmxnet3_model *m, struct vmxnet3_model_queue *q, struct sent *s)
{
    struct vmxnet3_model_ring *r = &q->ring[0];
    struct vmxnet3_desc d = { 0 };
    if (!r->size || r->next % r->size == r->doorbell)
        return false;
    while (!(d.control & VMXNET3_TXD_EOP))
        if (!tx_next(m, r, s, &d)) {
            violation(m, "TXPROD in the middle of a frame", r->doorbell);
            r->doorbell = r->next % r->size;
            return false;
        }
    vmxnet3_model_complete(m, q, (r->next - 1) % r->size, 0);
    insert(s);
    count(q, s->bytes, s->length);
    return true;
}

uint32_t vmxnet3_model_take(struct vmxnet3_model *m, uint8_t *frame, uint32_t size)
{
    static uint8_t bytes[FRAME_BYTES];
    struct sent s = { .bytes = bytes };
    for (unsigned i = 0; m->active && m->link_up && i < m->tx_queues; i++)
        if (tx_frame(m, &m->tx[i], &s)) {
            uint32_t n = s.length < size ? s.length : size;
            memcpy(frame, bytes, n);
            return n;
        }
    return 0;
}

/* Life ----------------------------------------------------------------------------------------- */

void vmxnet3_model_set_link(struct vmxnet3_model *m, bool up)
{
    m->link_up = up;
    set_event(m, VMXNET3_ECR_LINK, true);
}

void vmxnet3_model_stop_queue(struct vmxnet3_model *m, struct vmxnet3_model_queue *q,
                              uint32_t error)
{
    q->error = error;
    set_event(
        m, q >= m->tx && q < m->tx + VMXNET3_TX_QUEUES_MAX ? VMXNET3_ECR_TQERR : VMXNET3_ECR_RQERR,
        true);
}

void vmxnet3_model_init(struct vmxnet3_model *m, const uint8_t mac[MAC_LEN], unsigned revision)
{
    memset(m, 0, sizeof *m);
    memcpy(m->permanent_mac, mac, MAC_LEN);
    memcpy(m->mac, mac, MAC_LEN);
    m->revisions = (1u << revision) - 1;
    m->rx_queues_max = VMXNET3_RX_QUEUES_MAX;
    m->tx_queues_max = VMXNET3_TX_QUEUES_MAX;
    m->link_up = true;
    pcispace_reset();
    pcispace_device_init(&m->device, 0x15ad, 0x07b0, 0x020000);
    m->device.bar[VMXNET3_BAR_DOORBELLS] = (struct pcispace_bar){ .size = VMXNET3_BAR_SIZE };
    m->device.bar[VMXNET3_BAR_DEVICE] = (struct pcispace_bar){ .size = VMXNET3_BAR_SIZE };
    m->device.bar[2] = (struct pcispace_bar){ .size = 2 * VMXNET3_BAR_SIZE };
    m->device.bar_read = bar_read;
    m->device.bar_write = bar_write;
    m->device.ctx = m;
    pcispace_add(&m->device, NULL, 3, 0);
    pci_scan();
    m->function = pci_first();
    while (m->function && m->function->device != 0x07b0)
        m->function = m->function->next;
}
