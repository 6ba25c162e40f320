/* i40e_model_queues.c - queues of the i40e model: how they go on and off, tails, and the
 * descriptors' engine (i40e_engine.h) behind them.
 *
 * A transmit queue is announced before it goes on or off (GLLAN_TXPRE_QDIS, by its number in the
 * whole chip), and then QENA_REQ asks and QENA_STAT follows.  When it goes on the device reads its
 * context from private memory, once.  Linux i40e and DPDK agree.
 *
 * A queue belongs to the VF whose table has it (VPLAN_QTABLE), from when it goes on until it is off
 * again; its ring is then in that VF's memory, and its tail in that VF's registers.  A reset of the
 * VF takes the ring, and leaves QENA as it was. */
#include "tests/models/i40e_model_internal.h"

#include "kernel/time.h"

#include <string.h>

#define BLOCK 128u /* queues of one TXPRE_QDIS register */

void i40e_model_queues_reset(struct i40e_model *m)
{
    memset(m->rx, 0, sizeof m->rx);
    memset(m->tx, 0, sizeof m->tx);
}

bool i40e_model_receives(const struct i40e_model *m, bool vfs_too)
{
    for (unsigned q = 0; q < I40E_MODEL_QUEUES; q++)
        if (m->rx[q].on && (vfs_too || !m->rx[q].vf))
            return true;
    return false;
}

struct i40e_engine_queue *i40e_model_ring(struct i40e_model *m, bool rx, unsigned n)
{
    struct i40e_model_queue *q = rx ? &m->rx[n] : &m->tx[n];
    if (!q->vf)
        return &q->ring;
    return rx ? &m->vf[q->vf - 1].rx[q->vf_queue] : &m->vf[q->vf - 1].tx[q->vf_queue];
}

void i40e_model_queues_lose(struct i40e_model *m, unsigned vf)
{
    for (unsigned n = 0; n < I40E_MODEL_QUEUES; n++) {
        m->rx[n].lost |= m->rx[n].vf == vf + 1;
        m->tx[n].lost |= m->tx[n].vf == vf + 1;
    }
}

static bool is_on(const struct i40e_model_queue *q, unsigned vf, bool lost_too)
{
    return q->vf == vf + 1 && q->on && (lost_too || !q->lost);
}

bool i40e_model_queues_of_vf_on(const struct i40e_model *m, unsigned vf, bool lost_too)
{
    for (unsigned n = 0; n < I40E_MODEL_QUEUES; n++)
        if (is_on(&m->rx[n], vf, lost_too) || is_on(&m->tx[n], vf, lost_too))
            return true;
    return false;
}

static void announce(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    unsigned queue = (reg - R_TXPRE_QDIS(0)) / 4 * BLOCK + FIELD_GET(TXPRE_QUEUE, value);
    unsigned own = queue - i40e_base_queue(m);
    *i40e_at(m, reg) = value & TXPRE_QUEUE;
    if (own >= m->queues || FIELD_GET(TXPRE_QUEUE, value) >= BLOCK)
        i40e_model_violation(m, "another PF's queue is announced", reg, queue);
    else if (!(value & TXPRE_SET) == !(value & TXPRE_CLEAR))
        i40e_model_violation(m, "a queue announced neither on nor off", reg, value);
    else
        m->tx[own].ready = value & TXPRE_CLEAR;
}

/* Whose queue it is by the VFs' tables. */
static void find_owner(struct i40e_model *m, struct i40e_model_queue *q, unsigned n)
{
    q->vf = 0;
    for (unsigned vf = 0; vf < m->vfs; vf++)
        for (unsigned i = 0; m->vf_state[vf].present && i < I40E_MODEL_VF_QUEUES; i++) {
            if (i40e_model_vf_queue(m, vf, i) != n)
                continue;
            if (q->vf)
                i40e_model_violation(m, "a queue of two VFs", R_VPLAN_QTABLE(i, vf), n);
            q->vf = (uint8_t)(vf + 1);
            q->vf_queue = (uint8_t)i;
        }
    if (q->vf && i40e_model_vf_resets(m, q->vf - 1u))
        i40e_model_violation(m, "a queue goes on for a VF in reset", R_QTX_ENA(n), q->vf - 1u);
}

/* QTX_CTL says the same of a transmit queue. */
static void check_owner(struct i40e_model *m, unsigned n)
{
    uint32_t control = i40e_get(m, R_QTX_CTL(n)), kind = FIELD_GET(QTX_CTL_KIND, control);
    unsigned vf = m->tx[n].vf;
    bool good = FIELD_GET(QTX_CTL_PF, control) == m->pf;
    if (vf)
        good &=
            kind == QTX_CTL_KIND_VF && FIELD_GET(QTX_CTL_VF, control) == i40e_base_vf(m) + vf - 1;
    else
        good &= kind == QTX_CTL_KIND_PF;
    if (!good)
        i40e_model_violation(m,
                             vf ? "a transmit queue that is not its VF's"
                                : "a transmit queue that is not the PF's",
                             R_QTX_CTL(n), control);
}

static void switch_on(struct i40e_model *m, bool rx, unsigned n)
{
    struct i40e_model_queue *q = rx ? &m->rx[n] : &m->tx[n];
    find_owner(m, q, n);
    if (!rx && !q->ready)
        i40e_model_violation(m, "a transmit queue goes on unannounced", R_QTX_ENA(n), n);
    if (!rx)
        check_owner(m, n);
    if (!rx && i40e_get(m, R_QTX_HEAD(n)))
        i40e_model_violation(m, "a transmit queue whose head is not 0", R_QTX_HEAD(n), n);
    struct i40e_engine_queue *ring = i40e_model_ring(m, rx, n);
    q->lost = q->vf && i40e_model_vf_resets(m, q->vf - 1u);
    if (q->lost || !i40e_model_hmc_context(m, rx, n, &ring->context))
        return;
    if (!rx || !q->vf) /* who gives a VF's queue its buffers has done so already */
        ring->tail = rx ? i40e_get(m, R_QRX_TAIL(n)) : 0;
    if (!rx)
        *i40e_at(m, R_QTX_TAIL(n)) = 0;
    if (ring->tail >= ring->context.count)
        i40e_model_violation(m, "a tail beyond its ring goes on", R_QRX_TAIL(n), ring->tail);
    i40e_engine_start(ring);
    ring->on = false; /* until STAT says so */
}

static void write_enable(struct i40e_model *m, bool rx, unsigned n, bool on)
{
    struct i40e_model_queue *q = rx ? &m->rx[n] : &m->tx[n];
    if (q->asked == on)
        return;
    if (q->on == on)
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
static void follow(struct i40e_model *m, bool rx, unsigned n)
{
    struct i40e_model_queue *q = rx ? &m->rx[n] : &m->tx[n];
    if (q->asked == q->on || m->queue_sticks || time_us() < q->asked_us + m->queue_takes_us)
        return;
    q->on = q->asked;
    if (!q->lost)
        i40e_model_ring(m, rx, n)->on = q->on;
    if (q->on)
        return;
    q->vf = 0;
    q->lost = false;
}

static uint32_t read_enable(struct i40e_model *m, bool rx, unsigned n)
{
    struct i40e_model_queue *q = rx ? &m->rx[n] : &m->tx[n];
    follow(m, rx, n);
    return (q->asked ? QENA_REQ : 0) | (q->on ? QENA_STAT : 0);
}

static void write_tail(struct i40e_model *m, bool rx, unsigned n, uint32_t value)
{
    struct i40e_model_queue *q = rx ? &m->rx[n] : &m->tx[n];
    *i40e_at(m, rx ? R_QRX_TAIL(n) : R_QTX_TAIL(n)) = value;
    follow(m, rx, n);
    if (q->vf) {
        i40e_model_violation(m, "the tail of a VF's queue", R_QTX_TAIL(n), value);
        return;
    }
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
        *value = read_enable(m, false, n);
    else if (within(reg, R_QRX_ENA(0), &n))
        *value = read_enable(m, true, n);
    else
        return false;
    return true;
}
