/* i40e_model_irq.c - interrupts of the i40e model: vector 0 with ICR0, and the others, whose causes
 * are queues.
 *
 * A vector fires when something happened since it fired last and INTENA is set; firing clears
 * INTENA, unless GLINT_CTL has that switched off (DPDK).  A queue belongs to the vector that its
 * QINT register names, if that vector's list (LNKLST, then from queue to queue) leads to it.
 * Moderation is not modelled.  Witnesses: Linux i40e and DPDK agree. */
#include "tests/models/i40e_model_internal.h"

#define TYPE_TX 1u

static uint32_t dynamic_control(unsigned vector)
{
    return vector ? R_DYN_CTLN(vector - 1) : R_DYN_CTL0;
}

/* The next queue of a vector's list; false: it ends. */
static bool next_listed(const struct i40e_model *m, uint32_t *at, unsigned *queue, bool *rx)
{
    *queue = FIELD_GET(QINT_NEXT, *at);
    *rx = FIELD_GET(QINT_NEXT_TYPE, *at) != TYPE_TX;
    if (*queue >= I40E_MODEL_QUEUES)
        return false;
    *at = i40e_get(m, *rx ? R_QINT_RQCTL(*queue) : R_QINT_TQCTL(*queue));
    return true;
}

/* LNKLST has the first one where QINT has the next. */
static uint32_t list_at(uint32_t first)
{
    return FIELD_PUT(QINT_NEXT, FIELD_GET(LNKLST_FIRST, first)) |
           FIELD_PUT(QINT_NEXT_TYPE, FIELD_GET(LNKLST_TYPE, first));
}

static uint32_t list_of(const struct i40e_model *m, unsigned vector)
{
    return list_at(i40e_get(m, vector ? R_LNKLSTN(vector - 1) : R_LNKLST0));
}

/* Heads that were not reported yet are, when their vector's time has come. */
static void report_heads(struct i40e_model *m, unsigned vector)
{
    uint32_t at = list_of(m, vector);
    unsigned queue;
    bool rx;
    for (unsigned i = 0; i < 2 * I40E_MODEL_QUEUES && next_listed(m, &at, &queue, &rx); i++) {
        const struct i40e_engine_queue *q = &m->tx[queue].ring;
        if (!rx && q->on && q->context.head_writeback && !m->engine.hide_writeback)
            pcispace_dma_write(&m->device, q->context.head_address, &q->head, 4);
    }
}

static void fire(struct i40e_model *m, unsigned vector)
{
    uint32_t *control = i40e_at(m, dynamic_control(vector));
    if (!m->pending[vector] || !(*control & DYN_INTENA))
        return;
    report_heads(m, vector);
    m->pending[vector] = false;
    if (!(i40e_get(m, R_GLINT_CTL) & (vector ? GLINT_AUTOMASK_NOT_N : GLINT_AUTOMASK_NOT_0)))
        *control &= ~DYN_INTENA;
    m->fired[vector]++;
    pcispace_interrupt(&m->device, vector);
}

static void look_at_causes(struct i40e_model *m)
{
    if (!(i40e_get(m, R_ICR0) & i40e_get(m, R_ICR0_ENA)))
        return;
    *i40e_at(m, R_ICR0) |= ICR0_EVENT;
    m->pending[0] = true;
    fire(m, 0);
}

void i40e_model_irq_cause(struct i40e_model *m, uint32_t icr0)
{
    *i40e_at(m, R_ICR0) |= icr0;
    look_at_causes(m);
}

/* Does the list lead to that queue? */
static bool is_listed(const struct i40e_model *m, uint32_t at, bool rx, unsigned queue)
{
    unsigned next;
    bool next_rx;
    for (unsigned i = 0; i < 2 * I40E_MODEL_QUEUES && next_listed(m, &at, &next, &next_rx); i++)
        if (next == queue && next_rx == rx)
            return true;
    return false;
}

void i40e_model_irq_queue(struct i40e_model *m, bool rx, unsigned queue)
{
    uint32_t control = i40e_get(m, rx ? R_QINT_RQCTL(queue) : R_QINT_TQCTL(queue));
    unsigned vector = FIELD_GET(QINT_VECTOR, control);
    if (!(control & QINT_CAUSE) || vector >= I40E_MODEL_VECTORS ||
        !is_listed(m, list_of(m, vector), rx, queue))
        return;
    if (!vector) { /* a bit of ICR0, by the queue's register, and no other event until that is read
                    */
        uint32_t bit = ICR0_QUEUE_0 << FIELD_GET(QINT_VECTOR0_BIT, control);
        if (i40e_get(m, R_ICR0) & bit)
            return;
        *i40e_at(m, R_ICR0) |= bit | ICR0_EVENT;
    }
    m->pending[vector] = true;
    fire(m, vector);
}

uint8_t i40e_model_irq_of_vf(const struct i40e_model *m, unsigned vf, bool rx, unsigned queue)
{
    uint32_t control = i40e_get(m, rx ? R_QINT_RQCTL(queue) : R_QINT_TQCTL(queue));
    unsigned vector = FIELD_GET(QINT_VECTOR, control);
    if (!(control & QINT_CAUSE) || !vector || vector >= I40E_MODEL_VF_VECTORS)
        return 0;
    uint32_t first = i40e_get(m, R_VF_LNKLSTN((I40E_MODEL_VF_VECTORS - 1) * vf + vector - 1));
    return is_listed(m, list_at(first), rx, queue) ? (uint8_t)vector : 0;
}

static void write_dynamic(struct i40e_model *m, unsigned vector, uint32_t value)
{
    uint32_t *control = i40e_at(m, dynamic_control(vector));
    uint32_t enabled = value & DYN_INTENA_KEEP ? *control & DYN_INTENA : value & DYN_INTENA;
    if (value & DYN_CLEARPBA)
        m->pending[vector] = false;
    *control = (value & 0xfffffff8u & ~DYN_INTENA_KEEP) | enabled;
    if (value & DYN_SWINT)
        m->pending[vector] = true;
    if ((value & DYN_SWINT) && !vector)
        *i40e_at(m, R_ICR0) |= ICR0_SWINT | ICR0_EVENT;
    fire(m, vector);
}

bool i40e_model_irq_write(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    if (reg == R_DYN_CTL0) {
        write_dynamic(m, 0, value);
    } else if (reg >= R_DYN_CTLN(0) && reg <= R_DYN_CTLN(I40E_MODEL_VECTORS - 2)) {
        write_dynamic(m, (reg - R_DYN_CTLN(0)) / 4 + 1, value);
    } else if (reg == R_ICR0_ENA) {
        *i40e_at(m, reg) = value;
        look_at_causes(m);
    } else {
        return false;
    }
    return true;
}

/* Reading ICR0 clears it. */
bool i40e_model_irq_read(struct i40e_model *m, uint32_t reg, uint32_t *value)
{
    if (reg != R_ICR0)
        return false;
    *value = i40e_get(m, R_ICR0);
    *i40e_at(m, R_ICR0) = 0;
    return true;
}
