/* ixgbe_model_vf.c - mailboxes and registers of VFs in the ixgbe model, and the test as a VF.
 * Witnesses: Linux ixgbe and ixgbevf, DPDK agree. */
#include "tests/models/ixgbe_model_internal.h"

#include "kernel/time.h"
#include "pci/pci_regs.h"

#include <string.h>

/* A VF's own register map */
#define V_CTRL 0x0000u
#define V_STATUS 0x0008u
#define V_LINKS 0x0010u
#define V_TIMER 0x0048u
#define V_PSRTYPE 0x0300u
#define V_RX 0x1000u
#define V_TX 0x2000u
#define V_QUEUES 8u
#define V_GPRC 0x101cu
#define V_GORC_LOW 0x1020u
#define V_GORC_HIGH 0x1024u
#define V_MPRC 0x1034u
#define V_GPTC 0x201cu
#define V_GOTC_LOW 0x2020u
#define V_GOTC_HIGH 0x2024u
#define V_WRAP 0x3190u

/* The mailbox, both views --------------------------------------------------------- */

static void set_bit(uint32_t *at, uint32_t bit, bool on)
{
    *at = on ? *at | bit : *at & ~bit;
}

static void own(struct ixgbe_model *m, unsigned vf, bool pf, bool on)
{
    bool other = m->vf[vf].mailbox & (pf ? VFMB_VFU : VFMB_PFU);
    if (on && other)
        return;
    set_bit(&m->vf[vf].mailbox, pf ? VFMB_PFU : VFMB_VFU, on);
    set_bit(ixgbe_at(m, R_PFMAILBOX(vf)), pf ? PFMB_PFU : PFMB_VFU, on);
}

/* A doorbell rings, or is lost. */
static void ring_vf(struct ixgbe_model *m, unsigned vf, uint32_t bit)
{
    if (m->messages_vanish) {
        m->messages_lost++;
        return;
    }
    m->vf[vf].mailbox |= bit;
    if (m->vf[vf].ivar_misc & 0x80)
        ixgbe_model_irq_vf(m, vf, m->vf[vf].ivar_misc & 3);
}

static void ring_pf(struct ixgbe_model *m, unsigned vf, bool ack)
{
    if (m->messages_vanish) {
        m->messages_lost++;
        return;
    }
    *ixgbe_at(m, R_PFMBICR(vf / 16)) |= 1u << (vf % 16 + (ack ? 16 : 0));
    if (ixgbe_get(m, R_PFMBIMR(vf / 16)) >> (vf % 16 + (ack ? 16 : 0)) & 1)
        ixgbe_model_irq_cause(m, EICR_MAILBOX);
}

static void write_pf_mailbox(struct ixgbe_model *m, unsigned vf, uint32_t value)
{
    if (value & ~(PFMB_STS | PFMB_ACK | PFMB_PFU | PFMB_RVFU))
        ixgbe_model_violation(m, BY_PF, "reserved or read-only bits set", R_PFMAILBOX(vf), value);
    if (value & PFMB_RVFU) {
        own(m, vf, false, false);
        *ixgbe_at(m, R_PFMBICR(vf / 16)) &= ~(0x10001u << vf % 16);
    }
    if (value & PFMB_STS)
        ring_vf(m, vf, VFMB_PFSTS);
    if (value & PFMB_ACK)
        ring_vf(m, vf, VFMB_PFACK);
    own(m, vf, true, value & PFMB_PFU);
}

void ixgbe_model_mailbox_pf_write(struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    if (reg < R_PFMBMEM(0)) {
        write_pf_mailbox(m, (reg - R_PFMAILBOX(0)) / 4, value);
        return;
    }
    unsigned vf = (reg - R_PFMBMEM(0)) / 64;
    bool wipes = !value && !(m->vf[vf].mailbox & VFMB_VFU); /* as Linux does when a VF was reset */
    if (!(m->vf[vf].mailbox & VFMB_PFU) && !wipes)
        ixgbe_model_violation(m, BY_PF, "message written into a buffer that is not the PF's", reg,
                              value);
    m->vf[vf].memory[reg % 64 / 4] = value;
}

uint32_t ixgbe_model_mailbox_pf_read(struct ixgbe_model *m, uint32_t reg)
{
    if (reg < R_PFMBMEM(0))
        return ixgbe_get(m, reg);
    return m->vf[(reg - R_PFMBMEM(0)) / 64].memory[reg % 64 / 4];
}

void ixgbe_model_mailbox_reset(struct ixgbe_model *m)
{
    for (unsigned i = 0; i < IXGBE_MODEL_VFS; i++) {
        m->vf[i].mailbox = VFMB_RSTI;
        m->vf[i].queues_lost = true;
        m->vf[i].told = false;
    }
}

void ixgbe_model_mailbox_open(struct ixgbe_model *m)
{
    for (unsigned i = 0; i < IXGBE_MODEL_VFS; i++)
        m->vf[i].mailbox = (m->vf[i].mailbox & ~VFMB_RSTI) | VFMB_RSTD;
}

static void write_mailbox(struct ixgbe_model *m, unsigned vf, uint32_t value)
{
    /* Linux writes back what it has read: status bits are read-only, not reserved */
    if (value & ~0xffu)
        ixgbe_model_violation(m, (int)vf, "reserved or read-only bits set", VF_MAILBOX, value);
    own(m, vf, false, value & VFMB_VFU);
    if (value & VFMB_REQ)
        ring_pf(m, vf, false);
    if (value & VFMB_ACK)
        ring_pf(m, vf, true);
    if (m->lone && m->pf.serves)
        ixgbe_model_pf_serve(m);
}

static uint32_t read_mailbox(struct ixgbe_model *m, unsigned vf)
{
    uint32_t value = m->vf[vf].mailbox;
    m->vf[vf].mailbox &= ~VFMB_CLEARED;
    if (value & (VFMB_RSTI | VFMB_RSTD))
        m->vf[vf].told = true;
    return value;
}

/* A VF's registers -------------------------------------------------------------------- */

/* By VFCTRL.RST or function level reset. */
void ixgbe_model_vf_reset(struct ixgbe_model *m, unsigned n)
{
    struct ixgbe_model_vf *vf = &m->vf[n];
    unsigned per_pool = m->lone ? 2 : ixgbe_model_queues_per_pool(m);
    for (unsigned q = n * per_pool; q < (n + 1) * per_pool && q < IXGBE_MODEL_QUEUES; q++)
        ixgbe_model_queue_reset(m, q);
    vf->cause = vf->mask = vf->auto_clear = vf->auto_mask = vf->ivar_misc = 0;
    memset(vf->ivar, 0, sizeof vf->ivar);
    *ixgbe_at(m, R_VFLRE(n / 32)) |= 1u << n % 32;
    vf->queues_lost = false;
    vf->flr_at_us = time_us();
    vf->flrs++;
    ixgbe_model_irq_cause(m, EICR_MAILBOX);
}

/* The VF's map has room for eight queues, however many it has. */
static bool is_queue(uint32_t reg)
{
    bool rx = reg >= V_RX && reg < V_RX + 0x40 * V_QUEUES;
    bool tx = reg >= V_TX && reg < V_TX + 0x40 * V_QUEUES;
    return (rx || tx) && ixgbe_model_is_queue((rx ? R_RX(0) : R_TX(0)) + reg % 0x40);
}

/* The chip's register for a queue of this VF; 0: no queue register. */
static uint32_t queue_register(const struct ixgbe_model *m, unsigned vf, uint32_t reg)
{
    unsigned per_pool = ixgbe_model_queues_per_pool(m), n = reg % 0x200 / 0x40;
    unsigned queue = vf * per_pool + n;
    if (!is_queue(reg) || per_pool > V_QUEUES || n >= per_pool)
        return 0;
    return (reg < V_TX ? R_RX(queue) : R_TX(queue)) + reg % 0x40;
}

/* DPDK writes what a reset leaves into all eight queues' registers before they know how
 * many the VF has; what such a write does is unread: 82599 DS 9.  Here: nothing, and nothing more
 * may be written there. */
static bool leaves_alone(uint32_t reg, uint32_t value)
{
    uint32_t offset = reg % 0x40;
    return is_queue(reg) && (!value || offset == Q_SRRCTL || offset == Q_DCA);
}

static bool read_counter(const struct ixgbe_model_vf *vf, uint32_t reg, uint32_t *value)
{
    switch (reg) {
    case V_GPRC:
        *value = (uint32_t)vf->packets_in;
        return true;
    case V_GPTC:
        *value = (uint32_t)vf->packets_out;
        return true;
    case V_MPRC:
        *value = (uint32_t)vf->multicasts_in;
        return true;
    case V_GORC_LOW:
        *value = (uint32_t)vf->bytes_in;
        return true;
    case V_GORC_HIGH:
        *value = (uint32_t)(vf->bytes_in >> 32) & 0xf;
        return true;
    case V_GOTC_LOW:
        *value = (uint32_t)vf->bytes_out;
        return true;
    case V_GOTC_HIGH:
        *value = (uint32_t)(vf->bytes_out >> 32) & 0xf;
        return true;
    }
    return false;
}

/* As the PF sees them: Linux's ixgbe and tools over DPDK's agree on where they are. */
bool ixgbe_model_vf_counter(const struct ixgbe_model *m, uint32_t reg, uint32_t *value)
{
    static const struct {
        uint32_t first, step, own;
    } seen[] = { { 0x0101c, 0x40, V_GPRC },      { 0x01020, 0x40, V_GORC_LOW },
                 { 0x0d020, 0x40, V_GORC_HIGH }, { 0x0d01c, 0x40, V_MPRC },
                 { 0x08300, 4, V_GPTC },         { 0x08400, 8, V_GOTC_LOW },
                 { 0x08404, 8, V_GOTC_HIGH } };
    for (unsigned i = 0; i < ARRAY_SIZE(seen); i++) {
        uint32_t at = reg - seen[i].first, vf = at / seen[i].step;
        if (reg >= seen[i].first && vf < IXGBE_MODEL_VFS && at % seen[i].step == 0)
            return read_counter(&m->vf[vf], seen[i].own, value);
    }
    return false;
}

static uint32_t vf_read(struct ixgbe_model *m, unsigned vf, uint32_t reg)
{
    uint32_t queue = queue_register(m, vf, reg), value;
    if (read_counter(&m->vf[vf], reg, &value) || ixgbe_model_irq_vf_read(m, vf, reg, &value))
        return value;
    if (queue)
        return ixgbe_model_queue_read(m, queue);
    if (reg >= VF_MEMORY && reg < VF_MEMORY + 64)
        return m->vf[vf].memory[reg % 64 / 4];
    switch (reg) {
    case V_CTRL:
    case V_WRAP:
        return 0;
    case V_STATUS:
        return ixgbe_get(m, R_STATUS) & (STATUS_LU | STATUS_MASTER);
    case V_LINKS:
        return ixgbe_get(m, R_LINKS);
    case VF_MAILBOX:
        return read_mailbox(m, vf);
    case V_TIMER:
        return (uint32_t)time_us();
    case V_PSRTYPE:
        return ixgbe_get(m, R_PSRTYPE(vf));
    }
    ixgbe_model_violation(m, (int)vf, "access to an unknown register", reg, 0);
    return 0;
}

static void write_memory(struct ixgbe_model *m, unsigned vf, uint32_t reg, uint32_t value)
{
    if (!(m->vf[vf].mailbox & VFMB_VFU))
        ixgbe_model_violation(m, (int)vf, "message written into a buffer that is not the VF's", reg,
                              value);
    m->vf[vf].memory[reg % 64 / 4] = value;
}

static void vf_write(struct ixgbe_model *m, unsigned vf, uint32_t reg, uint32_t value)
{
    uint32_t queue = queue_register(m, vf, reg);
    if (ixgbe_model_irq_vf_write(m, vf, reg, value))
        return;
    if (queue) {
        ixgbe_model_queue_write(m, (int)vf, queue, value);
    } else if (reg >= VF_MEMORY && reg < VF_MEMORY + 64) {
        write_memory(m, vf, reg, value);
    } else if (reg == VF_MAILBOX) {
        write_mailbox(m, vf, value);
    } else if (reg == V_PSRTYPE) {
        *ixgbe_at(m, R_PSRTYPE(vf)) = value;
    } else if (reg == V_CTRL) {
        if (value & ~CTRL_RST)
            ixgbe_model_violation(m, (int)vf, "reserved or read-only bits set", reg, value);
        if (value & CTRL_RST)
            ixgbe_model_vf_reset(m, vf);
    } else if (!leaves_alone(reg, value)) {
        ixgbe_model_violation(m, (int)vf, "write to a read-only or unknown register", reg, value);
    }
}

static bool access_good(struct ixgbe_model *m, unsigned vf, uint64_t offset, unsigned size)
{
    if (size == 4 && offset % 4 == 0)
        return true;
    ixgbe_model_violation(m, (int)vf, "access that is not 32 bits wide", (uint32_t)offset, size);
    return false;
}

uint64_t ixgbe_model_vf_bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    struct ixgbe_model_vf *vf = ctx;
    if (bar)
        return 0;
    if (vf->model->gone || !vf->present || !access_good(vf->model, vf->index, offset, size))
        return UINT32_MAX;
    return vf_read(vf->model, vf->index, (uint32_t)offset);
}

void ixgbe_model_vf_bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size,
                              uint64_t value)
{
    struct ixgbe_model_vf *vf = ctx;
    if (!bar && !vf->model->gone && vf->present && access_good(vf->model, vf->index, offset, size))
        vf_write(vf->model, vf->index, (uint32_t)offset, (uint32_t)value);
}

/* The test as a VF ------------------------------------------------------------------------ */

uint32_t ixgbe_model_vf_read(struct ixgbe_model *m, unsigned vf, uint32_t reg)
{
    return vf_read(m, vf, reg);
}

void ixgbe_model_vf_write(struct ixgbe_model *m, unsigned vf, uint32_t reg, uint32_t value)
{
    vf_write(m, vf, reg, value);
}

bool ixgbe_model_vf_send(struct ixgbe_model *m, unsigned vf, const uint32_t *words, unsigned n)
{
    write_mailbox(m, vf, VFMB_VFU);
    if (!(m->vf[vf].mailbox & VFMB_VFU))
        return false;
    for (unsigned i = 0; i < n && i < IXGBE_MODEL_MESSAGE; i++)
        write_memory(m, vf, VF_MEMORY + 4 * i, words[i]);
    write_mailbox(m, vf, VFMB_REQ);
    return true;
}

bool ixgbe_model_vf_receive(struct ixgbe_model *m, unsigned vf, uint32_t words[IXGBE_MODEL_MESSAGE])
{
    if (!(m->vf[vf].mailbox & VFMB_PFSTS))
        return false;
    m->vf[vf].mailbox &= ~VFMB_PFSTS;
    memcpy(words, m->vf[vf].memory, IXGBE_MODEL_MESSAGE * sizeof *words);
    write_mailbox(m, vf, VFMB_ACK);
    return true;
}

void ixgbe_model_vf_hold(struct ixgbe_model *m, unsigned vf, bool on)
{
    write_mailbox(m, vf, on ? VFMB_VFU : 0);
}

void ixgbe_model_vf_flr(struct ixgbe_model *m, unsigned vf)
{
    memset(m->vf[vf].device.config + PCI_COMMAND, 0, 2);
    ixgbe_model_vf_reset(m, vf);
}

void ixgbe_model_vf_play(struct ixgbe_model *m, unsigned vf)
{
    m->vf[vf].played = true;
    m->vf[vf].frames.count = m->vf[vf].frames.used = 0;
}
