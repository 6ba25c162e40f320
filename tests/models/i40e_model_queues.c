/* i40e_model_queues.c - queues of the i40e model: how they go on and off, tails, and the
 * descriptors' engine (i40e_engine.h) behind them.
 *
 * A transmit queue is announced before it goes on or off (GLLAN_TXPRE_QDIS, by its number in the
 * whole chip), and then QENA_REQ asks and QENA_STAT follows.  When it goes on the device reads its
 * context from private memory, once.  Linux i40e and DPDK agree. */
#include "tests/models/i40e_model_internal.h"

#include "kernel/time.h"

#include <string.h>

#define BLOCK 128u /* queues of one TXPRE_QDIS register */

void i40e_model_queues_reset(struct i40e_model *m)
{
    memset(m->rx, 0, sizeof m->rx);
    memset(m->tx, 0, sizeof m->tx);
}

bool i40e_model_receives(const struct i40e_model *m)
{
    for (unsigned q = 0; q < I40E_MODEL_QUEUES; q++)
        if (m->rx[q].ring.on)
            return true;
    return false;
}

static void announce(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    unsigned queue = (reg - R_TXPRE_QDIS(0)) / 4 * BLOCK + FIELD_GET(TXPRE_QUEUE, value);
    unsigned own = queue - i40e_base_queue(m);
    *i40e_at(m, reg) = value & TXPRE_QUEUE;
    if (own >= I40E_MODEL_QUEUES || FIELD_GET(TXPRE_QUEUE, value) >= BLOCK)
        i40e_model_violation(m, "another PF's queue is announced", reg, queue);
    else if (!(value & TXPRE_SET) == !(value & TXPRE_CLEAR))
        i40e_model_violation(m, "a queue announced neither on nor off", reg, value);
    else
        m->tx[own].ready = value & TXPRE_CLEAR;
}

static void switch_on(struct i40e_model *m, bool rx, unsigned n)
{
    struct i40e_model_queue *q = rx ? &m->rx[n] : &m->tx[n];
    uint32_t control = i40e_get(m, R_QTX_CTL(n));
    if (!rx && !q->ready)
        i40e_model_violation(m, "a transmit queue goes on unannounced", R_QTX_ENA(n), n);
    if (!rx && (FIELD_GET(QTX_CTL_KIND, control) != QTX_CTL_KIND_PF ||
                FIELD_GET(QTX_CTL_PF, control) != m->pf))
        i40e_model_violation(m, "a transmit queue that is not the PF's", R_QTX_CTL(n), control);
    if (!rx && i40e_get(m, R_QTX_HEAD(n)))
        i40e_model_violation(m, "a transmit queue whose head is not 0", R_QTX_HEAD(n), n);
    if (!i40e_model_hmc_context(m, rx, n, &q->ring.context))
        return;
    q->ring.tail = rx ? i40e_get(m, R_QRX_TAIL(n)) : 0;
    if (!rx)
        *i40e_at(m, R_QTX_TAIL(n)) = 0;
    i40e_engine_start(&q->ring);
    q->ring.on = false; /* until STAT says so */
}

static void write_enable(struct i40e_model *m, bool rx, unsigned n, bool on)
{
    struct i40e_model_queue *q = rx ? &m->rx[n] : &m->tx[n];
    if (q->asked == on)
        return;
    if (q->ring.on == on)
        i40e_model_violation(m, "a queue asked before it followed",
                             rx ? R_QRX_ENA(n) : R_QTX_ENA(n), on);
    if (!rx && !on && q->ready)
        i40e_model_violation(m, "a transmit queue goes off unannounced", R_QTX_ENA(n), n);
    q->asked = on;
    q->asked_us = time_us();
    if (on)
        switch_on(m, rx, n);
}

/* STAT follows REQ. */
static void follow(struct i40e_model *m, struct i40e_model_queue *q)
{
    if (q->asked != q->ring.on && !m->queue_sticks && time_us() >= q->asked_us + m->queue_takes_us)
        q->ring.on = q->asked;
}

static uint32_t read_enable(struct i40e_model *m, struct i40e_model_queue *q)
{
    follow(m, q);
    return (q->asked ? QENA_REQ : 0) | (q->ring.on ? QENA_STAT : 0);
}

static void write_tail(struct i40e_model *m, bool rx, unsigned n, uint32_t value)
{
    struct i40e_model_queue *q = rx ? &m->rx[n] : &m->tx[n];
    *i40e_at(m, rx ? R_QRX_TAIL(n) : R_QTX_TAIL(n)) = value;
    follow(m, q);
    if (!q->asked) {
        if (!rx && value && !m->unaware)
            i40e_model_violation(m, "the tail of a transmit queue that is off", R_QTX_TAIL(n),
                                 value);
        return;
    }
    if (value >= q->ring.context.count)
        i40e_model_violation(m, "a tail beyond its ring", rx ? R_QRX_TAIL(n) : R_QTX_TAIL(n),
                             value);
    q->ring.tail = value;
}

static bool within(uint32_t reg, uint32_t first, unsigned *n)
{
    *n = (reg - first) / 4;
    return reg >= first && *n < I40E_MODEL_QUEUES;
}

bool i40e_model_queues_write(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    unsigned n;
    if (reg >= R_TXPRE_QDIS(0) && reg <= R_TXPRE_QDIS(11))
        announce(m, reg, value);
    else if (within(reg, R_QTX_ENA(0), &n))
        write_enable(m, false, n, value & QENA_REQ);
    else if (within(reg, R_QRX_ENA(0), &n))
        write_enable(m, true, n, value & QENA_REQ);
    else if (within(reg, R_QTX_TAIL(0), &n))
        write_tail(m, false, n, value);
    else if (within(reg, R_QRX_TAIL(0), &n))
        write_tail(m, true, n, value);
    else
        return false;
    return true;
}

bool i40e_model_queues_read(struct i40e_model *m, uint32_t reg, uint32_t *value)
{
    unsigned n;
    if (within(reg, R_QTX_ENA(0), &n))
        *value = read_enable(m, &m->tx[n]);
    else if (within(reg, R_QRX_ENA(0), &n))
        *value = read_enable(m, &m->rx[n]);
    else
        return false;
    return true;
}
