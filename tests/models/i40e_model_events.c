/* i40e_model_events.c - what firmware of the i40e model tells without being asked: events and VFs'
 * messages wait for a descriptor of the admin receive queue; and malicious-driver detection. */
#include "tests/models/i40e_model_internal.h"

#include <string.h>

#define TO_PF 0x0801u

static bool has_room(const struct i40e_aq_device *a)
{
    return i40e_aq_device_is_open(a) && a->receive[3] != a->receive[4]; /* head and tail */
}

void i40e_model_deliver(struct i40e_model *m)
{
    while (m->events && has_room(&m->aq)) {
        static struct i40e_model_event e;
        e = m->event[0];
        memmove(m->event, m->event + 1, --m->events * sizeof m->event[0]);
        i40e_aq_device_event(&m->aq, &e.desc, e.bytes, e.n);
    }
}

static bool put(struct i40e_model *m, const struct i40e_aq_desc *desc, const uint8_t *bytes,
                uint32_t n)
{
    struct i40e_model_event *e = &m->event[m->events];
    if (m->events == I40E_MODEL_EVENTS || n > sizeof e->bytes)
        return false;
    m->events++;
    e->desc = *desc;
    e->n = (uint16_t)n;
    if (n)
        memcpy(e->bytes, bytes, n);
    i40e_model_deliver(m);
    return true;
}

void i40e_model_event(struct i40e_model *m, const struct i40e_aq_desc *desc)
{
    put(m, desc, NULL, 0);
}

void i40e_model_message_from_vf(struct iavf_model *vf, uint32_t op, const uint8_t *bytes,
                                uint32_t n)
{
    struct i40e_model *m = vf->owner;
    const struct i40e_aq_desc desc = {
        .opcode = TO_PF,
        .result = (uint16_t)(i40e_base_vf(m) + i40e_vf_index(m, vf)),
        .cookie_high = op,
    };
    m->messages_lost += !put(m, &desc, bytes, n);
}

void i40e_model_malicious(struct i40e_model *m, unsigned queue)
{
    *i40e_at(m, R_GL_MDET_TX) = MDET_TX_VALID | (i40e_base_queue(m) + queue) | m->pf << 21;
    *i40e_at(m, R_PF_MDET_TX) = 1;
    m->tx[queue].ring.on = false;
    i40e_model_irq_cause(m, ICR0_MAL_DETECT);
}

void i40e_model_malicious_vf(struct i40e_model *m, unsigned vf, unsigned queue)
{
    unsigned n = i40e_model_vf_queue(m, vf, queue);
    *i40e_at(m, R_GL_MDET_TX) =
        MDET_TX_VALID | (i40e_base_queue(m) + n) | (i40e_base_vf(m) + vf) << 12 | m->pf << 21;
    *i40e_at(m, R_VP_MDET_TX(vf)) = 1;
    m->tx[n].lost = true;
    i40e_model_irq_cause(m, ICR0_MAL_DETECT);
}
