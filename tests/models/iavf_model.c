/* iavf_model.c - registers, interrupts and reset of a VF of Intel's since the 40 Gb/s chips
 * (iavf_model.h). */
#include "tests/models/iavf_model.h"

#include "kernel/compiler.h"
#include "kernel/mmio.h"
#include "pci/pci_regs.h"
#include "tests/models/pcispace_config.h"

#include <stdio.h>
#include <string.h>

#define R_QTX_TAIL(q) (0x0000u + 4 * (q))
#define R_QRX_TAIL(q) (0x2000u + 4 * (q))
#define R_ITRN_FIRST 0x2800u
#define R_ITRN_LAST 0x28bfu
#define R_DYN_CTLN(v) (0x3800u + 4 * (v))
#define R_ICR0 0x4800u
#define R_ITR0_FIRST 0x4c00u
#define R_ITR0_LAST 0x4c0bu
#define R_ICR0_ENA 0x5000u
#define R_STAT_CTL0 0x5400u
#define R_DYN_CTL0 0x5c00u
#define R_RSTAT 0x8800u
#define R_HENA(i) (0xc400u + 4 * (i))
#define R_HKEY(i) (0xcc00u + 4 * (i))
#define R_HLUT(i) (0xd000u + 4 * (i))

#define DYN_INTENA 0x00000001u
#define DYN_CLEARPBA 0x00000002u
#define DYN_TRIGGER 0x00000004u
#define DYN_KEPT 0xc700fff9u /* what a write leaves there */
#define DYN_KNOWN 0xc701ffffu
#define DYN_MASK_OF_INTENA 0x80000000u
#define ADMINQ 0x40000000u
#define DEAD 0xdeadbeefu

#define MSIX_BAR 3u
#define MSIX_AT 0x70u
#define TOLD_MAX 40u

static const struct i40e_aq_regs aq_regs = {
    .send = { .low = 0x7c00, .high = 0x7800, .length = 0x6800, .head = 0x6400, .tail = 0x8400 },
    .receive = { .low = 0x6c00, .high = 0x6000, .length = 0x8000, .head = 0x7400, .tail = 0x7000 },
};

/* Violations -------------------------------------------------------------------------- */

void iavf_model_violation(struct iavf_model *m, const char *what, uint64_t value)
{
    if (!m->quiet && m->violations < TOLD_MAX)
        fprintf(stderr, "iavf model: %s (%llx)\n", what, (unsigned long long)value);
    m->violations++;
}

unsigned iavf_model_violations(const struct iavf_model *m)
{
    return m->violations + m->device.dma_refused;
}

static void wrong(void *owner, const char *what, uint64_t value)
{
    iavf_model_violation(owner, what, value);
}

/* Interrupts ---------------------------------------------------------------------------- */

/* An interrupt that is raised switches itself off until it is enabled again. */
static void fire(struct iavf_model *m, unsigned vector)
{
    if (!m->pending[vector] || !(m->dyn_ctl[vector] & DYN_INTENA))
        return;
    m->pending[vector] = false;
    m->dyn_ctl[vector] &= ~DYN_INTENA;
    pcispace_interrupt(&m->device, vector);
}

static void cause(struct iavf_model *m, unsigned vector)
{
    m->pending[vector] = true;
    fire(m, vector);
}

static void queue_news(struct iavf_model *m, struct i40e_engine_queue *q, unsigned vector)
{
    bool done = q->done;
    q->done = false;
    if (done && vector && vector < m->vectors)
        cause(m, vector);
}

static void aq_news(void *owner)
{
    struct iavf_model *m = owner;
    m->icr0 |= ADMINQ;
    if (m->icr0_ena & ADMINQ)
        cause(m, 0);
}

static void write_dyn_ctl(struct iavf_model *m, unsigned vector, uint32_t value)
{
    uint32_t *ctl = &m->dyn_ctl[vector];
    if (value & ~DYN_KNOWN)
        iavf_model_violation(m, "interrupt control with reserved bits", value);
    if (value & DYN_CLEARPBA)
        m->pending[vector] = false;
    if (value & DYN_MASK_OF_INTENA) /* the enable bit is not meant */
        value = (value & ~DYN_INTENA) | (*ctl & DYN_INTENA);
    *ctl = value & (DYN_KEPT | DYN_INTENA);
    if (value & DYN_TRIGGER)
        m->pending[vector] = true;
    fire(m, vector);
}

/* Reset ----------------------------------------------------------------------------------- */

void iavf_model_reset_begin(struct iavf_model *m)
{
    for (unsigned i = 0; i < IAVF_MODEL_QUEUES; i++) {
        memset(&m->rx[i], 0, sizeof m->rx[i]);
        memset(&m->tx[i], 0, sizeof m->tx[i]);
    }
    memset(m->rx_vector, 0, sizeof m->rx_vector);
    memset(m->tx_vector, 0, sizeof m->tx_vector);
    memset(m->dyn_ctl, 0, sizeof m->dyn_ctl);
    memset(m->pending, 0, sizeof m->pending);
    m->icr0 = m->icr0_ena = 0;
    i40e_aq_device_reset(&m->aq);
    m->rstat = VIRTCHNL_RESETTING;
    m->told = false;
    m->resets++;
}

void iavf_model_reset_end(struct iavf_model *m, enum virtchnl_reset_state state)
{
    m->in_reset = false;
    m->rstat = state;
}

static void function_reset(struct iavf_model *m)
{
    unsigned at = config_find_express(&m->device) + PCI_EXPRESS_DEVICE_CTL;
    config_put(m->device.config + at, 0, 2);
    config_put(m->device.config + PCI_COMMAND, 0, 2);
    m->flrs++;
    iavf_model_reset_begin(m);
    m->behind->reset(m);
}

static void config_written(void *ctx, uint16_t offset, unsigned size)
{
    struct iavf_model *m = ctx;
    unsigned at = config_find_express(&m->device) + PCI_EXPRESS_DEVICE_CTL;
    if (offset <= at + 1 && offset + size > at &&
        (config_get(m->device.config + at, 2) & CONFIG_FLR))
        function_reset(m);
}

/* The admin queue ----------------------------------------------------------------------------- */

/* Firmware passes messages on; of other commands a VF has one. */
static void command(void *owner, struct i40e_aq_desc *desc, uint8_t bytes[I40E_AQ_BUFFER])
{
    struct iavf_model *m = owner;
    uint16_t n = desc->flags & I40E_AQ_BUF ? desc->length : 0;
    if (desc->opcode == I40E_AQ_SHUTDOWN)
        return;
    if (desc->opcode != VIRTCHNL_TO_PF) {
        iavf_model_violation(m, "command that a VF does not have", desc->opcode);
        desc->result = 3;
        return;
    }
    if (n && !(desc->flags & I40E_AQ_RD))
        iavf_model_violation(m, "message whose buffer is not read", desc->flags);
    if (m->overhears)
        m->overhears(m, false, desc->cookie_high, 0, bytes, n);
    m->behind->message(m, desc->cookie_high, bytes, n);
}

bool iavf_model_tell(struct iavf_model *m, uint32_t op, int32_t status, const void *bytes,
                     uint32_t n)
{
    const struct i40e_aq_desc d = { .opcode = VIRTCHNL_TO_VF,
                                    .cookie_high = op,
                                    .cookie_low = (uint32_t)status };
    if (m->overhears)
        m->overhears(m, true, op, status, bytes, n);
    return i40e_aq_device_event(&m->aq, &d, bytes, (uint16_t)n);
}

/* Queues --------------------------------------------------------------------------- */

static void sent(void *owner, struct i40e_engine_queue *q, const uint8_t *bytes, uint32_t length)
{
    struct iavf_model *m = owner;
    m->behind->sent(m, (unsigned)(q - m->tx), bytes, length);
}

bool iavf_model_deliver(struct iavf_model *m, unsigned q, const uint8_t *bytes, uint32_t length,
                        const uint32_t *hash)
{
    bool got = i40e_engine_receive(&m->engine, &m->rx[q], bytes, length, hash);
    queue_news(m, &m->rx[q], m->rx_vector[q]);
    return got;
}

bool iavf_model_run(struct iavf_model *m, unsigned q)
{
    bool ran = i40e_engine_transmit(&m->engine, &m->tx[q]);
    queue_news(m, &m->tx[q], m->tx_vector[q]);
    return ran;
}

/* A driver may give buffers before its queue is on, but frames only afterwards. */
static void write_tail(struct iavf_model *m, bool rx, unsigned n, uint32_t value)
{
    struct i40e_engine_queue *q = rx ? &m->rx[n] : &m->tx[n];
    if (!m->told && m->resets > 1 && !m->rx[0].on)
        return; /* who has not seen that its queues are gone cannot know better */
    if (q->on && value >= q->context.count)
        iavf_model_violation(m, "tail past the ring", value);
    else if (!rx && value && !q->on)
        iavf_model_violation(m, "transmit tail moved before the queue is on", n);
    else if (m->rstat == VIRTCHNL_RESETTING && value)
        iavf_model_violation(m, "tail moved while the VF is being reset", n);
    q->tail = value;
}

/* Registers ------------------------------------------------------------------------ */

static uint32_t *plain(struct iavf_model *m, uint32_t reg)
{
    if (reg >= R_HENA(0) && reg <= R_HENA(1))
        return &m->hena[(reg - R_HENA(0)) / 4];
    if (reg >= R_HKEY(0) && reg <= R_HKEY(12))
        return &m->key[(reg - R_HKEY(0)) / 4];
    if (reg >= R_HLUT(0) && reg <= R_HLUT(15))
        return &m->lut[(reg - R_HLUT(0)) / 4];
    return reg == R_ICR0_ENA ? &m->icr0_ena : NULL;
}

static bool is_moderation(uint32_t reg)
{
    return (reg >= R_ITRN_FIRST && reg <= R_ITRN_LAST) ||
           (reg >= R_ITR0_FIRST && reg <= R_ITR0_LAST) || reg == R_STAT_CTL0;
}

static bool is_in(uint32_t reg, uint32_t first, uint32_t count)
{
    return reg >= first && reg < first + 4 * count;
}

static void look_at_reset(struct iavf_model *m, uint32_t reg)
{
    if (reg == R_RSTAT || reg == m->aq.layout->receive.length || reg == m->aq.layout->send.length)
        m->told = true;
}

/* Reading clears them.  Enabled or not: DPDK looks while they are not. */
static uint32_t read_causes(struct iavf_model *m)
{
    uint32_t causes = m->icr0;
    m->icr0 = 0;
    return causes;
}

static uint64_t bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    struct iavf_model *m = ctx;
    uint32_t reg = (uint32_t)offset, value = 0;
    if (m->gone)
        return UINT32_MAX;
    if (bar == MSIX_BAR)
        return 0;
    if (size != 4 || reg % 4)
        iavf_model_violation(m, "register not read as 32 bits", offset);
    look_at_reset(m, reg);
    if (m->in_reset)
        return DEAD;
    if (i40e_aq_device_read(&m->aq, reg, &value))
        return value;
    if (reg == R_RSTAT)
        return m->rstat;
    if (is_in(reg, R_DYN_CTLN(0), m->vectors - 1))
        return m->dyn_ctl[1 + (reg - R_DYN_CTLN(0)) / 4];
    if (reg == R_DYN_CTL0)
        return m->dyn_ctl[0];
    if (reg == R_ICR0)
        return read_causes(m);
    if (is_moderation(reg))
        return 0;
    if (is_in(reg, R_QRX_TAIL(0), IAVF_MODEL_QUEUES))
        return m->rx[(reg - R_QRX_TAIL(0)) / 4].tail;
    if (is_in(reg, R_QTX_TAIL(0), IAVF_MODEL_QUEUES))
        return m->tx[(reg - R_QTX_TAIL(0)) / 4].tail;
    uint32_t *at = plain(m, reg);
    if (!at)
        iavf_model_violation(m, "read of a register that a VF does not have", offset);
    return at ? *at : 0;
}

/* Linux's iavf talks and listens on for a while after a reset that it has not noticed. */
static bool is_late_message(const struct iavf_model *m, uint32_t reg, uint32_t value)
{
    return value && m->resets > 1 && !i40e_aq_device_is_open(&m->aq) &&
           (reg == m->aq.layout->send.tail || reg == m->aq.layout->receive.tail);
}

static void bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value64)
{
    struct iavf_model *m = ctx;
    uint32_t reg = (uint32_t)offset, value = (uint32_t)value64;
    if (m->gone || bar == MSIX_BAR)
        return;
    if (size != 4 || reg % 4)
        iavf_model_violation(m, "register not written as 32 bits", offset);
    if (m->in_reset || (m->patient && is_late_message(m, reg, value)))
        return;
    if (i40e_aq_device_write(&m->aq, reg, value))
        return;
    if (is_in(reg, R_DYN_CTLN(0), m->vectors - 1)) {
        write_dyn_ctl(m, 1 + (reg - R_DYN_CTLN(0)) / 4, value);
    } else if (reg == R_DYN_CTL0) {
        write_dyn_ctl(m, 0, value);
    } else if (is_in(reg, R_QRX_TAIL(0), IAVF_MODEL_QUEUES)) {
        write_tail(m, true, (reg - R_QRX_TAIL(0)) / 4, value);
    } else if (is_in(reg, R_QTX_TAIL(0), IAVF_MODEL_QUEUES)) {
        write_tail(m, false, (reg - R_QTX_TAIL(0)) / 4, value);
    } else if (!is_moderation(reg)) {
        uint32_t *at = plain(m, reg);
        if (!at)
            iavf_model_violation(m, "write of a register that a VF does not have", offset);
        else
            *at = value;
    }
}

/* Configuration space -------------------------------------------------------------- */

void iavf_model_set_vectors(struct iavf_model *m, unsigned vectors)
{
    m->vectors = vectors;
    config_put(m->device.config + MSIX_AT + PCI_MSIX_CONTROL, vectors - 1, 2);
}

void iavf_model_power_on(struct iavf_model *m, uint16_t device_id, const struct iavf_behind *behind,
                         void *owner)
{
    struct pcispace_device *d = &m->device;
    memset(m, 0, offsetof(struct iavf_model, pf.wire));
    m->behind = behind;
    m->owner = owner;
    m->aq = (struct i40e_aq_device){ .layout = &aq_regs,
                                     .device = d,
                                     .owner = m,
                                     .wrong = wrong,
                                     .command = command,
                                     .news = aq_news };
    m->engine = (struct i40e_engine){ .device = d, .owner = m, .wrong = wrong, .sent = sent };
    pcispace_device_init(d, 0x8086, device_id, 0x020000);
    d->config_size = PCI_EXTENDED_SIZE;
    d->config[PCI_REVISION] = 1;
    config_put(d->config + PCI_SUBSYSTEM_VENDOR, 0x8086, 2);
    d->capability_end = MSIX_AT;
    config_add_msix(d, IAVF_MODEL_VECTORS, MSIX_BAR);
    m->vectors = IAVF_MODEL_VECTORS;
    d->capability_end = 0xa0;
    config_add_express(d, PCI_EXPRESS_ENDPOINT, true, false);
    d->bar[0] = (struct pcispace_bar){ IAVF_MODEL_BAR_SIZE, .is64 = true, .prefetchable = true };
    d->bar[MSIX_BAR] = (struct pcispace_bar){ 0x4000, .is64 = true, .prefetchable = true };
    d->bar_read = bar_read;
    d->bar_write = bar_write;
    d->config_written = config_written;
    d->ctx = m;
    iavf_model_reset_begin(m);
    m->rstat = VIRTCHNL_ACTIVE;
    m->told = true;
}
