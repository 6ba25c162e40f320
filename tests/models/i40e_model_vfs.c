/* i40e_model_vfs.c - what a PF of the i40e model has of its VFs: their resets, the tables that give
 * them queues, and their registers as it sees them.  How a VF sees itself is iavf_model.c.
 *
 * A reset of a VF: the PF sets VFSWR, or the VF resets its function (VFLR, which the PF hears of);
 * the chip takes rings, tables and lists from it, waits for its transactions, and says VFRD.  Then
 * the PF switches its queues off, takes VFSWR back, gives it a VSI and queues anew, and says that
 * it is active.  By the VF's number within the PF, but for VFLRSTAT, CIAA, QTX_CTL and firmware,
 * which count all of the chip's.  Linux i40e and DPDK agree. */
#include "tests/models/i40e_model_internal.h"

#include "kernel/time.h"
#include "pci/pci_regs.h"

#include <string.h>

#define ID 0x154cu
#define VECTORS_N (I40E_MODEL_VF_VECTORS - 1)
#define PENDING_AT 0xaau /* Device Status */
#define PENDING 0x20u
#define DYN_INTENA_BIT 0x00000001u

static struct iavf_model *vf_at(struct i40e_model *m, unsigned n)
{
    return &m->vf[n];
}

bool i40e_model_vf_resets(const struct i40e_model *m, unsigned vf)
{
    return m->vf_state[vf].wants_reset;
}

unsigned i40e_model_vf_queue(const struct i40e_model *m, unsigned vf, unsigned n)
{
    return i40e_get(m, R_VPLAN_MAPENA(vf)) & 1 ? i40e_get(m, R_VPLAN_QTABLE(n, vf)) : LIST_END;
}

/* Resets --------------------------------------------------------------------------------- */

static void forget_tables(struct i40e_model *m, unsigned n)
{
    *i40e_at(m, R_VPLAN_MAPENA(n)) = 0;
    for (unsigned i = 0; i < I40E_MODEL_VF_QUEUES; i++)
        *i40e_at(m, R_VPLAN_QTABLE(i, n)) = LIST_END;
    *i40e_at(m, R_VF_LNKLST0(n)) = 0;
    for (unsigned i = 0; i < VECTORS_N; i++)
        *i40e_at(m, R_VF_LNKLSTN(VECTORS_N * n + i)) = 0;
}

static void reset_begin(struct i40e_model *m, unsigned n)
{
    i40e_model_queues_lose(m, n);
    forget_tables(m, n);
    iavf_model_reset_begin(vf_at(m, n));
    m->vf_state[n].reset_us = time_us();
}

static bool is_reset(const struct i40e_model *m, unsigned n)
{
    return !m->vfr_sticks && time_us() >= m->vf_state[n].reset_us + m->vfr_takes_us;
}

static bool is_pending(const struct i40e_model *m, unsigned n)
{
    return time_us() < m->vf_state[n].reset_us + m->vf_pending_us;
}

void i40e_model_vfs_reset(struct i40e_model *m)
{
    for (unsigned n = 0; n < m->vfs; n++) {
        reset_begin(m, n);
        m->vf_state[n].wants_reset = false;
    }
}

static void write_trigger(struct i40e_model *m, unsigned n, uint32_t value)
{
    struct i40e_model_vf *state = &m->vf_state[n];
    bool on = value & VFRTRIG_VFSWR;
    if (on && !state->wants_reset)
        reset_begin(m, n);
    if (!on && state->wants_reset) {
        if (!is_reset(m, n))
            i40e_model_violation(m, "a VF's reset ends before it was done", R_VPGEN_VFRTRIG(n), n);
        if (is_pending(m, n))
            i40e_model_violation(m, "a VF's reset ends with transactions pending", R_CIAD, n);
        if (i40e_model_queues_of_vf_on(m, n, true))
            i40e_model_violation(m, "a VF's reset ends with queues that are on", R_VPGEN_VFRTRIG(n),
                                 n);
    }
    state->wants_reset = on;
}

static void write_state(struct i40e_model *m, unsigned n, uint32_t value)
{
    if (value == VIRTCHNL_ACTIVE) {
        if (m->vf_state[n].wants_reset)
            i40e_model_violation(m, "a VF that is in reset is active", R_VFGEN_RSTAT1(n), n);
        if (!(i40e_get(m, R_VPLAN_MAPENA(n)) & 1))
            i40e_model_violation(m, "a VF without queues is active", R_VPLAN_MAPENA(n), n);
        if (!i40e_model_vsi_of_vf(m, n))
            i40e_model_violation(m, "a VF without a VSI is active", R_VFGEN_RSTAT1(n), n);
    }
    iavf_model_reset_end(vf_at(m, n), value & 3);
}

/* A VF was reset by PCI Express. */
static void function_reset(struct iavf_model *vf)
{
    struct i40e_model *m = vf->owner;
    unsigned n = i40e_vf_index(m, vf), number = i40e_base_vf(m) + n;
    if (!m->vf_state[n].present)
        return;
    reset_begin(m, n);
    *i40e_at(m, R_VFLRSTAT(number / 32)) |= 1u << number % 32;
    i40e_model_irq_cause(m, ICR0_VFLR);
}

/* Tables ------------------------------------------------------------------------------------ */

static void write_queue_table(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    unsigned vf = (reg - R_VPLAN_QTABLE(0, 0)) % 0x400 / 4,
             i = (reg - R_VPLAN_QTABLE(0, 0)) / 0x400;
    unsigned was = i40e_model_vf_queue(m, vf, i);
    if (was < I40E_MODEL_QUEUES && was != value &&
        ((m->rx[was].on && m->rx[was].vf == vf + 1) || (m->tx[was].on && m->tx[was].vf == vf + 1)))
        i40e_model_violation(m, "a queue that is on is taken from its VF", reg, was);
    if (value < I40E_MODEL_QUEUES && value != was && (m->rx[value].on || m->tx[value].on))
        i40e_model_violation(m, "a queue that is on is given to a VF", reg, value);
    if (value != LIST_END && value >= m->queues)
        i40e_model_violation(m, "a VF's queue that the PF has not", reg, value);
    *i40e_at(m, reg) = value;
}

static void write_map_enable(struct i40e_model *m, unsigned vf, uint32_t value)
{
    if (!(value & 1) && i40e_model_queues_of_vf_on(m, vf, false) && m->vf_state[vf].present)
        i40e_model_violation(m, "queues that are on are taken from a VF", R_VPLAN_MAPENA(vf), vf);
    *i40e_at(m, R_VPLAN_MAPENA(vf)) = value;
}

/* Configuration space and interrupts of a VF ------------------------------------------------ */

static uint32_t read_config(struct i40e_model *m)
{
    uint32_t address = i40e_get(m, R_CIAA);
    unsigned n = FIELD_GET(CIAA_VF, address) - i40e_base_vf(m), at = address & CIAA_ADDRESS;
    if (n >= m->vfs || !m->vf_state[n].present) {
        i40e_model_violation(m, "configuration space of a VF that there is not", R_CIAA, address);
        return UINT32_MAX;
    }
    uint32_t value = (uint32_t)config_get(vf_at(m, n)->device.config + (at < 4092 ? at : 4092), 4);
    return at == PENDING_AT && is_pending(m, n) ? value | PENDING : value;
}

static void write_interrupt(struct i40e_model *m, unsigned n, unsigned vector, uint32_t value)
{
    struct iavf_model *vf = vf_at(m, n);
    if (value & DYN_CLEARPBA)
        vf->pending[vector] = false;
    vf->dyn_ctl[vector] = value & DYN_INTENA_BIT;
}

/* Registers ---------------------------------------------------------------------------------- */

/* One of a row of registers, a VF each. */
static bool is_of(const struct i40e_model *m, uint32_t reg, uint32_t first, unsigned *n)
{
    *n = (reg - first) / 4;
    return reg >= first && *n < m->vfs;
}

/* Key, table, kinds: the VF's own. */
static uint32_t *shared(struct i40e_model *m, uint32_t reg)
{
    unsigned i = reg % 0x20000 / 0x400, n = reg % 0x400 / 4;
    if (n >= m->vfs)
        return NULL;
    if (reg >= R_VF_HLUT(0, 0) && reg < R_VF_HLUT(16, 0))
        return &vf_at(m, n)->lut[i];
    if (reg >= R_VF_HKEY(0, 0) && reg < R_VF_HKEY(13, 0))
        return &vf_at(m, n)->key[(reg - R_VF_HKEY(0, 0)) / 0x400];
    if (reg >= R_VF_HENA(0, 0) && reg < R_VF_HENA(2, 0))
        return &vf_at(m, n)->hena[(reg - R_VF_HENA(0, 0)) / 0x400];
    return NULL;
}

bool i40e_model_vfs_write(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    unsigned n;
    uint32_t *at = shared(m, reg);
    if (at)
        *at = value;
    else if (is_of(m, reg, R_VPGEN_VFRTRIG(0), &n))
        write_trigger(m, n, value);
    else if (is_of(m, reg, R_VFGEN_RSTAT1(0), &n))
        write_state(m, n, value);
    else if (is_of(m, reg, R_VPLAN_MAPENA(0), &n))
        write_map_enable(m, n, value);
    else if (reg >= R_VPLAN_QTABLE(0, 0) && reg < R_VPLAN_QTABLE(16, 0))
        write_queue_table(m, reg, value);
    else if (is_of(m, reg, R_VF_DYN_CTL0(0), &n))
        write_interrupt(m, n, 0, value);
    else if (reg >= R_VF_DYN_CTLN(0) && reg < R_VF_DYN_CTLN(VECTORS_N * m->vfs))
        write_interrupt(m, (reg - R_VF_DYN_CTLN(0)) / 4 / VECTORS_N,
                        1 + (reg - R_VF_DYN_CTLN(0)) / 4 % VECTORS_N, value);
    else
        return false;
    return true;
}

bool i40e_model_vfs_read(struct i40e_model *m, uint32_t reg, uint32_t *value)
{
    unsigned n;
    const uint32_t *at = shared(m, reg);
    if (at)
        *value = *at;
    else if (reg == R_CIAD)
        *value = read_config(m);
    else if (is_of(m, reg, R_VPGEN_VFRTRIG(0), &n))
        *value = m->vf_state[n].wants_reset;
    else if (is_of(m, reg, R_VPGEN_VFRSTAT(0), &n))
        *value = is_reset(m, n) ? VFRSTAT_VFRD : 0;
    else if (is_of(m, reg, R_VFGEN_RSTAT1(0), &n))
        *value = vf_at(m, n)->rstat;
    else if (is_of(m, reg, R_VF_ICR0_ENA(0), &n))
        *value = vf_at(m, n)->icr0_ena;
    else
        return false;
    return true;
}

/* Firmware ----------------------------------------------------------------------------------- */

static void tell_test(struct i40e_model *m, unsigned n, const uint8_t *desc, const uint8_t *bytes,
                      uint32_t length)
{
    struct i40e_model_told *t = &m->told;
    *t = (struct i40e_model_told){ .vf = n,
                                   .count = t->count + 1,
                                   .op = i40e_le32(desc + AQ_COOKIE),
                                   .status = (int32_t)i40e_le32(desc + AQ_COOKIE + 4),
                                   .n = length };
    memcpy(t->bytes, bytes, length);
}

/* Events may miss a VF that does not listen; who answers it should know that it was reset. */
uint16_t i40e_aq_message_to_vf(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    unsigned n = i40e_le32(desc + AQ_PARAM) - i40e_base_vf(m);
    uint32_t op = i40e_le32(desc + AQ_COOKIE);
    uint16_t length = i40e_le16(desc) & I40E_AQ_BUF ? i40e_le16(desc + AQ_LENGTH) : 0;
    if (n >= m->vfs || !m->vf_state[n].present) {
        i40e_model_violation(m, "a message to a VF that there is not", 0x0802, n);
        return AQ_EINVAL;
    }
    struct iavf_model *vf = vf_at(m, n);
    if (m->vf_state[n].wants_reset && op != VIRTCHNL_EVENT)
        i40e_model_violation(m, "an answer to a VF in reset", 0x0802, op);
    if (m->vf_state[n].wants_reset || (!m->vf_state[n].played && !i40e_aq_device_is_open(&vf->aq)))
        return AQ_EBUSY;
    if (m->vf_state[n].played) {
        tell_test(m, n, desc, buffer, length);
        return AQ_OK;
    }
    return iavf_model_tell(vf, op, (int32_t)i40e_le32(desc + AQ_COOKIE + 4), buffer, length)
               ? AQ_OK
               : AQ_EBUSY;
}

/* The test as a VF's driver -------------------------------------------------------- */

void i40e_model_vf_play(struct i40e_model *m, unsigned n)
{
    m->vf_state[n].played = true;
}

void i40e_model_vf_say(struct i40e_model *m, unsigned n, uint32_t op, const void *bytes,
                       uint32_t length)
{
    i40e_model_message_from_vf(vf_at(m, n), op, bytes, length);
}

void i40e_model_vf_flr(struct i40e_model *m, unsigned n)
{
    iavf_model_reset_begin(vf_at(m, n));
    function_reset(vf_at(m, n));
}

/* Life ----------------------------------------------------------------------------- */

static const struct iavf_behind behind = { .message = i40e_model_message_from_vf,
                                           .reset = function_reset,
                                           .sent = i40e_model_sent_by_vf,
                                           .may_send = i40e_model_has_room };

void i40e_model_vfs_power_on(struct i40e_model *m)
{
    memset(m->vf_state, 0, sizeof m->vf_state);
    for (unsigned n = 0; n < m->vfs; n++) {
        iavf_model_power_on(vf_at(m, n), ID, &behind, m);
        iavf_model_set_vectors(vf_at(m, n), I40E_MODEL_VF_VECTORS);
        vf_at(m, n)->rstat = VIRTCHNL_RESETTING;
        forget_tables(m, n);
    }
}

void i40e_model_vfs_enable(struct i40e_model *m, unsigned count)
{
    for (unsigned n = 0; n < m->vfs; n++) {
        bool was = m->vf_state[n].present;
        m->vf_state[n].present = n < count;
        if (was == (n < count))
            continue;
        config_put(vf_at(m, n)->device.config + PCI_COMMAND, 0, 2);
        reset_begin(m, n);
    }
}
