/* i40e_model.c - the X710 as its PF sees it: registers and resets (i40e_model.h).
 *
 * Not modelled: flow director (its filters are taken and match nothing), time stamps, DCB with more
 * than one class, flow control, FCoE, iWARP, tunnels, interrupt moderation, rates of VSIs, wake-up,
 * writing the NVM. */
#include "tests/models/i40e_model_internal.h"

#include "kernel/time.h"

#include <stdio.h>
#include <string.h>

#define TOLD_MAX 1000u

static const struct i40e_aq_regs admin_queue = {
    .send = { .low = R_ATQBAL,
              .high = R_ATQBAL + 0x100,
              .length = R_ATQBAL + 0x200,
              .head = R_ATQBAL + 0x300,
              .tail = R_ATQBAL + 0x400 },
    .receive = { .low = R_ATQBAL + 0x80,
                 .high = R_ATQBAL + 0x180,
                 .length = R_ATQBAL + 0x280,
                 .head = R_ATQBAL + 0x380,
                 .tail = R_ARQT },
};

void i40e_model_violation(struct i40e_model *m, const char *what, uint32_t reg, uint64_t value)
{
    if (!m->quiet && m->violations < TOLD_MAX)
        fprintf(stderr, "i40e model: %s (%05x, %llx)\n", what, reg, (unsigned long long)value);
    m->violations++;
}

unsigned i40e_model_pf_violations(const struct i40e_model *m)
{
    return m->violations + m->device.dma_refused;
}

unsigned i40e_model_violations(const struct i40e_model *m)
{
    unsigned n = i40e_model_pf_violations(m);
    for (unsigned i = 0; i < m->vfs; i++)
        n += iavf_model_violations(&m->vf[i]);
    return n;
}

uint32_t i40e_model_reg(const struct i40e_model *m, uint32_t reg)
{
    return i40e_get(m, reg);
}

/* Reset -------------------------------------------------------------------------- */

static void fixed_registers(struct i40e_model *m)
{
    *i40e_at(m, R_PF_FUNC_RID) = m->pf;
    *i40e_at(m, R_GLNVM_GENS) = 2u << 5; /* 4 KiB of shadow RAM */
    *i40e_at(m, R_GLNVM_FLA) = FLA_LOCKED;
    *i40e_at(m, R_GLGEN_RSTCTL) = 30; /* tenths of a second between warning and reset */
    *i40e_at(m, R_GLPCI_CNF2) = FIELD_PUT(CNF2_PF_VECTORS, I40E_MODEL_VECTORS) |
                                FIELD_PUT(CNF2_VF_VECTORS, I40E_MODEL_VF_VECTORS - 1u);
    *i40e_at(m, R_PFPCI_SUBSYSID) = 0x00018086;
    *i40e_at(m, R_LANTXOBJSZ) = 7;
    *i40e_at(m, R_LANQMAX) = I40E_MODEL_QUEUES * 2;
    *i40e_at(m, R_LANRXOBJSZ) = 5;
    *i40e_at(m, 0xc2010) = *i40e_at(m, 0xc2018) = 6;
    *i40e_at(m, 0xc2014) = 0x1000; /* FCoE contexts and filters: Linux wants to see some */
    *i40e_at(m, 0xc20d0) = 0x2000;
    *i40e_at(m, R_QALLOC) = i40e_base_queue(m) | QALLOC_VALID |
                            FIELD_PUT(QALLOC_LAST, i40e_base_queue(m) + m->queues - 1);
    *i40e_at(m, R_PORTNUM) = m->pf;
    *i40e_at(m, R_VT_PFALLOC) = i40e_base_vf(m) | 0x80000000u | (i40e_base_vf(m) + m->vfs - 1) << 8;
    *i40e_at(m, R_PCIFCNCNT) = m->ports | I40E_MODEL_VFS << 16;
    for (unsigned i = m->ports; i < 4; i++)
        *i40e_at(m, R_PRTGEN_CNF + 4 * i) = 1; /* there is no such port */
    *i40e_at(m, R_PRTGL_SAL) = (uint32_t)config_get(m->mac, 4);
    *i40e_at(m, R_PRTGL_SAH) = i40e_le16(m->mac + 4) | (uint32_t)m->max_frame << 16;
    *i40e_at(m, R_PRTTSYN_CTL0) = 0xfu << 8; /* no PF may set the clock */
    *i40e_at(m, R_GLQF_CTL) = GLQF_TOEPLITZ; /* Linux hashes so and does not write it */
    *i40e_at(m, R_REG_MSS) = 0x01000000u;
}

void i40e_model_reset(struct i40e_model *m, enum i40e_model_reset kind)
{
    m->resets[kind]++;
    i40e_model_clear_registers(m, kind);
    if (kind >= I40E_RESET_CORE && !m->counters_stay) {
        memset(m->counter, 0, sizeof m->counter);
        memset(m->vsi_counter, 0, sizeof m->vsi_counter);
    }
    memset(m->sd, 0, sizeof m->sd);
    memset(m->pending, 0, sizeof m->pending);
    m->events = 0;
    i40e_model_queues_reset(m);
    i40e_model_vfs_reset(m);
    i40e_model_firmware_reset(m);
    i40e_model_vsis_reset(m);
    i40e_model_link_reset(m);
    fixed_registers(m);
    i40e_aq_device_reset(&m->aq);
}

/* The driver is told, the chip works on for a while, then it is gone for a while. */
void i40e_model_reset_begin(struct i40e_model *m, enum i40e_model_reset kind)
{
    m->reset_kind = kind;
    m->reset_at_us = time_us() + m->reset_delay_us;
    m->reset_until_us = m->reset_at_us + m->reset_takes_us;
    *i40e_at(m, R_GLGEN_RSTAT) =
        FIELD_PUT(RSTAT_DEVSTATE, 1u) | FIELD_PUT(RSTAT_TYPE, (uint32_t)kind - I40E_RESET_PF);
    i40e_model_irq_cause(m, ICR0_GRST);
}

/* What time has done since. */
static void settle(struct i40e_model *m)
{
    uint64_t now = time_us();
    if (m->reset_kind && now >= m->reset_at_us && (i40e_get(m, R_GLGEN_RSTAT) & 1)) {
        i40e_model_reset(m, m->reset_kind);
        m->unaware = true;
        for (unsigned n = 0; n < m->vfs; n++)
            m->vf[n].in_reset = true;
        *i40e_at(m, R_GLGEN_RSTAT) += 1;
    }
    if (m->reset_kind && now >= m->reset_until_us) {
        m->reset_kind = I40E_RESET_NONE;
        *i40e_at(m, R_GLGEN_RSTAT) &= ~RSTAT_DEVSTATE;
        for (unsigned n = 0; n < m->vfs; n++)
            m->vf[n].in_reset = false;
    }
    if (m->reset_kind == I40E_RESET_NONE && (i40e_get(m, R_PFGEN_CTRL) & PFGEN_CTRL_PFSWR) &&
        !m->pf_reset_sticks && now >= m->reset_until_us)
        *i40e_at(m, R_PFGEN_CTRL) = 0;
}

static bool in_reset(const struct i40e_model *m)
{
    return m->reset_kind && FIELD_GET(RSTAT_DEVSTATE, i40e_get(m, R_GLGEN_RSTAT)) == 2;
}

static void write_pfgen_ctrl(struct i40e_model *m, uint32_t value)
{
    if (!(value & PFGEN_CTRL_PFSWR))
        return;
    if (i40e_get(m, R_PFGEN_CTRL) & PFGEN_CTRL_PFSWR)
        i40e_model_violation(m, "PF reset while one is under way", R_PFGEN_CTRL, value);
    i40e_model_reset(m, I40E_RESET_PF);
    m->unaware = false;
    m->reset_until_us = time_us() + m->pf_reset_takes_us;
    *i40e_at(m, R_PFGEN_CTRL) = PFGEN_CTRL_PFSWR;
}

static void write_rtrig(struct i40e_model *m, uint32_t value)
{
    if (value & RTRIG_GLOBR)
        i40e_model_reset_begin(m, I40E_RESET_GLOBAL);
    else if (value & RTRIG_CORER)
        i40e_model_reset_begin(m, I40E_RESET_CORE);
}

/* Access ------------------------------------------------------------------------------ */

/* What chooses queues for frames is written by firmware, or while nothing comes in: Linux and DPDK
 * ask firmware for these from version 1.5 of its interface on. */
static void check_filter_write(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    bool chooses = reg == R_PFQF_CTL_0 || reg == R_PFQF_HENA(0) || reg == R_PFQF_HENA(1);
    bool spreads = reg >= R_PFQF_HLUT(0) && reg <= R_PFQF_HKEY(12);
    if (spreads && i40e_is_x722(m))
        i40e_model_violation(m, "an X722's key or table written past firmware", reg, value);
    if (chooses && !i40e_is_x722(m) && i40e_model_receives(m, true))
        i40e_model_violation(m, "receive filters written past firmware while frames come in", reg,
                             value);
}

/* A queue is set up by its length. */
static void write_adminq(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    if (reg == admin_queue.send.length || reg == admin_queue.receive.length)
        m->unaware = false;
    if (m->unaware)
        return;
    i40e_aq_device_write(&m->aq, reg, value);
    i40e_model_deliver(m);
}

static bool write_special(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    if (reg == R_PFGEN_CTRL)
        write_pfgen_ctrl(m, value);
    else if (reg == R_GLGEN_RTRIG)
        write_rtrig(m, value);
    else if (reg >= R_ATQBAL && reg <= R_ARQT)
        write_adminq(m, reg, value);
    else
        return i40e_model_nvm_write(m, reg, value) || i40e_model_hmc_write(m, reg, value) ||
               i40e_model_irq_write(m, reg, value) || i40e_model_queues_write(m, reg, value) ||
               i40e_model_vfs_write(m, reg, value);
    return true;
}

void i40e_model_register_write(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    uint32_t writable;
    enum i40e_kind kind = i40e_model_kind(reg, &writable);
    if (kind == KIND_UNKNOWN || kind == KIND_READ_ONLY) {
        i40e_model_violation(m, kind ? "write to a read-only register" : "no such register written",
                             reg, value);
        return;
    }
    if (value & ~writable)
        i40e_model_violation(m, "reserved bits set", reg, value & ~writable);
    value &= writable;
    if (write_special(m, reg, value))
        return;
    *i40e_at(m, reg) = kind == KIND_ONE_CLEARS ? i40e_get(m, reg) & ~value : value;
}

static bool access_good(struct i40e_model *m, unsigned bar, uint64_t offset, unsigned size)
{
    if (bar == 0 && offset < I40E_MODEL_REGISTERS && offset % 4 == 0 && size == 4)
        return true;
    i40e_model_violation(m, "access of a wrong size or place", (uint32_t)offset, bar << 8 | size);
    return false;
}

void i40e_model_bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    struct i40e_model *m = ctx;
    if (bar == 3 || m->gone)
        return;
    settle(m);
    if (!access_good(m, bar, offset, size) || in_reset(m))
        return;
    check_filter_write(m, (uint32_t)offset, (uint32_t)value);
    i40e_model_register_write(m, (uint32_t)offset, (uint32_t)value);
}

static uint32_t loaded(const struct i40e_model *m)
{
    return m->never_loaded || in_reset(m) ? 0 : ULD_LOADED;
}

uint32_t i40e_model_register_read(struct i40e_model *m, uint32_t reg)
{
    uint32_t writable, value;
    if (i40e_model_kind(reg, &writable) == KIND_UNKNOWN)
        i40e_model_violation(m, "no such register read", reg, 0);
    if (reg == R_GLNVM_ULD)
        return loaded(m);
    if (reg == R_GLNVM_SRCTL)
        return i40e_model_nvm_status(m);
    if (reg == R_FWSTS)
        return !m->recovery ? 0 : i40e_is_x722(m) ? FWSTS_RECOVERY_X722 : FWSTS_RECOVERY;
    if (reg == R_GLVFGEN_TIMER)
        return (uint32_t)time_us();
    if (i40e_aq_device_read(&m->aq, reg, &value) || i40e_model_irq_read(m, reg, &value) ||
        i40e_model_queues_read(m, reg, &value) || i40e_model_vfs_read(m, reg, &value))
        return value;
    return i40e_get(m, reg);
}

static uint64_t read_counter(uint64_t value, bool narrow, bool high, unsigned size)
{
    if (narrow || (size == 4 && !high))
        return (uint32_t)value;
    value &= 0xffffffffffffull;
    return high ? value >> 32 : value;
}

uint64_t i40e_model_bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    struct i40e_model *m = ctx;
    bool high, narrow;
    if (m->gone)
        return UINT64_MAX >> (64 - 8 * size);
    if (bar == 3)
        return 0;
    settle(m);
    const uint64_t *counter = i40e_model_counter_at(m, (uint32_t)offset, &high, &narrow);
    if (bar == 0 && size == 8 &&
        ((offset >= R_RXERR1 && offset < R_RXERR1 + 8 * 144) ||
         i40e_model_is_internal_counter(m, (uint32_t)offset)))
        return 0;
    if (bar == 0 && counter && (size == 4 || (size == 8 && !high && !narrow))) {
        uint64_t value = read_counter(*counter, narrow, high, size);
        if (m->counter_moves && !--m->counter_moves)
            *(uint64_t *)(uintptr_t)counter += UINT32_MAX;
        return value;
    }
    if (!access_good(m, bar, offset, size))
        return UINT64_MAX;
    if (in_reset(m) && offset != R_GLGEN_RSTAT && offset != R_GLNVM_ULD && offset != R_GLGEN_RSTCTL)
        return 0;
    return i40e_model_register_read(m, (uint32_t)offset);
}

/* Life -------------------------------------------------------------------------------------- */

static void queue_violation(void *owner, const char *what, uint64_t value)
{
    i40e_model_violation(owner, what, 0, value);
}

static void adminq_violation(void *owner, const char *what, uint64_t value)
{
    i40e_model_violation(owner, what, R_ATQBAL, value);
}

static void adminq_news(void *owner)
{
    i40e_model_irq_cause(owner, ICR0_ADMINQ);
}

void i40e_model_power_on(struct i40e_model *m, enum i40e_model_chip chip, unsigned pf,
                         const uint8_t mac[MAC_LEN])
{
    memset(m, 0, offsetof(struct i40e_model, vf));
    m->chip = chip;
    m->pf = pf;
    m->ports = chip == I40E_MODEL_XL710_ONE ? 1 : chip == I40E_MODEL_X710_FOUR ? 4 : 2;
    m->vfs = I40E_MODEL_VFS / m->ports;
    m->vsis = m->vfs + 2;
    m->queues = m->ports == 4 ? I40E_MODEL_QUEUES / 2 : I40E_MODEL_QUEUES;
    m->cable = true;
    m->wire = m->wire_bytes;
    m->reset_delay_us = 1000;
    m->reset_takes_us = 1000;
    memcpy(m->mac, mac, MAC_LEN);
    m->max_frame = I40E_MODEL_FRAME;
    i40e_model_nvm_init(m);
    i40e_model_vfs_power_on(m);
    i40e_model_config(m);
    m->aq = (struct i40e_aq_device){ .layout = &admin_queue,
                                     .device = &m->device,
                                     .owner = m,
                                     .wrong = adminq_violation,
                                     .command = i40e_model_command,
                                     .news = adminq_news };
    m->engine = (struct i40e_engine){
        .device = &m->device, .owner = m, .wrong = queue_violation, .sent = i40e_model_sent
    };
    i40e_model_reset(m, I40E_RESET_GLOBAL);
    for (unsigned i = 0; i < COUNTERS; i++) /* as after long use: they wrap soon */
        m->counter[i] = i < C_NARROW ? 0xfffffffff800ull - i : 0xfffffff0u - i;
    for (unsigned v = 0; v < m->vsis; v++)
        for (unsigned i = 0; i < VSI_COUNTERS; i++)
            m->vsi_counter[v][i] = (i < V_NARROW ? 0xfffffffff800ull : 0xfffffff0u) - v - i;
    memset(m->resets, 0, sizeof m->resets);
}
