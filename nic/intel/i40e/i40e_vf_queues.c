/* i40e_vf_queues.c - queues of VFs, which are queues of their PF's: whose is which, contexts, on
 * and off, and interrupts (i40e_sriov.h).
 *
 * Each VF is sure of as many as everybody has; what is left over goes to who asks first.  They need
 * not lie in a row.  A context names a ring in the VF's own address space: the chip reads and
 * writes it under the VF's requester ID, because of QTX_CTL, and of the VSI that receives.
 *
 * Linux's and DPDK's i40e agree on tables, contexts and lists. */
#include "nic/intel/i40e/i40e_sriov.h"

#include <errno.h>
#include <string.h>

static struct i40e_vf *vf_of(const struct i40e *e, unsigned vf)
{
    return &e->sriov->vf[vf];
}

static unsigned vf_count(const struct i40e *e)
{
    return e->sriov->server.base.count;
}

/* Whose is which ----------------------------------------------------------------------------- */

unsigned i40e_vf_queues_for(void *chip, unsigned vf)
{
    struct i40e *e = chip;
    unsigned free = 0, promised = 0;
    for (unsigned q = e->sriov->first; q < e->sriov->queues_all; q++)
        free += !e->sriov->owner[q] || e->sriov->owner[q] == vf + 1;
    for (unsigned i = 0; i < vf_count(e); i++)
        if (i != vf && vf_of(e, i)->queues < e->sriov->queues)
            promised += e->sriov->queues - vf_of(e, i)->queues;
    free = free > promised ? free - promised : 0;
    return free < VIRTCHNL_QUEUES_MAX ? free : VIRTCHNL_QUEUES_MAX;
}

void i40e_vf_take_queues(struct i40e *e, unsigned vf)
{
    struct i40e_vf *v = vf_of(e, vf);
    unsigned wanted = e->sriov->server.vf[vf].queues_wanted, most = i40e_vf_queues_for(e, vf);
    if (!wanted)
        wanted = e->sriov->queues;
    if (wanted > most)
        wanted = most;
    for (unsigned q = e->sriov->first; q < e->sriov->queues_all && v->queues < wanted; q++) {
        if (e->sriov->owner[q])
            continue;
        e->sriov->owner[q] = (uint8_t)(vf + 1);
        v->queue[v->queues++] = (uint16_t)q;
    }
}

static void clear_interrupts(const struct i40e *e, unsigned vf)
{
    uint32_t n = e->vf_vectors - 1, first = n * vf;
    i40e_write(e, I40E_VFINT_DYN_CTL0(vf), I40E_DYN_CTL_CLEARPBA);
    i40e_write(e, I40E_VPINT_LNKLST0(vf), I40E_LNKLST_END);
    for (uint32_t i = 0; i < n; i++) {
        i40e_write(e, I40E_VFINT_DYN_CTLN(first + i), I40E_DYN_CTL_CLEARPBA);
        i40e_write(e, I40E_VPINT_LNKLSTN(first + i), I40E_LNKLST_END);
    }
}

int i40e_vf_drop_queues(struct i40e *e, unsigned vf)
{
    struct i40e_vf *v = vf_of(e, vf);
    int err = i40e_vf_enable(e, vf, v->rx_on, v->tx_on, false);
    if (err)
        return err;
    clear_interrupts(e, vf);
    i40e_write(e, I40E_VPLAN_MAPENA(vf), 0);
    for (unsigned i = 0; i < VIRTCHNL_QUEUES_MAX; i++)
        i40e_write(e, I40E_VPLAN_QTABLE(i, vf), I40E_QTABLE_NONE);
    for (unsigned i = 0; i < v->queues; i++)
        e->sriov->owner[v->queue[i]] = 0;
    v->queues = 0;
    return 0;
}

void i40e_vf_map_queues(struct i40e *e, unsigned vf)
{
    const struct i40e_vf *v = vf_of(e, vf);
    i40e_write(e, I40E_VPLAN_MAPENA(vf), I40E_MAPENA_TXRX);
    for (unsigned i = 0; i < VIRTCHNL_QUEUES_MAX; i++)
        i40e_write(e, I40E_VPLAN_QTABLE(i, vf), i < v->queues ? v->queue[i] : I40E_QTABLE_NONE);
}

/* Contexts, on and off ------------------------------------------------------------- */

/* The server has judged all of it, and that the queue is off. */
int i40e_vf_configure(void *chip, unsigned vf, unsigned queue)
{
    struct i40e *e = chip;
    const struct i40e_vf *v = vf_of(e, vf);
    const struct virtchnl_queue *q = &e->sriov->server.vf[vf].queue[queue];
    i40e_write_tx_context(e, v->queue[queue], q->tx_ring, q->tx_length, v->queue_set);
    i40e_write_rx_context(e, v->queue[queue],
                          &(struct i40e_rx_context){ .ring = q->rx_ring,
                                                     .length = q->rx_length,
                                                     .buffer = q->buffer,
                                                     .frame = q->frame,
                                                     .desc32 = true });
    return 0;
}

/* The PF's numbers of those whose bits are set. */
static unsigned pick(const struct i40e_vf *v, uint32_t bits, uint16_t *list)
{
    unsigned n = 0;
    for (unsigned i = 0; i < v->queues; i++)
        if (bits >> i & 1)
            list[n++] = v->queue[i];
    return n;
}

/* Receive tails are the VF's to write, and it has by now. */
static int switch_on(struct i40e *e, unsigned vf, uint32_t rx, uint32_t tx)
{
    struct i40e_vf *v = vf_of(e, vf);
    uint32_t owner = FIELD_PUT(I40E_QTX_CTL_KIND, I40E_QTX_CTL_KIND_VF) |
                     FIELD_PUT(I40E_QTX_CTL_PF, e->function) |
                     FIELD_PUT(I40E_QTX_CTL_VF, i40e_vf_number(e, vf));
    int err = 0;
    for (unsigned i = 0; i < v->queues && !err; i++) {
        if (rx >> i & 1) {
            v->rx_on |= 1u << i;
            err = i40e_switch_rx_on(e, v->queue[i]);
        }
        if (!err && tx >> i & 1) {
            v->tx_on |= 1u << i;
            err = i40e_switch_tx_on(e, v->queue[i], owner);
        }
    }
    return err;
}

int i40e_vf_enable(void *chip, unsigned vf, uint32_t rx, uint32_t tx, bool on)
{
    struct i40e *e = chip;
    struct i40e_vf *v = vf_of(e, vf);
    uint16_t rxq[VIRTCHNL_QUEUES_MAX], txq[VIRTCHNL_QUEUES_MAX];
    if (on)
        return switch_on(e, vf, rx, tx);
    rx &= v->rx_on;
    tx &= v->tx_on;
    unsigned rx_count = pick(v, rx, rxq), tx_count = pick(v, tx, txq);
    if (!(rx_count + tx_count))
        return 0;
    int err = i40e_switch_off(e, rxq, rx_count, txq, tx_count);
    if (err)
        return err;
    v->rx_on &= ~rx;
    v->tx_on &= ~tx;
    return 0;
}

/* Interrupts ----------------------------------------------------------------------- */

/* A vector's list: receive and transmit queues in turn. */
struct cause {
    uint16_t queue;
    bool tx;
};

static unsigned causes_of(const struct i40e_vf *v, const struct virtchnl_vector *vector,
                          struct cause *list)
{
    unsigned n = 0;
    for (unsigned i = 0; i < v->queues; i++) {
        if (vector->rx_queues >> i & 1)
            list[n++] = (struct cause){ v->queue[i], false };
        if (vector->tx_queues >> i & 1)
            list[n++] = (struct cause){ v->queue[i], true };
    }
    return n;
}

void i40e_vf_map(void *chip, unsigned vf, const struct virtchnl_vector *vector)
{
    struct i40e *e = chip;
    struct cause list[2 * VIRTCHNL_QUEUES_MAX];
    unsigned n = causes_of(vf_of(e, vf), vector, list), k = vector->vector;
    uint32_t first = n ? list[0].queue | (list[0].tx ? I40E_LNKLST_TX : 0) : I40E_LNKLST_END;
    for (unsigned i = 0; i < n; i++) {
        uint32_t next = i + 1 < n ? FIELD_PUT(I40E_QINT_NEXT, (uint32_t)list[i + 1].queue) |
                                        (list[i + 1].tx ? I40E_QINT_NEXT_TX : 0)
                                  : FIELD_PUT(I40E_QINT_NEXT, I40E_LNKLST_NONE);
        uint32_t itr = list[i].tx ? vector->tx_itr : vector->rx_itr;
        i40e_write(e, list[i].tx ? I40E_QINT_TQCTL(list[i].queue) : I40E_QINT_RQCTL(list[i].queue),
                   I40E_QINT_CAUSE | FIELD_PUT(I40E_QINT_VECTOR, k) |
                       FIELD_PUT(I40E_QINT_ITR, itr) | next);
    }
    i40e_write(e, k ? I40E_VPINT_LNKLSTN((e->vf_vectors - 1) * vf + k - 1) : I40E_VPINT_LNKLST0(vf),
               first);
}
