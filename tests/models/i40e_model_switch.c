/* i40e_model_switch.c - frames through the i40e model: from the wire by filters to VSIs and their
 * queues, and from queues to the wire. */
#include "tests/models/i40e_model_internal.h"
#include "tests/models/intel_seen.h"

#include <string.h>

#define TYPE_LLDP 0x88ccu
#define TYPE_PAUSE 0x8808u
#define SEEN_IP4 0x01u
#define SEEN_IP6 0x04u
#define SEEN_TCP 0x10u
#define SEEN_UDP 0x20u

/* Counting ------------------------------------------------------------------------- */

void i40e_model_count(struct i40e_model *m, enum i40e_counter which, uint64_t n)
{
    m->counter[which] += n;
}

static unsigned size_class(uint32_t wire)
{
    static const uint16_t most[] = { 64, 127, 255, 511, 1023, 1522 };
    unsigned i = 0;
    while (i < ARRAY_SIZE(most) && wire > most[i])
        i++;
    return i;
}

static unsigned kind_of(const uint8_t *mac)
{
    return i40e_is_broadcast(mac) ? 2 : i40e_is_multicast(mac) ? 1 : 0;
}

static void count_port(struct i40e_model *m, bool rx, const uint8_t *frame, uint32_t length)
{
    uint32_t wire = (length < 60 ? 60 : length) + FCS;
    i40e_model_count(m, rx ? C_GORC : C_GOTC, wire);
    i40e_model_count(m, (rx ? C_UPRC : C_UPTC) + kind_of(frame), 1);
    i40e_model_count(m, (rx ? C_PRC64 : C_PTC64) + size_class(wire), 1);
}

static void count_vsi(struct i40e_model *m, bool rx, const struct i40e_model_vsi *v,
                      const uint8_t *frame, uint32_t length)
{
    if (v != &m->vsi[0])
        return;
    i40e_model_count(m, rx ? C_VSI_GORC : C_VSI_GOTC, length + FCS);
    i40e_model_count(m, (rx ? C_VSI_UPRC : C_VSI_UPTC) + kind_of(frame), 1);
}

/* Filters ----------------------------------------------------------------------------- */

static uint16_t type_of(const uint8_t *frame)
{
    return (uint16_t)(frame[12] << 8 | frame[13]);
}

static bool is_tagged(const uint8_t *frame, uint32_t length)
{
    return length >= 18 && type_of(frame) == 0x8100;
}

static uint16_t vlan_of(const uint8_t *frame, uint32_t length)
{
    return is_tagged(frame, length) ? (uint16_t)((frame[14] << 8 | frame[15]) & 0xfff) : 0;
}

static bool has_filter(const struct i40e_model *m, const struct i40e_model_vsi *v,
                       const uint8_t *frame, uint16_t vlan)
{
    for (unsigned i = 0; i < I40E_MODEL_FILTERS; i++) {
        const struct i40e_model_filter *f = &m->filter[i];
        if (f->used && f->vsi == v->number && (f->ignore_vlan || f->vlan == vlan) &&
            !memcmp(f->mac, frame, MAC_LEN))
            return true;
    }
    return false;
}

/* Promiscuous modes of the VSI as a whole hold for frames without a tag, and with PROMISC_VLAN, or
 * a VLAN of the VSI's own, for those with one; those of a VLAN hold there. */
static uint16_t modes_of(const struct i40e_model *m, const struct i40e_model_vsi *v,
                         const uint8_t *frame, uint32_t length)
{
    uint16_t vlan = vlan_of(frame, length), modes = 0;
    bool own = !is_tagged(frame, length) || (v->promiscuous & PROMISC_VLAN);
    for (unsigned i = 0; i < I40E_MODEL_VLANS; i++) {
        const struct i40e_model_vlan *e = &m->vlan[i];
        if (!e->used || e->vsi != v->number || e->vlan != vlan)
            continue;
        own |= !e->promiscuous;
        modes |= e->promiscuous;
    }
    return own ? modes | v->promiscuous : modes;
}

static bool wants(const struct i40e_model *m, const struct i40e_model_vsi *v, const uint8_t *frame,
                  uint32_t length)
{
    static const uint16_t by_kind[] = { PROMISC_UNICAST, PROMISC_MULTICAST, PROMISC_BROADCAST };
    return has_filter(m, v, frame, vlan_of(frame, length)) ||
           (modes_of(m, v, frame, length) & by_kind[kind_of(frame)]);
}

/* Queues -------------------------------------------------------------------------------- */

/* Packet classifier types that PFQF_HENA has a bit for, and what intel_seen.h hashes of them. */
static unsigned classify(unsigned seen, uint32_t *mrqc)
{
    bool v4 = seen & SEEN_IP4;
    if (!(seen & (SEEN_IP4 | SEEN_IP6)))
        return 63;
    if (seen & SEEN_TCP) {
        *mrqc = v4 ? 1u << 16 : 1u << 21;
        return v4 ? 33 : 43;
    }
    *mrqc = seen & SEEN_UDP ? v4 ? 1u << 22 : 1u << 23 : v4 ? 1u << 17 : 1u << 20;
    return (seen & SEEN_UDP ? 31u : 35u) + (v4 ? 0 : 10);
}

static bool hash(const struct i40e_model *m, const uint8_t *frame, uint32_t length, uint32_t *value)
{
    uint8_t key[40];
    uint32_t mrqc = 0;
    unsigned type, class = classify(intel_seen_type(frame, length), &mrqc);
    if (!(i40e_get(m, R_PFQF_HENA(class / 32)) >> class % 32 & 1) || !mrqc)
        return false;
    for (unsigned i = 0; i < 40; i++)
        key[i] = (uint8_t)(i40e_get(m, R_PFQF_HKEY(i / 4)) >> 8 * (i % 4));
    *value = intel_seen_hash(key, mrqc, frame, length, &type);
    return type != 0;
}

static unsigned lut(const struct i40e_model *m, uint32_t value)
{
    unsigned i = value & (i40e_get(m, R_PFQF_CTL_0) & PFQF_LUT512 ? 511 : 127);
    return i40e_get(m, R_PFQF_HLUT(i / 4)) >> 8 * (i % 4) & 0x3f;
}

/* Traffic class 0 alone: where it begins in the VSI's queues, and two to which power it has. */
static unsigned queue_of(const struct i40e_model *m, const struct i40e_model_vsi *v, bool hashed,
                         uint32_t value)
{
    uint16_t class = i40e_le16(v->properties + VSI_CLASSES);
    unsigned in_class = hashed ? lut(m, value) & ((1u << (class >> 9 & 7)) - 1) : 0;
    unsigned n = (class & 0x1ff) + in_class;
    if (i40e_le16(v->properties + VSI_MAPPING) & 1)
        return i40e_le16(v->properties + VSI_QUEUES + 2 * (n % 16)) & 0x7ff;
    return (i40e_le16(v->properties + VSI_QUEUES) + n) & 0x7ff;
}

static bool strips(const struct i40e_model_vsi *v)
{
    return (v->properties[VSI_PORT_VLAN] & VSI_STRIPS_NOT) != VSI_STRIPS_NOT;
}

/* Receiving ----------------------------------------------------------------------------- */

struct arrival {
    const uint8_t *frame;
    uint32_t length, hash;
    bool hashed;
};

static struct i40e_model_queue *target(struct i40e_model *m, const struct i40e_model_vsi *v,
                                       const struct arrival *a, unsigned *n)
{
    *n = queue_of(m, v, a->hashed, a->hash);
    return *n < I40E_MODEL_QUEUES && m->rx[*n].ring.on ? &m->rx[*n] : NULL;
}

static bool to_vsi(struct i40e_model *m, const struct i40e_model_vsi *v, const struct arrival *a)
{
    unsigned n;
    struct i40e_model_queue *q = target(m, v, a, &n);
    if (!q)
        return false;
    q->ring.context.strip = strips(v);
    if (!i40e_engine_receive(&m->engine, &q->ring, a->frame, a->length,
                             a->hashed ? &a->hash : NULL)) {
        i40e_model_count(m, C_VSI_RDPC, v == &m->vsi[0]);
        return false;
    }
    count_vsi(m, true, v, a->frame, a->length);
    i40e_model_irq_queue(m, true, n);
    return true;
}

/* What is the MAC's or firmware's own. */
static bool is_taken(struct i40e_model *m, const uint8_t *frame, uint32_t length)
{
    if (length + FCS > m->max_frame + (is_tagged(frame, length) ? VLAN_TAG : 0u)) {
        i40e_model_count(m, C_ROC, 1);
        return true;
    }
    return (m->lldp_agent && type_of(frame) == TYPE_LLDP) || type_of(frame) == TYPE_PAUSE;
}

static bool has_buffers(const struct i40e_engine_queue *q, uint32_t length)
{
    uint32_t held = (q->tail + q->context.count - q->head) % q->context.count;
    return length <= held * q->context.buffer;
}

static bool is_blocked(struct i40e_model *m, const struct arrival *a)
{
    unsigned n;
    for (unsigned i = 0; m->patient && i < I40E_MODEL_VSIS; i++) {
        struct i40e_model_vsi *v = &m->vsi[i];
        struct i40e_model_queue *q =
            v->used && wants(m, v, a->frame, a->length) ? target(m, v, a, &n) : NULL;
        if (q && !has_buffers(&q->ring, a->length))
            return true;
    }
    return false;
}

bool i40e_model_inject(struct i40e_model *m, const uint8_t *frame, uint32_t length)
{
    struct arrival a = { .frame = frame, .length = length };
    bool wanted = false, stored = false;
    m->waits = false;
    if (!i40e_link_up(m) || !(m->device.config[4] & 4)) /* no bus master, nothing comes in */
        return false;

    a.hashed = hash(m, frame, length, &a.hash);
    if (is_taken(m, frame, length))
        return true;
    if (is_blocked(m, &a)) {
        m->waits = true;
        return false;
    }
    count_port(m, true, frame, length);
    for (unsigned i = 0; i < I40E_MODEL_VSIS; i++) {
        const struct i40e_model_vsi *v = &m->vsi[i];
        if (!v->used || !wants(m, v, frame, length))
            continue;
        wanted = true;
        stored |= to_vsi(m, v, &a);
    }
    const struct i40e_model_vsi *other = wanted ? NULL : i40e_model_vsi_of(m, m->default_vsi);
    return other ? to_vsi(m, other, &a) : stored || !wanted;
}

/* Sending --------------------------------------------------------------------------------- */

static void wire_bytes(struct i40e_model *m, uint32_t at, void *bytes, uint32_t n, bool put)
{
    uint8_t *b = bytes;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *w = &m->wire[(m->wire_first + at + i) % I40E_MODEL_WIRE];
        if (put)
            *w = b[i];
        else
            b[i] = *w;
    }
}

void i40e_model_sent(void *owner, struct i40e_engine_queue *q, const uint8_t *frame,
                     uint32_t length)
{
    struct i40e_model *m = owner;
    count_vsi(m, false, &m->vsi[0], frame, length);
    if (!i40e_link_up(m)) {
        i40e_model_count(m, C_TDOLD, 1);
        return;
    }
    if (length + FCS > m->max_frame + VLAN_TAG)
        i40e_model_violation(m, "a frame longer than the port's", 0, length);
    if (m->drops_ethertype && type_of(frame) == m->drops_ethertype)
        return;
    count_port(m, false, frame, length);
    wire_bytes(m, m->wire_used, &length, 4, true);
    wire_bytes(m, m->wire_used + 4, (void *)frame, length, true);
    m->wire_used += 4 + length;
}

static bool next_frame(struct i40e_model *m)
{
    for (unsigned i = 0; i < I40E_MODEL_QUEUES; i++) {
        unsigned n = (m->next_queue + i) % I40E_MODEL_QUEUES;
        struct i40e_engine_queue *q = &m->tx[n].ring;
        if (!q->on || q->head == q->tail)
            continue;
        q->done = false;
        i40e_engine_transmit(&m->engine, q);
        if (q->done)
            i40e_model_irq_queue(m, false, n);
        m->next_queue = n + 1;
        return true;
    }
    return false;
}

uint32_t i40e_model_take(struct i40e_model *m, uint8_t *frame, uint32_t size)
{
    uint32_t length;
    while (!m->wire_used && next_frame(m))
        ;
    if (!m->wire_used)
        return 0;
    wire_bytes(m, 0, &length, 4, false);
    uint32_t n = length < size ? length : size;
    wire_bytes(m, 4, frame, n, false);
    m->wire_first = (m->wire_first + 4 + length) % I40E_MODEL_WIRE;
    m->wire_used -= 4 + length;
    return n;
}

/* Events ------------------------------------------------------------------------------------ */

static bool has_room(const struct i40e_aq_device *a)
{
    return i40e_aq_device_is_open(a) && a->receive[3] != a->receive[4]; /* head and tail */
}

void i40e_model_deliver(struct i40e_model *m)
{
    while (m->events && has_room(&m->aq)) {
        struct i40e_aq_desc desc = m->event[0];
        memmove(m->event, m->event + 1, --m->events * sizeof m->event[0]);
        i40e_aq_device_event(&m->aq, &desc, NULL, 0);
    }
}

void i40e_model_event(struct i40e_model *m, const struct i40e_aq_desc *desc)
{
    if (m->events < I40E_MODEL_EVENTS)
        m->event[m->events++] = *desc;
    i40e_model_deliver(m);
}

void i40e_model_malicious(struct i40e_model *m, unsigned queue)
{
    *i40e_at(m, R_GL_MDET_TX) = MDET_TX_VALID | (i40e_base_queue(m) + queue) | m->pf << 21;
    *i40e_at(m, R_PF_MDET_TX) = 1;
    m->tx[queue].ring.on = false;
    i40e_model_irq_cause(m, ICR0_MAL_DETECT);
}
