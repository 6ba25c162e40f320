/* ixgbe_model.c - the chip as its PF sees it: registers, reset, link, statistics (ixgbe_model.h).
 *
 * Not modelled: receive coalescing (a chip may coalesce nothing), flow director (its filters are
 * taken and match nothing), header split, legacy descriptors, DCB, flow control, FCoE, IPsec (fused
 * off), time stamps, interrupt moderation, wake-up, firmware. */
#include "tests/models/ixgbe_model_internal.h"

#include "kernel/time.h"
#include "pci/pci_regs.h"

#include <stdio.h>
#include <string.h>

#define TOLD_MAX 1000u

void ixgbe_model_violation(struct ixgbe_model *m, int by, const char *what, uint32_t reg,
                           uint64_t value)
{
    unsigned *count = by < 0 ? &m->violations : &m->vf[by].violations;
    bool tell = !m->quiet && (by < 0 || !m->vfs_are_hostile) && *count < TOLD_MAX;
    ++*count;
    if (!tell)
        return;
    if (by < 0)
        fprintf(stderr, "ixgbe model: PF: %s (register %05x, %llx)\n", what, reg,
                (unsigned long long)value);
    else
        fprintf(stderr, "ixgbe model: VF %d: %s (register %05x, %llx)\n", by, what, reg,
                (unsigned long long)value);
}

unsigned ixgbe_model_pf_violations(const struct ixgbe_model *m)
{
    return m->violations + m->device.dma_refused;
}

unsigned ixgbe_model_violations(const struct ixgbe_model *m)
{
    unsigned sum = ixgbe_model_pf_violations(m);
    for (unsigned i = 0; i < IXGBE_MODEL_VFS; i++)
        sum += m->vf[i].violations + m->vf[i].device.dma_refused;
    return sum;
}

uint32_t ixgbe_model_reg(const struct ixgbe_model *m, uint32_t reg)
{
    return ixgbe_get(m, ixgbe_model_canonical(reg));
}

void ixgbe_model_set_reg(struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    *ixgbe_at(m, ixgbe_model_canonical(reg)) = value;
}

/* Link --------------------------------------------------------------------------- */

void ixgbe_model_set_status(struct ixgbe_model *m)
{
    unsigned vfs = m->lone ? 0 : ixgbe_model_vfs_present(m);
    bool up = ixgbe_link_up(m) && !m->no_module;
    *ixgbe_at(m, R_STATUS) =
        STATUS_MASTER | (up ? STATUS_LU : 0) | (vfs ? STATUS_IOV | FIELD_PUT(STATUS_VFS, vfs) : 0);
    *ixgbe_at(m, R_LINKS) = up ? LINKS_UP | LINKS_10G | LINKS_AN_DONE : 0;
    m->phy[1][1] = m->phy[7][1] = up ? 0x0024 : 0; /* link, negotiation done */
    m->phy[1][0x0b] = up ? 0x8000 : 0;
}

void ixgbe_model_set_link(struct ixgbe_model *m, bool up)
{
    bool was = m->cable;
    m->cable = up;
    ixgbe_model_set_status(m);
    if (was != up)
        ixgbe_model_irq_cause(m, EICR_LSC);
}

/* Reset -------------------------------------------------------------------------- */

static void reset_receive(struct ixgbe_model *m)
{
    *ixgbe_at(m, R_RDRXCTL) = RDRXCTL_DONE | 0x00000400;
    *ixgbe_at(m, R_HLREG0) = 0x00000c03 & ~0x800u;
    *ixgbe_at(m, R_MAXFRS) = 1518u << 16;
    *ixgbe_at(m, R_VLNCTRL) = 0x8100;
    *ixgbe_at(m, R_RAL(0)) = m->nvm[0x201] | (uint32_t)m->nvm[0x202] << 16;
    *ixgbe_at(m, R_RAH(0)) = m->nvm[0x203] | RAH_AV;
    *ixgbe_at(m, R_MPSAR(0, 0)) = UINT32_MAX;
    *ixgbe_at(m, R_MPSAR(0, 1)) = UINT32_MAX;
    *ixgbe_at(m, R_RXPBSIZE(0)) = ixgbe_is_x540(m) ? 0x60000 : 0x80000;
    *ixgbe_at(m, R_SECRXSTAT) = SEC_READY | 2; /* IPsec is fused off */
    *ixgbe_at(m, R_VFRE(0)) = *ixgbe_at(m, R_VFRE(1)) = UINT32_MAX;
    for (unsigned i = 0; i < 64; i++)
        *ixgbe_at(m, R_PFVLVFB(i, 0)) = *ixgbe_at(m, R_PFVLVFB(i, 1)) = 0;
}

/* Values after power-on and resets, and what the NVM loads.  VFRE and VFTE are all ones where Linux
 * clears them before use; unread. */
void ixgbe_model_reset_registers(struct ixgbe_model *m)
{
    uint32_t sync = ixgbe_get(m, R_SW_FW_SYNC), swsm = ixgbe_get(m, R_SWSM);
    memset(m->regs, 0, sizeof m->regs);
    memset(m->low_half_read, 0, sizeof m->low_half_read);
    memset(m->rate, 0, sizeof m->rate);
    *ixgbe_at(m, R_SW_FW_SYNC) = sync; /* a reset of the port frees nobody's semaphore */
    *ixgbe_at(m, R_SWSM) = swsm;
    *ixgbe_at(m, R_EEC) = EEC_PRESENT | EEC_ARD | 0x400 | 5u << 11;
    *ixgbe_at(m, R_EEMNGCTL) = 0x00040000 | 0x80000000u; /* configuration of port 0 is done */
    *ixgbe_at(m, R_FWSM) = 0x8000;                       /* firmware is well, and manages nothing */
    *ixgbe_at(m, R_AUTOC) = m->chip == IXGBE_MODEL_82599 ? 0xc09c6004u : 0xc09c8004u;
    *ixgbe_at(m, R_AUTOC2) = 0x000a0000;
    *ixgbe_at(m, R_ANLP1) = 0x00010000; /* negotiation has left its first state: Linux waits */
    *ixgbe_at(m, R_I2CCTL) = I2C_CLOCK_OUT | I2C_DATA_OUT;
    m->i2c.clock = m->i2c.data = m->i2c.out = true;
    m->i2c.state = 0;
    *ixgbe_at(m, R_DMATXCTL) = 0x81000000u;
    *ixgbe_at(m, R_SECTXSTAT) = SEC_READY | 2;
    *ixgbe_at(m, 0x8808) = 0x250;
    *ixgbe_at(m, R_TXPBSIZE(0)) = 160u << 10;
    *ixgbe_at(m, R_VFTE(0)) = *ixgbe_at(m, R_VFTE(1)) = UINT32_MAX;
    *ixgbe_at(m, R_RTTDCS) = 0x00400000;
    for (unsigned i = 0; i < 4; i++) /* Linux never writes it, and hears its VFs; unread */
        *ixgbe_at(m, R_PFMBIMR(i)) = UINT32_MAX;
    reset_receive(m);
    for (unsigned q = 0; q < IXGBE_MODEL_QUEUES; q++)
        ixgbe_model_queue_reset(m, q);
    ixgbe_model_irq_reset(m);
    ixgbe_model_set_status(m);
}

static void reset(struct ixgbe_model *m)
{
    m->resets++;
    m->reset_at_us = time_us();
    if (m->reset_does_nothing)
        return;
    ixgbe_model_reset_registers(m);
    ixgbe_model_mailbox_reset(m);
}

void ixgbe_model_pf_reset(struct ixgbe_model *m)
{
    m->resets++;
    ixgbe_model_reset_registers(m);
    ixgbe_model_mailbox_reset(m);
}

static uint32_t read_status(const struct ixgbe_model *m)
{
    bool quiet = (ixgbe_get(m, R_CTRL) & CTRL_MASTER_OFF) && !m->master_sticks &&
                 time_us() >= m->master_asked_us + m->master_takes_us;
    return ixgbe_get(m, R_STATUS) & ~(quiet ? STATUS_MASTER : 0);
}

/* Requests under way when the reset strikes may hang the bus. */
static void check_quiet(struct ixgbe_model *m)
{
    bool busy = false;
    for (unsigned q = 0; q < IXGBE_MODEL_QUEUES; q++)
        busy |= ixgbe_model_queue_busy(m, true, q) || ixgbe_model_queue_busy(m, false, q);
    if (busy && (read_status(m) & STATUS_MASTER) && !m->master_sticks && ixgbe_model_pci_master(m))
        ixgbe_model_violation(m, BY_PF, "reset while requests may be under way", R_CTRL, 0);
}

static void write_ctrl(struct ixgbe_model *m, uint32_t value)
{
    bool off = value & CTRL_MASTER_OFF, rst = value & (CTRL_RST | CTRL_LINK_RST);
    if (rst)
        check_quiet(m);
    if (off != !!(ixgbe_get(m, R_CTRL) & CTRL_MASTER_OFF))
        m->master_asked_us = time_us();
    *ixgbe_at(m, R_CTRL) = value & CTRL_MASTER_OFF;
    if (rst) {
        reset(m);
        *ixgbe_at(m, R_CTRL) = 0;
    }
}

static uint32_t read_ctrl(const struct ixgbe_model *m)
{
    bool busy = m->resets && (m->reset_sticks || time_us() < m->reset_at_us + m->reset_takes_us);
    return ixgbe_get(m, R_CTRL) | (busy ? CTRL_RST : 0);
}

/* Rules about single registers ------------------------------------------------------ */

static uint32_t sum_of(const struct ixgbe_model *m, uint32_t first, uint32_t reg, uint32_t value)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < 8; i++)
        sum += first + 4 * i == reg ? value : ixgbe_get(m, first + 4 * i);
    return sum;
}

static void check_buffers(struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    uint32_t rx_most = ixgbe_is_x540(m) ? 384u << 10 : 512u << 10;
    bool grows = value > ixgbe_get(m, reg);
    if (reg >= R_RXPBSIZE(0) && reg <= R_RXPBSIZE(7) && value > rx_most)
        ixgbe_model_violation(m, BY_PF, "receive buffer larger than the chip's", reg, value);
    if (reg >= R_RXPBSIZE(0) && reg <= R_RXPBSIZE(7) && (ixgbe_get(m, R_RXCTRL) & RXCTRL_EN) &&
        sum_of(m, R_RXPBSIZE(0), reg, value) > rx_most)
        ixgbe_model_violation(m, BY_PF, "receive buffers larger than the chip's", reg, value);
    if (reg >= R_TXPBSIZE(0) && reg <= R_TXPBSIZE(7) && grows && value > 160u << 10)
        ixgbe_model_violation(m, BY_PF, "transmit buffer larger than the chip's", reg, value);
    if (reg == R_MAXFRS && value >> 16 > IXGBE_MODEL_FRAME)
        ixgbe_model_violation(m, BY_PF, "frames longer than the chip takes", reg, value);
}

/* Receiving begins when all that it needs is there. */
static void check_receiver(struct ixgbe_model *m, uint32_t value)
{
    bool strip = ixgbe_get(m, R_HLREG0) & HLREG0_RXCRCSTRP;
    bool strip_too = ixgbe_get(m, R_RDRXCTL) & RDRXCTL_CRCSTRIP;
    if (!(value & RXCTRL_EN) || (ixgbe_get(m, R_RXCTRL) & RXCTRL_EN))
        return;
    if (strip != strip_too)
        ixgbe_model_violation(m, BY_PF, "HLREG0 and RDRXCTL differ about stripping the FCS",
                              R_RDRXCTL, strip);
    if (m->dma_never_ready)
        ixgbe_model_violation(m, BY_PF, "receiver on before RDRXCTL.DMAIDONE", R_RXCTRL, value);
    if (sum_of(m, R_RXPBSIZE(0), 0, 0) > (ixgbe_is_x540(m) ? 384u << 10 : 512u << 10))
        ixgbe_model_violation(m, BY_PF, "receive buffers larger than the chip's", R_RXPBSIZE(0), 0);
    if (!ixgbe_is_x540(m) && !(ixgbe_get(m, R_SECRXCTRL) & SECRXCTRL_RX_DIS))
        ixgbe_model_violation(m, BY_PF, "receiver on without stopping the path before it",
                              R_SECRXCTRL, 0);
}

/* A VF's queue may be on when its PF has taken its leave to send. */
static bool may_send(struct ixgbe_model *m, unsigned queue)
{
    const struct ixgbe_model_vf *vf = ixgbe_model_owner(m, queue);
    return !vf || ixgbe_get(m, R_VFTE(vf->index / 32)) >> vf->index % 32 & 1;
}

static void check_modes(struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    uint32_t mode = value & MRQC_MODE;
    if (reg == R_MRQC && (mode == 2 || mode == 3 || mode == 6 || mode == 7 || mode > 13))
        ixgbe_model_violation(m, BY_PF, "reserved way of choosing queues", reg, value);
    if (reg == R_MRQC && mode != (ixgbe_get(m, reg) & MRQC_MODE) &&
        (ixgbe_get(m, R_RXCTRL) & RXCTRL_EN))
        ixgbe_model_violation(m, BY_PF, "queue choice changed while receiving", reg, value);
    if (reg == R_MTQC && !(ixgbe_get(m, R_RTTDCS) & RTTDCS_ARBDIS))
        ixgbe_model_violation(m, BY_PF, "MTQC written while the arbiter is on", reg, value);
    if (reg == R_DMATXCTL && !(value & DMATXCTL_TE))
        for (unsigned q = 0; q < IXGBE_MODEL_QUEUES; q++)
            if (ixgbe_model_queue_on(m, false, q) && m->tx[q].waited && may_send(m, q)) {
                ixgbe_model_violation(m, BY_PF, "transmitter off while queues are on", reg, q);
                return;
            }
    if (reg == R_GPIE && ixgbe_model_vfs_present(m) && !m->lone &&
        FIELD_GET(GPIE_VTMODE, value) != (ixgbe_get(m, R_GCR_EXT) & GCR_EXT_VT_MODE) &&
        (value & GPIE_VTMODE))
        ixgbe_model_violation(m, BY_PF, "GPIE and GCR_EXT differ about pools", reg, value);
}

/* A receive address that counts is not changed by halves. */
static void check_address(struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    bool low = reg >= R_RAL(0) && reg <= R_RAL(127) && reg % 8 == 0;
    if (low && (ixgbe_get(m, reg + 4) & RAH_AV) && value != ixgbe_get(m, reg))
        m->low_half_read[63] = true; /* remembered: RAH has to follow */
}

/* Rate: RTTBCNRC goes to the queue that RTTDQSEL names. */
static void write_rate(struct ixgbe_model *m, uint32_t value)
{
    uint32_t factor = value & (RTTBCNRC_INT | RTTBCNRC_DEC);
    if ((value & RTTBCNRC_ON) && factor < 1u << 14)
        ixgbe_model_violation(m, BY_PF, "rate factor below 1", R_RTTBCNRC, value);
    if ((value & RTTBCNRC_ON) && !ixgbe_get(m, R_RTTBCNRM))
        ixgbe_model_violation(m, BY_PF, "rate without a compensation limit", R_RTTBCNRC, value);
    m->rate[ixgbe_get(m, R_RTTDQSEL) % IXGBE_MODEL_QUEUES] = value;
    *ixgbe_at(m, R_RTTBCNRC) = value;
}

/* QDE: bit 16 writes the drop bit of the queue that it names, bit 17 reads it. */
static void write_qde(struct ixgbe_model *m, uint32_t value)
{
    unsigned queue = FIELD_GET(QDE_INDEX, value) % IXGBE_MODEL_QUEUES;
    if (value & QDE_WRITE) {
        uint32_t *srrctl = ixgbe_at(m, R_RX(queue) + Q_SRRCTL);
        *srrctl = (*srrctl & ~SRRCTL_DROP) | (value & QDE_DROP ? SRRCTL_DROP : 0);
    }
    *ixgbe_at(m, R_QDE) = value & ~(QDE_WRITE | QDE_READ);
}

/* Access ------------------------------------------------------------------------------ */

static void write_known(struct ixgbe_model *m, enum ixgbe_kind kind, uint32_t writable,
                        uint32_t reg, uint32_t value)
{
    uint32_t fixed = kind == KIND_READ_WRITE ? ixgbe_get(m, reg) & ~writable : 0;
    if (kind == KIND_ONE_CLEARS)
        *ixgbe_at(m, reg) &= ~value;
    else if (kind == KIND_READ_WRITE)
        *ixgbe_at(m, reg) = (value & writable) | fixed;
    else if (kind == KIND_READ_ONLY || kind == KIND_READ_CLEARS)
        ixgbe_model_violation(m, BY_PF, "write to a register that is read only", reg, value);
}

static bool write_special(struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    if (reg == R_CTRL)
        write_ctrl(m, value);
    else if (reg == R_RTTBCNRC)
        write_rate(m, value);
    else if (reg == R_QDE)
        write_qde(m, value);
    else if (reg >= R_VFLREC(0) && reg <= R_VFLREC(1))
        *ixgbe_at(m, R_VFLRE((reg - R_VFLREC(0)) / 4)) &= ~value;
    else if (reg == R_FDIRCTRL)
        *ixgbe_at(m, reg) = (value & ~FDIRCTRL_DONE) | FDIRCTRL_DONE;
    else if (reg == R_FDIRCMD)
        *ixgbe_at(m, reg) = value & ~3u;
    else if ((reg >= R_PFMBMEM(0) && reg < R_PFMBMEM(64)) ||
             (reg >= R_PFMAILBOX(0) && reg <= R_PFMAILBOX(63)))
        ixgbe_model_mailbox_pf_write(m, reg, value);
    else
        return ixgbe_model_nvm_write(m, reg, value) || ixgbe_model_irq_write(m, reg, value);
    return true;
}

static void after_write(struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    if (reg == R_CTRL_EXT && (value & CTRL_EXT_PFRSTD)) {
        *ixgbe_at(m, reg) &= ~CTRL_EXT_PFRSTD;
        ixgbe_model_mailbox_open(m);
    }
    if (reg == R_HLREG0)
        ixgbe_model_set_status(m);
}

static void pf_write(struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    uint32_t writable = 0;
    enum ixgbe_kind kind = ixgbe_model_kind(m, reg, &writable);
    check_buffers(m, reg, value);
    check_modes(m, reg, value);
    check_address(m, reg, value);
    if (reg == R_RXCTRL)
        check_receiver(m, value);
    if (reg == R_MRQC && m->dpdk)
        writable |= MRQC_EXTENDED;
    if (reg == R_FCTRL && (value & FCTRL_SBP))
        ixgbe_model_violation(m, BY_PF, "bad frames wanted", reg, value);
    /* what reads as one may be written back as one */
    if (kind != KIND_READ_ONLY && kind != KIND_READ_CLEARS &&
        (value & ~writable & ~ixgbe_get(m, reg)))
        ixgbe_model_violation(m, BY_PF, "reserved or read-only bits set", reg, value);
    if (!write_special(m, reg, value))
        write_known(m, kind, writable, reg, value);
    after_write(m, reg, value);
}

/* 32-bit accesses only; nothing within 1 us of a reset (Linux waits as long).  Linux writes the
 * flow director's hash and command as one quadword. */
static bool access_good(struct ixgbe_model *m, unsigned bar, uint64_t offset, unsigned size)
{
    uint32_t reg = ixgbe_model_canonical((uint32_t)offset), writable;
    if (bar || size != 4 || offset % 4 || offset >= IXGBE_MODEL_BAR_SIZE) {
        ixgbe_model_violation(m, BY_PF, "access that is not 32 bits wide, or elsewhere", reg, size);
        return false;
    }
    /* a look at a deadline takes the hosted clock 1 us */
    if (m->resets && m->reset_at_us && time_us() < m->reset_at_us + 1)
        ixgbe_model_violation(m, BY_PF, "access within 1 us of a reset", reg, 0);
    if (ixgbe_model_is_queue(reg) || ixgbe_model_kind(m, reg, &writable) != KIND_UNKNOWN)
        return true;
    ixgbe_model_violation(m, BY_PF, "access to an unknown register", reg, 0);
    return false;
}

void ixgbe_model_pf_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t wide)
{
    struct ixgbe_model *m = ctx;
    uint32_t reg = ixgbe_model_canonical((uint32_t)offset), value = (uint32_t)wide;
    if (bar == 0 && size == 8 && reg == R_FDIRHASH) {
        ixgbe_model_pf_write(ctx, bar, offset, 4, value);
        ixgbe_model_pf_write(ctx, bar, offset + 4, 4, wide >> 32);
        return;
    }
    if (bar >= 2 || m->gone || !access_good(m, bar, offset, size))
        return;
    if (ixgbe_model_is_queue(reg))
        ixgbe_model_queue_write(m, BY_PF, reg, value);
    else
        pf_write(m, reg, value);
}

/* Statistics ------------------------------------------------------------------------------ */

/* Counters of two registers: the lower one is read first; reading the upper one clears both. */
static int pair_of(uint32_t reg, bool *high)
{
    static const uint32_t pairs[] = { R_GORCL,      R_GOTCL,      R_TORL,
                                      R_RXDGPC + 4, R_TXDGPC + 4, R_RXNFGPC + 4 };
    for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++)
        if (reg == pairs[i] || reg == pairs[i] + 4) {
            *high = reg != pairs[i];
            return (int)i;
        }
    for (unsigned q = 0; q < 16; q++) {
        if (reg == R_QBRC(q) || reg == R_QBRC(q) + 4) {
            *high = reg != R_QBRC(q);
            return (int)(8 + q);
        }
        if (reg == R_QBTC(q) || reg == R_QBTC(q) + 4) {
            *high = reg != R_QBTC(q);
            return (int)(24 + q);
        }
    }
    return -1;
}

static uint32_t read_counter(struct ixgbe_model *m, uint32_t reg)
{
    bool high = false;
    int pair = pair_of(reg, &high);
    uint32_t value = ixgbe_get(m, reg);
    if (pair >= 0 && high && !m->low_half_read[pair])
        ixgbe_model_violation(m, BY_PF, "upper half of a counter read first", reg, value);
    if (pair >= 0)
        m->low_half_read[pair] = !high;
    *ixgbe_at(m, reg) = 0;
    return value;
}

void ixgbe_model_count(struct ixgbe_model *m, uint32_t reg, uint32_t n)
{
    uint32_t *at = ixgbe_at(m, reg);
    *at = *at > UINT32_MAX - n ? UINT32_MAX : *at + n;
}

/* The chip has sixteen of a queue's counters; RQSMR and TQSM say which is whose, a byte a queue
 * (DPDK and our own driver set them). */
unsigned ixgbe_model_counter_of(const struct ixgbe_model *m, uint32_t map, unsigned queue)
{
    return ixgbe_get(m, map + queue / 4 * 4) >> 8 * (queue % 4) & 0xf;
}

/* 36 bits; sticks there. */
void ixgbe_model_count_octets(struct ixgbe_model *m, uint32_t reg, uint32_t n)
{
    uint64_t sum = ((uint64_t)ixgbe_get(m, reg + 4) << 32 | ixgbe_get(m, reg)) + n;
    sum = sum >> 36 ? (1ull << 36) - 1 : sum;
    *ixgbe_at(m, reg) = (uint32_t)sum;
    *ixgbe_at(m, reg + 4) = (uint32_t)(sum >> 32);
}

/* Reading ---------------------------------------------------------------------------------- */

static uint32_t read_slow(const struct ixgbe_model *m, uint32_t reg)
{
    uint32_t value = ixgbe_get(m, reg);
    if (reg == R_RDRXCTL)
        return m->dma_never_ready ? value & ~RDRXCTL_DONE : value | RDRXCTL_DONE;
    if (reg == R_SECRXSTAT && m->security_sticks)
        return value & ~SEC_READY;
    if (reg == R_FRTIMER || reg == 0x8c0c)
        return (uint32_t)time_us();
    if (reg == R_STATUS)
        return read_status(m);
    if (reg == R_ESDP)
        return (value & ~ESDP_CAGE_FULL) | (m->no_module ? 0 : ESDP_CAGE_FULL);
    return reg == R_CTRL ? read_ctrl(m) : value;
}

static uint32_t pf_read(struct ixgbe_model *m, uint32_t reg)
{
    uint32_t writable, value;
    enum ixgbe_kind kind = ixgbe_model_kind(m, reg, &writable);
    if (kind == KIND_WRITE_ONLY)
        ixgbe_model_violation(m, BY_PF, "write-only register read", reg, 0);
    if (ixgbe_model_nvm_read(m, reg, &value) || ixgbe_model_irq_read(m, reg, &value))
        return value;
    if ((reg >= R_PFMBMEM(0) && reg < R_PFMBMEM(64)) ||
        (reg >= R_PFMAILBOX(0) && reg <= R_PFMAILBOX(63)))
        return ixgbe_model_mailbox_pf_read(m, reg);
    if (ixgbe_is_x540(m) && (reg == R_VFLREC(0) || reg == R_VFLREC(1)))
        return ixgbe_get(m, R_VFLRE((reg - R_VFLREC(0)) / 4)); /* Linux and DPDK read here */
    return kind == KIND_READ_CLEARS ? read_counter(m, reg) : read_slow(m, reg);
}

uint64_t ixgbe_model_pf_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    struct ixgbe_model *m = ctx;
    uint32_t reg = ixgbe_model_canonical((uint32_t)offset), value;
    if (bar >= 2)
        return 0;
    if (m->gone || !access_good(m, bar, offset, size))
        return UINT32_MAX;
    if (m->before_pf_reads)
        m->before_pf_reads(m, reg);
    if (ixgbe_model_vf_counter(m, reg, &value))
        return value;
    return ixgbe_model_is_queue(reg) ? ixgbe_model_queue_read(m, reg) : pf_read(m, reg);
}

/* Life -------------------------------------------------------------------------------------- */

static void power_on(struct ixgbe_model *m, enum ixgbe_model_chip chip, const uint8_t mac[MAC_LEN])
{
    memset(m, 0, sizeof *m);
    m->chip = chip;
    m->cable = true;
    m->wire = (struct ixgbe_model_fifo){ .bytes = m->wire_bytes, .size = IXGBE_MODEL_WIRE };
    for (unsigned i = 0; i < IXGBE_MODEL_VFS; i++) {
        m->vf[i].model = m;
        m->vf[i].index = i;
        m->vf[i].frames =
            (struct ixgbe_model_fifo){ .bytes = m->pool_bytes[i], .size = IXGBE_MODEL_POOL_FIFO };
    }
    ixgbe_model_nvm_init(m, mac);
    ixgbe_model_reset_registers(m);
    ixgbe_model_mailbox_reset(m);
}

void ixgbe_model_power_on(struct ixgbe_model *m, enum ixgbe_model_chip chip,
                          const uint8_t mac[MAC_LEN])
{
    power_on(m, chip, mac);
    ixgbe_model_config(m);
}

/* The PF of a lone VF has long been up when the VF is handed over. */
void ixgbe_model_power_on_vf(struct ixgbe_model *m, enum ixgbe_model_chip chip)
{
    static const uint8_t mac[MAC_LEN] = { 0x02, 0, 0, 0, 0xff, 1 };
    power_on(m, chip, mac);
    m->lone = true;
    ixgbe_model_config_vf(m);
    ixgbe_model_pf_reset_begin(m);
    ixgbe_model_pf_reset_end(m);
    m->vf[0].queues_lost = m->vf[0].told = false;
}
