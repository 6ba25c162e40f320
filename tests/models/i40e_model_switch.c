/* i40e_model_switch.c - frames through the i40e model: from the wire by filters to VSIs and their
 * queues, from queues to the wire, and from VSI to VSI. */
#include "tests/models/i40e_model_internal.h"

#include <string.h>

#define TYPE_LLDP 0x88ccu
#define TYPE_PAUSE 0x8808u
#define ROOM_KEPT 64u        /* buffers of a receive queue, where nothing may be lost inside */
#define LONGEST (512u << 10) /* what one transmit queue puts on the wire at once */

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
    uint64_t *counter = m->vsi_counter[v - m->vsi];
    counter[rx ? V_GORC : V_GOTC] += length + FCS;
    counter[(rx ? V_UPRC : V_UPTC) + kind_of(frame)]++;
}

static void count_one(struct i40e_model *m, const struct i40e_model_vsi *v,
                      enum i40e_vsi_counter which)
{
    m->vsi_counter[v - m->vsi][which]++;
}

/* Receiving ----------------------------------------------------------------------------- */

static unsigned number_of_vf(const struct i40e_model *m, const struct i40e_model_vsi *v)
{
    return i40e_is_of_vf(v) ? v->vf - i40e_base_vf(m) + 1u : 0;
}

/* The queue that takes it; NULL: none that works. */
static struct i40e_model_queue *target(struct i40e_model *m, const struct i40e_model_vsi *v,
                                       const struct i40e_choice *c)
{
    struct i40e_model_queue *q = c->queue < I40E_MODEL_QUEUES ? &m->rx[c->queue] : NULL;
    if (!q || !q->on || q->lost || !i40e_model_ring(m, true, c->queue)->on)
        return NULL;
    if (q->vf == number_of_vf(m, v))
        return q;
    i40e_model_violation(m, "a frame for a VSI whose queue is another's", R_VSILAN_QBASE(v->number),
                         c->queue);
    return NULL;
}

static bool store(struct i40e_model *m, unsigned n, const uint8_t *bytes, uint32_t length,
                  const uint32_t *hash)
{
    const struct i40e_model_queue *q = &m->rx[n];
    bool got;
    if (!q->vf) {
        got = i40e_engine_receive(&m->engine, &m->rx[n].ring, bytes, length, hash);
        if (got)
            i40e_model_irq_queue(m, true, n);
        return got;
    }
    struct iavf_model *vf = &m->vf[q->vf - 1];
    vf->rx_vector[q->vf_queue] = i40e_model_irq_of_vf(m, q->vf - 1u, true, n);
    return iavf_model_deliver(vf, q->vf_queue, bytes, length, hash);
}

static bool to_vsi(struct i40e_model *m, const struct i40e_model_vsi *v,
                   const struct i40e_passing *f)
{
    static uint8_t bare[I40E_MODEL_FRAME + VLAN_TAG];
    struct i40e_choice c = i40e_model_spread(m, v, f->bytes, f->length);
    const uint8_t *bytes = f->bytes;
    uint32_t length = f->length;
    unsigned tags = v->properties[VSI_PORT_VLAN] & VSI_STRIPS_NOT;
    if (!target(m, v, &c))
        return false;
    if (tags == VSI_HIDES && i40e_is_tagged(bytes, length)) {
        memcpy(bare, bytes, 12);
        memcpy(bare + 12, bytes + 16, length - 16);
        bytes = bare;
        length -= VLAN_TAG;
    }
    i40e_model_ring(m, true, c.queue)->context.strip = tags != VSI_STRIPS_NOT && tags != VSI_HIDES;
    if (!store(m, c.queue, bytes, length, c.hashed ? &c.hash : NULL)) {
        count_one(m, v, V_RDPC);
        return false;
    }
    count_vsi(m, true, v, f->bytes, f->length);
    return true;
}

/* What is the MAC's or firmware's own. */
static bool is_taken(struct i40e_model *m, const uint8_t *frame, uint32_t length)
{
    if (length + FCS > m->max_frame + (i40e_is_tagged(frame, length) ? VLAN_TAG : 0u)) {
        i40e_model_count(m, C_ROC, 1);
        return true;
    }
    return (m->lldp_agent && i40e_type_of(frame) == TYPE_LLDP) || i40e_type_of(frame) == TYPE_PAUSE;
}

static uint32_t held(const struct i40e_engine_queue *q)
{
    uint32_t count = q->context.count;
    return q->tail < count ? (q->tail + count - q->head) % count : 0;
}

static bool is_blocked(struct i40e_model *m, const struct i40e_passing *f)
{
    for (unsigned i = 0; m->patient && i < m->vsis; i++) {
        const struct i40e_model_vsi *v = &m->vsi[i];
        if (!v->used || !i40e_model_wants(m, v, f))
            continue;
        struct i40e_choice c = i40e_model_spread(m, v, f->bytes, f->length);
        if (!target(m, v, &c))
            continue;
        const struct i40e_engine_queue *q = i40e_model_ring(m, true, c.queue);
        if (f->length > held(q) * q->context.buffer)
            return true;
    }
    return false;
}

/* To all who want it; `stored`: somebody has it. */
static bool spread_out(struct i40e_model *m, const struct i40e_passing *f, bool *stored)
{
    bool wanted = false;
    for (unsigned i = 0; i < m->vsis; i++) {
        const struct i40e_model_vsi *v = &m->vsi[i];
        if (!v->used || !i40e_model_wants(m, v, f))
            continue;
        wanted = true;
        *stored |= to_vsi(m, v, f);
    }
    return wanted;
}

bool i40e_model_inject(struct i40e_model *m, const uint8_t *frame, uint32_t length)
{
    const struct i40e_passing f = { .bytes = frame, .length = length };
    bool stored = false;
    m->waits = false;
    if (!i40e_link_up(m) || !(m->device.config[4] & 4)) /* no bus master, nothing comes in */
        return false;
    if (is_taken(m, frame, length))
        return true;
    if (is_blocked(m, &f)) {
        m->waits = true;
        return false;
    }
    count_port(m, true, frame, length);
    bool wanted = spread_out(m, &f, &stored);
    const struct i40e_model_vsi *other = wanted ? NULL : i40e_model_vsi_of(m, m->default_vsi);
    return other ? to_vsi(m, other, &f) : stored || !wanted;
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

static void to_wire(struct i40e_model *m, const uint8_t *frame, uint32_t length)
{
    if (!i40e_link_up(m)) {
        i40e_model_count(m, C_TDOLD, 1);
        return;
    }
    if (length + FCS > m->max_frame + VLAN_TAG)
        i40e_model_violation(m, "a frame longer than the port's", 0, length);
    count_port(m, false, frame, length);
    wire_bytes(m, m->wire_used, &length, 4, true);
    wire_bytes(m, m->wire_used + 4, (void *)frame, length, true);
    m->wire_used += 4 + length;
}

/* Somebody inside has an entry for that address, so that the wire need not have it. */
static bool is_inside(const struct i40e_model *m, const struct i40e_passing *f)
{
    for (unsigned i = 0; i < m->vsis && !i40e_is_multicast(f->bytes); i++)
        if (m->vsi[i].used && i40e_model_filtered(m, &m->vsi[i], f))
            return true;
    return false;
}

/* A port's VLAN goes in; false: there was a tag already. */
static bool insert_port_vlan(const struct i40e_model_vsi *v, struct i40e_passing *f)
{
    static uint8_t tagged[I40E_MODEL_FRAME + 2 * VLAN_TAG];
    uint16_t pvid = i40e_le16(v->properties + VSI_PVID);
    if (!(v->properties[VSI_PORT_VLAN] & VSI_INSERT_PVID))
        return true;
    if (i40e_is_tagged(f->bytes, f->length))
        return false;
    memcpy(tagged, f->bytes, 12);
    memcpy(tagged + 12, (uint8_t[]){ 0x81, 0, (uint8_t)(pvid >> 8), (uint8_t)pvid }, VLAN_TAG);
    memcpy(tagged + 16, f->bytes + 12, f->length - 12);
    f->bytes = tagged;
    f->length += VLAN_TAG;
    return true;
}

static void leaves(struct i40e_model *m, const struct i40e_model_vsi *v, const uint8_t *bytes,
                   uint32_t length)
{
    struct i40e_passing f = { v, bytes, length };
    bool stored = false;
    if (!insert_port_vlan(v, &f) || !i40e_model_may_send(m, &f)) {
        m->spoofed++;
        count_one(m, v, V_TEPC);
        return;
    }
    count_vsi(m, false, v, f.bytes, f.length);
    if (m->drops_ethertype && i40e_type_of(f.bytes) == m->drops_ethertype)
        return;
    spread_out(m, &f, &stored);
    if (!is_inside(m, &f))
        to_wire(m, f.bytes, f.length);
}

void i40e_model_sent(void *owner, struct i40e_engine_queue *q, const uint8_t *frame,
                     uint32_t length)
{
    struct i40e_model *m = owner;
    leaves(m, &m->vsi[0], frame, length);
}

void i40e_model_sent_by_vf(struct iavf_model *vf, unsigned q, const uint8_t *bytes, uint32_t length)
{
    struct i40e_model *m = vf->owner;
    const struct i40e_model_vsi *v = i40e_model_vsi_of_vf(m, i40e_vf_index(m, vf));
    if (v)
        leaves(m, v, bytes, length);
    else
        i40e_model_violation(m, "a VF without a VSI sends", 0, i40e_vf_index(m, vf));
}

bool i40e_model_has_room(struct iavf_model *vf)
{
    const struct i40e_model *m = vf->owner;
    return m->wire_used + LONGEST < I40E_MODEL_WIRE;
}

static void run_queue(struct i40e_model *m, unsigned n)
{
    struct i40e_model_queue *q = &m->tx[n];
    if (q->vf) {
        struct iavf_model *vf = &m->vf[q->vf - 1];
        vf->tx_vector[q->vf_queue] = i40e_model_irq_of_vf(m, q->vf - 1u, false, n);
        iavf_model_run(vf, q->vf_queue);
        return;
    }
    q->ring.done = false;
    i40e_engine_transmit(&m->engine, &q->ring);
    if (q->ring.done)
        i40e_model_irq_queue(m, false, n);
}

/* Where nothing may be lost: some queue that is used has few buffers left for what others send
 * inside.  That of Linux's VSI for flow director has none, ever. */
static bool is_crowded(struct i40e_model *m)
{
    for (unsigned n = 0; m->patient && m->veb && n < m->queues; n++) {
        const struct i40e_engine_queue *q = i40e_model_ring(m, true, n);
        if (m->rx[n].on && !m->rx[n].lost && q->on && q->frames &&
            held(q) < (q->context.count < 4 * ROOM_KEPT ? q->context.count / 4 : ROOM_KEPT))
            return true;
    }
    return false;
}

static bool next_frame(struct i40e_model *m)
{
    for (unsigned i = 0; i < m->queues; i++) {
        unsigned n = (m->next_queue + i) % m->queues;
        struct i40e_engine_queue *q = i40e_model_ring(m, false, n);
        if (!m->tx[n].on || m->tx[n].lost || !q->on || q->head == q->tail)
            continue;
        if (is_crowded(m))
            return false;
        m->next_queue = n + 1;
        run_queue(m, n);
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
