/* igb_model.c - the chip as its PF sees it: registers, reset, NVM, PHY, statistics (igb_model.h).
 *
 * Not modelled: interrupts (their registers are there and remember), header split, legacy
 * descriptors, segmentation, flow control, wake-up, manageability. */
#include "tests/models/igb_model_internal.h"

#include "kernel/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CTRL_DEFAULT 0x00100201u
#define PHY_ADDRESS 1u

void igb_model_violation(struct igb_model *m, int by, const char *what, uint32_t reg,
                         uint64_t value)
{
    if (by < 0 || !m->vfs_are_hostile)
        fprintf(stderr, "igb model: %s%c: %s (register %05" PRIx32 ", value %" PRIx64 ")\n",
                by < 0 ? "PF" : "VF", by < 0 ? ' ' : '0' + by, what, reg, value);
    if (by < 0)
        m->violations++;
    else
        m->vf[by].violations++;
}

unsigned igb_model_pf_violations(const struct igb_model *m)
{
    return m->violations + m->device.dma_refused;
}

unsigned igb_model_violations(const struct igb_model *m)
{
    unsigned sum = igb_model_pf_violations(m);
    for (unsigned i = 0; i < IGB_MODEL_VFS; i++)
        sum += m->vf[i].violations + m->vf[i].device.dma_refused;
    return sum;
}

uint32_t igb_model_reg(const struct igb_model *m, uint32_t reg)
{
    return igb_get(m, reg);
}

void igb_model_set_reg(struct igb_model *m, uint32_t reg, uint32_t value)
{
    *igb_at(m, reg) = value;
}

/* The register map ------------------------------------------------------------- */

enum kind { READ_WRITE, READ_ONLY, WRITE_ONLY, READ_CLEARS, ONE_CLEARS };
enum chips { BOTH, ONLY_82576, ONLY_I350 };

/* Every register that the model knows and the bits that software may set in it. */
static const struct known {
    uint32_t first, last, step, writable;
    enum kind kind;
    enum chips chips;
} known[] = {
    { R_CTRL, R_CTRL, 4, 0xfff41fe5u, READ_WRITE, BOTH },
    { R_STATUS, R_STATUS, 4, 0, READ_ONLY, BOTH },
    { R_EEC, R_EEC, 4, 0x000000ffu, READ_WRITE, BOTH },
    { R_EERD, R_EERD, 4, EERD_ADDR | EERD_START, READ_WRITE, BOTH },
    { R_CTRL_EXT, R_CTRL_EXT, 4, 0xf7dc6fffu, READ_WRITE, BOTH },
    { R_MDIC, R_MDIC, 4, 0xbfffffffu, READ_WRITE, BOTH },
    { 0x0028, 0x0030, 4, UINT32_MAX, READ_WRITE, BOTH }, /* FCAL, FCAH, FCT */
    { R_VET, R_VET, 4, UINT32_MAX, READ_WRITE, BOTH },
    { R_ICR, R_ICR, 4, UINT32_MAX, READ_CLEARS, BOTH },
    { 0x00c4, 0x00c4, 4, UINT32_MAX, READ_WRITE, BOTH }, /* ITR */
    { 0x00c8, 0x00c8, 4, UINT32_MAX, WRITE_ONLY, BOTH }, /* ICS */
    { 0x00d0, 0x00d0, 4, UINT32_MAX, READ_WRITE, BOTH }, /* IMS */
    { 0x00d8, 0x00d8, 4, UINT32_MAX, WRITE_ONLY, BOTH }, /* IMC */
    { 0x00e0, 0x00e0, 4, UINT32_MAX, READ_WRITE, BOTH }, /* IAM */
    { R_RCTL, R_RCTL, 4, 0x04ffb3feu, READ_WRITE, BOTH },
    { 0x0170, 0x0170, 4, 0xffff, READ_WRITE, BOTH }, /* FCTTV */
    { R_TCTL, R_TCTL, 4, 0xfdfffffau, READ_WRITE, BOTH },
    { 0x0404, 0x0404, 4, UINT32_MAX, READ_WRITE, BOTH }, /* TCTL_EXT */
    { 0x0410, 0x0410, 4, 0x3fffffff, READ_WRITE, BOTH }, /* TIPG */
    { R_VMBMEM(0), R_P2V(0) - 4, 4, UINT32_MAX, READ_WRITE, BOTH },
    { R_P2V(0), R_P2V(7), 4, 0x1b, READ_WRITE, BOTH },
    { R_MBVFICR, R_MBVFICR, 4, 0x00ff00ff, ONE_CLEARS, BOTH },
    { R_MBVFIMR, R_MBVFIMR, 4, 0x00ff00ff, READ_WRITE, BOTH },
    { R_VFLRE, R_VFLRE, 4, 0xff, ONE_CLEARS, BOTH },
    { R_VFRE, R_VFTE, 4, 0xff, READ_WRITE, BOTH },
    { 0x0e00, 0x0e00, 4, UINT32_MAX, READ_WRITE, BOTH }, /* LEDCTL */
    { R_MDICNFG, R_MDICNFG, 4, 0xc3e00000u, READ_WRITE, ONLY_I350 },
    { R_EEMNGCTL, R_EEMNGCTL, 4, 0, READ_ONLY, BOTH },
    { 0x1048, 0x104c, 4, UINT32_MAX, READ_WRITE, BOTH },  /* FRTIMER, TCPTIMER */
    { 0x1500, 0x1500, 4, UINT32_MAX, READ_CLEARS, BOTH }, /* ICR again, and */
    { 0x1504, 0x150c, 4, UINT32_MAX, WRITE_ONLY, BOTH },  /* ICS, IMS, IMC */
    { 0x1510, 0x1530, 4, UINT32_MAX, READ_WRITE, BOTH },  /* IAM, GPIE, EICS to EIAM */
    { 0x1580, 0x1580, 4, UINT32_MAX, READ_CLEARS, BOTH },
    { 0x1680, 0x16e0, 4, UINT32_MAX, READ_WRITE, BOTH }, /* EITR */
    { 0x1700, 0x1740, 4, UINT32_MAX, READ_WRITE, BOTH }, /* IVAR */
    { 0x2160, 0x2170, 4, UINT32_MAX, READ_WRITE, BOTH }, /* FCRTL, FCRTH, FCRTC */
    { 0x2404, 0x2404, 4, 0x8000007f, READ_WRITE, BOTH }, /* RXPBS */
    { R_QDE, R_QDE, 4, UINT32_MAX, READ_WRITE, BOTH },
    { 0x2460, 0x2460, 4, 0xffff, READ_WRITE, BOTH },          /* FCRTV */
    { 0x2508, 0x2508, 4, UINT32_MAX, READ_WRITE, ONLY_I350 }, /* DMACR */
    { 0x3404, 0x3404, 4, 0xff, READ_WRITE, BOTH },            /* TXPBS */
    { R_DTXSWC, R_DTXSWC, 4, 0x80ffffff, READ_WRITE, ONLY_82576 },
    { R_LVMMC, R_LVMMC, 4, 0, READ_CLEARS, ONLY_I350 },
    { R_WVBR, R_WVBR, 4, 0, READ_CLEARS, BOTH },
    { R_MDFB, R_MDFB, 4, 0xff, ONE_CLEARS, ONLY_I350 },
    { R_DTXCTL, R_DTXCTL, 4, 0x7e, READ_WRITE, BOTH },
    { R_RTTDQSEL, R_RTTDQSEL, 4, 0xf, READ_WRITE, ONLY_82576 },
    { R_RTTBCNRM, R_RTTBCNRM, 4, 0x3ff, READ_WRITE, ONLY_82576 },
    { R_RTTBCNRC, R_RTTBCNRC, 4, RTTBCNRC_ON | RTTBCNRC_INT | RTTBCNRC_DEC, READ_WRITE,
      ONLY_82576 },
    { R_VMVIR(0), R_VMVIR(7), 4, 0xc000ffff, READ_WRITE, BOTH },
    { R_CRCERRS, 0x4128, 4, 0, READ_CLEARS, BOTH },
    { 0x4158, 0x415c, 4, 0, READ_CLEARS, ONLY_I350 },
    { R_SSVPC, R_SSVPC, 4, 0, READ_CLEARS, ONLY_I350 },
    { R_RXCSUM, R_RXCSUM, 4, 0x00003bff, READ_WRITE, BOTH },
    { R_RLPML, R_RLPML, 4, 0x3fff, READ_WRITE, BOTH },
    { 0x5008, 0x5008, 4, UINT32_MAX, READ_WRITE, BOTH }, /* RFCTL */
    { R_MTA(0), R_MTA(TABLE_REGS - 1), 4, UINT32_MAX, READ_WRITE, BOTH },
    { R_RAL(0), R_RAL(15), 8, UINT32_MAX, READ_WRITE, BOTH },
    { R_RAH(0), R_RAH(15), 8, RAH_AV | RAH_POOLS | 0xffff, READ_WRITE, BOTH },
    { 0x5480, 0x549c, 4, UINT32_MAX, READ_WRITE, BOTH }, /* PSRTYPE */
    { R_RAL(16), R_RAL(23), 8, UINT32_MAX, READ_WRITE, BOTH },
    { R_RAH(16), R_RAH(23), 8, RAH_AV | RAH_POOLS | 0xffff, READ_WRITE, BOTH },
    { R_RAL(24), R_RAL(31), 8, UINT32_MAX, READ_WRITE, ONLY_I350 },
    { R_RAH(24), R_RAH(31), 8, RAH_AV | RAH_POOLS | 0xffff, READ_WRITE, ONLY_I350 },
    { R_VFTA(0), R_VFTA(TABLE_REGS - 1), 4, UINT32_MAX, READ_WRITE, BOTH },
    { 0x5800, 0x5810, 4, UINT32_MAX, READ_WRITE, BOTH }, /* WUC, WUFC, WUS */
    { R_MRQC, R_MRQC, 4, 0x01f7003f, READ_WRITE, BOTH },
    { R_VT_CTL, R_VT_CTL, 4, 0x70000380, READ_WRITE, BOTH },
    { 0x5820, 0x5820, 4, UINT32_MAX, READ_WRITE, BOTH }, /* MANC */
    { 0x5980, 0x59fc, 4, UINT32_MAX, READ_WRITE, BOTH }, /* SAQF to FTQF */
    { R_TXSWC, R_TXSWC, 4, 0x80ffffff, READ_WRITE, ONLY_I350 },
    { R_VMOLR(0), R_VMOLR(7), 4, 0xff033fff, READ_WRITE, ONLY_82576 },
    { R_VMOLR(0), R_VMOLR(7), 4, 0xff833fff, READ_WRITE, ONLY_I350 },
    { R_RPLOLR, R_RPLOLR, 4, 0xc0000000, READ_WRITE, ONLY_82576 },
    { 0x5b00, 0x5b00, 4, UINT32_MAX, READ_WRITE, BOTH }, /* GCR */
    { 0x5b30, 0x5b30, 4, 0, READ_ONLY, BOTH },           /* FACTPS */
    { R_SWSM, R_SWSM, 4, 0x7, READ_WRITE, BOTH },
    { 0x5b54, 0x5b54, 4, 0, READ_ONLY, BOTH }, /* FWSM */
    { R_SW_FW_SYNC, R_SW_FW_SYNC, 4, 0x00ff00ff, READ_WRITE, BOTH },
    { 0x5b68, 0x5b68, 4, UINT32_MAX, READ_WRITE, BOTH }, /* PBACL */
    { R_IOVCTL, R_IOVCTL, 4, IOVCTL_REUSE, READ_WRITE, ONLY_82576 },
    { R_RETA(0), R_RETA(31), 4, 0x0f0f0f0f, READ_WRITE, BOTH },
    { R_RSSRK(0), R_RSSRK(9), 4, UINT32_MAX, READ_WRITE, BOTH },
    { 0x5cb0, 0x5ccc, 4, UINT32_MAX, READ_WRITE, BOTH }, /* ETQF */
    { R_VLVF(0), R_VLVF(VLVF_REGS - 1), 4, VLVF_ON | VLVF_LOCAL | VLVF_POOLS | VLVF_VID, READ_WRITE,
      BOTH },
    { R_UTA(0), R_UTA(TABLE_REGS - 1), 4, UINT32_MAX, READ_WRITE, BOTH },
    { R_PVF(0) + VF_GPRC, R_PVF(7) + VF_GPRC, 0x100, 0, READ_ONLY, BOTH },
    { R_PVF(0) + VF_GPTC, R_PVF(7) + VF_GPTC, 0x100, 0, READ_ONLY, BOTH },
    { R_PVF(0) + VF_GORC, R_PVF(7) + VF_GORC, 0x100, 0, READ_ONLY, BOTH },
    { R_PVF(0) + VF_GOTC, R_PVF(7) + VF_GOTC, 0x100, 0, READ_ONLY, BOTH },
    { R_PVF(0) + VF_MPRC, R_PVF(7) + VF_MPRC, 0x100, 0, READ_ONLY, BOTH },
    { R_PVF(0) + VF_GPRLBC, R_PVF(7) + VF_GPRLBC, 0x100, 0, READ_ONLY, BOTH },
    { R_PVF(0) + VF_GPTLBC, R_PVF(7) + VF_GPTLBC, 0x100, 0, READ_ONLY, BOTH },
    { R_PVF(0) + VF_GORLBC, R_PVF(7) + VF_GORLBC, 0x100, 0, READ_ONLY, BOTH },
    { R_PVF(0) + VF_GOTLBC, R_PVF(7) + VF_GOTLBC, 0x100, 0, READ_ONLY, BOTH },
};

/* For each register of a chip its row of `known`, counted from 1; 0: there is none. */
static uint8_t rows[2][IGB_MODEL_BAR_SIZE / 4];
_Static_assert(ARRAY_SIZE(known) < UINT8_MAX, "a row's number has a byte");

/* The first row that has a register counts. */
static void number_rows(enum igb_model_chip chip)
{
    enum chips other = chip == IGB_MODEL_82576 ? ONLY_I350 : ONLY_82576;
    for (unsigned i = ARRAY_SIZE(known); i--;)
        for (uint32_t reg = known[i].first; reg <= known[i].last; reg += known[i].step)
            if (known[i].chips != other)
                rows[chip][reg / 4] = (uint8_t)(i + 1);
}

static const struct known *find_known(const struct igb_model *m, uint32_t reg)
{
    if (!rows[m->chip][R_CTRL / 4])
        number_rows(m->chip);
    unsigned row = reg % 4 || reg >= IGB_MODEL_BAR_SIZE ? 0 : rows[m->chip][reg / 4];
    return row ? &known[row - 1] : NULL;
}

/* Queues 0 to 3 have two places each. */
static uint32_t canonical(uint32_t reg)
{
    if (reg >= 0x2800 && reg < 0x2c00)
        return R_RX((reg - 0x2800) / 0x100) + reg % 0x100;
    if (reg >= 0x3800 && reg < 0x3c00)
        return R_TX((reg - 0x3800) / 0x100) + reg % 0x100;
    return reg;
}

/* 82576 DS 8.1: 32-bit accesses only; nothing within 1 us of a reset. */
static bool access_good(struct igb_model *m, unsigned bar, uint64_t offset, unsigned size)
{
    uint32_t reg = (uint32_t)offset;
    if (bar || size != 4 || offset % 4) {
        igb_model_violation(m, BY_PF, "access that is not 32 bits wide, or elsewhere", reg, size);
        return false;
    }
    /* a look at a deadline takes the hosted clock 1 us */
    if (m->resets && time_us() <= m->reset_at_us + 1)
        igb_model_violation(m, BY_PF, "access within 1 us of CTRL.RST", reg, 0);
    if (igb_model_is_queue(m, canonical(reg)) || find_known(m, reg))
        return true;
    igb_model_violation(m, BY_PF, "access to an unknown register", reg, 0);
    return false;
}

/* Reset and link ----------------------------------------------------------------- */

void igb_model_set_status(struct igb_model *m)
{
    unsigned vfs = igb_model_vfs_present(m);
    *igb_at(m, R_STATUS) = STATUS_SPEED_1000 | STATUS_PHYRA | STATUS_MASTER |
                           (igb_link_up(m) ? STATUS_LU | STATUS_FD : 0) |
                           (vfs && !m->lone ? STATUS_IOV | FIELD_PUT(STATUS_VFS, vfs) : 0);
    m->phy[1] = (uint16_t)(m->cable ? 0x796d : 0x7949); /* IEEE 802.3 22.2.4.2 */
}

static void defaults_of_pools(struct igb_model *m)
{
    for (unsigned pool = 0; pool < IGB_MODEL_POOLS; pool++)
        *igb_at(m, R_VMOLR(pool)) = 0x2600 | VMOLR_STRCRC;
    *igb_at(m, R_RPLOLR) = VMOLR_STRCRC;
    *igb_at(m, R_VFRE) = *igb_at(m, R_VFTE) = ALL_POOLS;
    *igb_at(m, R_MBVFIMR) = ALL_POOLS;
}

/* Values after power-on and CTRL.RST, and what the NVM loads. */
void igb_model_reset_registers(struct igb_model *m)
{
    memset(m->regs, 0, sizeof m->regs);
    memset(m->low_half_read, 0, sizeof m->low_half_read);
    memset(m->rate, 0, sizeof m->rate);
    *igb_at(m, R_CTRL) = CTRL_DEFAULT;
    *igb_at(m, R_CTRL_EXT) = m->double_vlan ? CTRL_EXT_DOUBLE_VLAN : 0;
    *igb_at(m, R_EEC) = EEC_PRESENT | EEC_AUTO_RD | 0x1000;
    *igb_at(m, R_EEMNGCTL) = EEMNGCTL_DONE | 0x80000000u;
    *igb_at(m, R_VET) = 0x81008100;
    *igb_at(m, R_TCTL) = TCTL_PSP | 0xf0 | 0x40000;
    *igb_at(m, R_RXCSUM) = RXCSUM_IP | RXCSUM_L4;
    *igb_at(m, R_RLPML) = 0x2600;
    *igb_at(m, 0x2404) = 0x40;
    *igb_at(m, 0x3404) = 0x28;
    *igb_at(m, R_RAL(0)) = m->nvm[0] | (uint32_t)m->nvm[1] << 16;
    *igb_at(m, R_RAH(0)) = m->nvm[2] | RAH_AV | 1u << 18;
    defaults_of_pools(m);
    for (unsigned q = 0; q < IGB_MODEL_QUEUES; q++)
        igb_model_queue_reset(m, q);
    igb_model_set_status(m);
}

static void reset(struct igb_model *m)
{
    m->resets++;
    m->reset_at_us = time_us();
    if (m->reset_does_nothing)
        return;
    igb_model_reset_registers(m);
    igb_model_mailbox_reset(m);
    if (m->reset_sticks)
        *igb_at(m, R_CTRL) |= CTRL_RST;
}

static uint32_t read_status(const struct igb_model *m)
{
    bool quiet = (igb_get(m, R_CTRL) & CTRL_MASTER_OFF) && !m->master_sticks &&
                 time_us() >= m->master_asked_us + m->master_takes_us;
    return igb_get(m, R_STATUS) & ~(quiet ? STATUS_MASTER : 0);
}

/* 82576 DS 5.2.3.3: requests under way when the reset strikes may hang the bus. */
static void check_quiet(struct igb_model *m)
{
    bool busy = false;
    for (unsigned q = 0; q < igb_queues(m); q++)
        busy |= igb_model_queue_busy(m, true, q) || igb_model_queue_busy(m, false, q);
    if (busy && (read_status(m) & STATUS_MASTER) && !m->master_sticks && igb_model_pci_master(m))
        igb_model_violation(m, BY_PF, "reset while requests may be under way", R_CTRL, 0);
}

static void write_ctrl(struct igb_model *m, uint32_t value)
{
    bool off = value & CTRL_MASTER_OFF;
    if (value & CTRL_RST)
        check_quiet(m);
    if (off != !!(igb_get(m, R_CTRL) & CTRL_MASTER_OFF))
        m->master_asked_us = time_us();
    *igb_at(m, R_CTRL) = value & ~CTRL_RST & ~CTRL_PHY_RST;
    igb_model_set_status(m);
    if (value & CTRL_RST)
        reset(m);
}

void igb_model_set_link(struct igb_model *m, bool up)
{
    m->cable = up;
    igb_model_set_status(m);
}

/* NVM, PHY, semaphores -------------------------------------------------------------- */

void igb_model_nvm_seal(struct igb_model *m)
{
    uint16_t sum = 0;
    for (unsigned i = 0; i < IGB_MODEL_WORDS - 1; i++)
        sum = (uint16_t)(sum + m->nvm[i]);
    m->nvm[IGB_MODEL_WORDS - 1] = (uint16_t)(0xbaba - sum);
}

static void write_eerd(struct igb_model *m, uint32_t value)
{
    uint32_t word = FIELD_GET(EERD_ADDR, value);
    m->nvm_asked_us = time_us();
    if (!(igb_get(m, R_SW_FW_SYNC) & SYNC_NVM))
        igb_model_violation(m, BY_PF, "NVM read without its semaphore", R_EERD, value);
    *igb_at(m, R_EERD) = value & EERD_ADDR;
    if (!(value & EERD_START) || m->nvm_dead)
        return;
    if (word >= IGB_MODEL_WORDS)
        igb_model_violation(m, BY_PF, "NVM word that is not there", R_EERD, value);
    else
        *igb_at(m, R_EERD) |= EERD_DONE | (uint32_t)m->nvm[word] << 16;
}

static void write_mdic(struct igb_model *m, uint32_t value)
{
    uint32_t reg = FIELD_GET(MDIC_REG, value), op = value & (MDIC_READ | MDIC_WRITE);
    uint32_t phy = m->chip == IGB_MODEL_82576 ? FIELD_GET(MDIC_PHY, value) : PHY_ADDRESS;
    m->mdic_asked_us = time_us();
    if (!(igb_get(m, R_SW_FW_SYNC) & SYNC_PHY))
        igb_model_violation(m, BY_PF, "PHY touched without its semaphore", R_MDIC, value);
    if (!op || op == (MDIC_READ | MDIC_WRITE) || (value & MDIC_READY))
        igb_model_violation(m, BY_PF, "no or two operations on the PHY", R_MDIC, value);
    *igb_at(m, R_MDIC) = value & ~MDIC_READY;
    if (m->mdic_dead)
        return;
    if (op == MDIC_WRITE && phy == PHY_ADDRESS)
        m->phy[reg] = (uint16_t)(reg == 0 ? value & ~0x8200u : value); /* reset, restart */
    if (op == MDIC_READ && phy == PHY_ADDRESS)
        *igb_at(m, R_MDIC) = (value & ~MDIC_DATA) | m->phy[reg];
    *igb_at(m, R_MDIC) |= MDIC_READY | (phy == PHY_ADDRESS ? 0 : MDIC_ERROR);
}

/* 82576 DS 8.16.1: reading SMBI takes it. */
static uint32_t read_swsm(struct igb_model *m)
{
    uint32_t value = igb_get(m, R_SWSM);
    *igb_at(m, R_SWSM) |= SWSM_SMBI;
    return m->semaphore_stuck ? value | SWSM_SMBI : value;
}

static uint32_t read_slow(struct igb_model *m, uint32_t reg)
{
    uint32_t value = igb_get(m, reg);
    if (reg == R_CTRL && m->resets && time_us() < m->reset_at_us + m->reset_takes_us)
        return value | CTRL_RST;
    if (reg == R_EEC && m->no_auto_read)
        return value & ~EEC_AUTO_RD;
    if (reg == R_EEC && m->resets && time_us() < m->reset_at_us + m->reset_takes_us)
        return value & ~EEC_AUTO_RD;
    if (reg == R_EERD && time_us() < m->nvm_asked_us + m->nvm_takes_us)
        return value & ~EERD_DONE;
    if (reg == R_MDIC && time_us() < m->mdic_asked_us + m->mdic_takes_us)
        return value & ~MDIC_READY;
    return value;
}

/* Rate (82576 DS 8.13.?): RTTBCNRC goes to the queue that RTTDQSEL names. */
static void write_rate(struct igb_model *m, uint32_t value)
{
    uint32_t factor = value & (RTTBCNRC_INT | RTTBCNRC_DEC);
    if ((value & RTTBCNRC_ON) && factor < 1u << 14)
        igb_model_violation(m, BY_PF, "rate factor below 1", R_RTTBCNRC, value);
    if ((value & RTTBCNRC_ON) && !igb_get(m, R_RTTBCNRM))
        igb_model_violation(m, BY_PF, "rate without a compensation limit", R_RTTBCNRC, value);
    m->rate[igb_get(m, R_RTTDQSEL) % IGB_MODEL_QUEUES] = value;
}

/* Rules about single registers ------------------------------------------------------ */

/* 82576 has it in DTXSWC, I350 in TXSWC. */
uint32_t igb_model_swc(const struct igb_model *m)
{
    return igb_get(m, m->chip == IGB_MODEL_82576 ? R_DTXSWC : R_TXSWC);
}

static void check_units(struct igb_model *m, uint32_t reg, uint32_t value)
{
    if (reg == R_RCTL && (value & RCTL_SBP))
        igb_model_violation(m, BY_PF, "bad frames wanted", reg, value);
    if (reg == R_TCTL && (value & TCTL_EN) && !FIELD_GET(TCTL_CT, value))
        igb_model_violation(m, BY_PF, "transmitter on without collision values", reg, value);
    if (reg == R_RLPML && value > IGB_MODEL_FRAME)
        igb_model_violation(m, BY_PF, "frames longer than the chip takes", reg, value);
}

static void check_pools(struct igb_model *m, uint32_t reg, uint32_t value)
{
    if (reg >= R_VMOLR(0) && reg <= R_VMOLR(7)) {
        if (FIELD_GET(VMOLR_RLPML, value) > IGB_MODEL_FRAME)
            igb_model_violation(m, BY_PF, "frames longer than the chip takes", reg, value);
        if (m->chip == IGB_MODEL_82576 && ((value ^ igb_get(m, reg)) & VMOLR_UPE))
            igb_model_violation(m, BY_PF, "reserved bit 29 of VMOLR changed", reg, value);
    }
    if (reg == R_MRQC) {
        uint32_t mode = value & MRQC_MODE;
        bool good = mode == 0 || mode == MRQC_RSS || mode == MRQC_VMDQ ||
                    (mode == MRQC_VMDQ_RSS && m->chip == IGB_MODEL_82576);
        if (!good)
            igb_model_violation(m, BY_PF, "reserved way of choosing queues", reg, value);
        if (mode != (igb_get(m, reg) & MRQC_MODE) && (igb_get(m, R_RCTL) & RCTL_EN))
            igb_model_violation(m, BY_PF, "queue choice changed while receiving", reg, value);
    }
    if (reg >= R_RETA(0) && reg <= R_RETA(31))
        for (unsigned i = 0; i < 4; i++)
            if ((value >> 8 * i & 0xff) >= igb_queues(m))
                igb_model_violation(m, BY_PF, "a queue that is not there", reg, value);
}

/* A receive address that counts is not changed by halves. */
static void check_address(struct igb_model *m, uint32_t reg)
{
    for (unsigned i = 0; i < igb_addresses(m); i++)
        if (reg == R_RAL(i) && (igb_get(m, R_RAH(i)) & RAH_AV))
            igb_model_violation(m, BY_PF, "receive address changed while it is valid", reg, 0);
}

static bool vfta_write_is_lost(struct igb_model *m, uint32_t reg)
{
    if (reg < R_VFTA(0) || reg > R_VFTA(TABLE_REGS - 1) || !(igb_model_swc(m) & SWC_LOOPBACK))
        return false;
    m->vfta_tries = reg == m->vfta_last ? m->vfta_tries + 1 : 1;
    m->vfta_last = reg;
    return m->vfta_tries <= m->vfta_loses;
}

/* The queues that VFs had are the PF's again once it says so and none is left. */
static void reuse_queues(struct igb_model *m, uint32_t value)
{
    if (!(value & IOVCTL_REUSE))
        return;
    if (igb_model_vfs_present(m))
        igb_model_violation(m, BY_PF, "queues taken from VFs that are there", R_IOVCTL, value);
    m->pools_locked = 0;
}

/* Access ------------------------------------------------------------------------------ */

static void write_known(struct igb_model *m, const struct known *k, uint32_t reg, uint32_t value)
{
    uint32_t fixed = k->kind == READ_WRITE ? igb_get(m, reg) & ~k->writable : 0;
    if ((value & ~k->writable) & ~fixed)
        igb_model_violation(m, BY_PF, "reserved or read-only bits set", reg, value);
    if (k->kind == ONE_CLEARS) {
        *igb_at(m, reg) &= ~value;
        for (unsigned q = 0; reg == R_MDFB && q < igb_queues(m); q++)
            m->tx[q].held &= !(value >> q & 1);
    } else if (k->kind == READ_WRITE) {
        *igb_at(m, reg) = (value & k->writable) | fixed;
    }
}

static void pf_write(struct igb_model *m, uint32_t reg, uint32_t value)
{
    const struct known *k = find_known(m, reg);
    check_units(m, reg, value);
    check_pools(m, reg, value);
    check_address(m, reg);
    if (reg == R_CTRL) {
        if (value & ~k->writable)
            igb_model_violation(m, BY_PF, "reserved or read-only bits set", reg, value);
        write_ctrl(m, value);
    } else if (reg == R_EERD) {
        write_eerd(m, value);
    } else if (reg == R_MDIC) {
        write_mdic(m, value);
    } else if (reg == R_RTTBCNRC) {
        write_rate(m, value);
    } else if (reg >= R_VMBMEM(0) && reg <= R_P2V(7)) {
        igb_model_mailbox_pf_write(m, reg, value);
    } else if ((reg == R_SWSM && m->semaphore_stuck) || vfta_write_is_lost(m, reg)) {
        return;
    } else if (reg == R_SW_FW_SYNC && !(igb_get(m, R_SWSM) & SWSM_SWESMBI)) {
        igb_model_violation(m, BY_PF, "SW_FW_SYNC written without SWESMBI", reg, value);
    } else {
        write_known(m, k, reg, value);
    }
    m->rctl_writes += reg == R_RCTL;
    if (reg == R_IOVCTL)
        reuse_queues(m, value);
}

void igb_model_pf_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t wide)
{
    struct igb_model *m = ctx;
    uint32_t reg = canonical((uint32_t)offset), value = (uint32_t)wide;
    if (bar == 3 || m->gone || !access_good(m, bar, offset, size))
        return;
    if (igb_model_is_queue(m, reg))
        igb_model_queue_write(m, BY_PF, reg, value);
    else
        pf_write(m, reg, value);
    if (reg == R_CTRL_EXT && (value & CTRL_EXT_PFRSTD)) {
        *igb_at(m, reg) &= ~CTRL_EXT_PFRSTD;
        igb_model_mailbox_open(m);
    }
}

/* 8.18: reading clears; of a pair the upper half clears both and is read last. */
static uint32_t read_counter(struct igb_model *m, uint32_t reg)
{
    static const uint32_t pairs[] = { R_GORCL, R_GOTCL, R_TORL, R_TOTL };
    uint32_t value = igb_get(m, reg);
    for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
        if (reg == pairs[i]) {
            m->low_half_read[i] = true;
            return value;
        }
        if (reg != pairs[i] + 4)
            continue;
        if (!m->low_half_read[i])
            igb_model_violation(m, BY_PF, "upper half of a counter read first", reg, value);
        m->low_half_read[i] = false;
        *igb_at(m, reg - 4) = 0;
    }
    *igb_at(m, reg) = 0;
    return value;
}

static uint32_t pf_read(struct igb_model *m, uint32_t reg)
{
    if (m->before_pf_reads)
        m->before_pf_reads(m, reg);
    const struct known *k = find_known(m, reg);
    if (k->kind == WRITE_ONLY)
        igb_model_violation(m, BY_PF, "write-only register read", reg, 0);
    if (reg == R_STATUS)
        return read_status(m);
    if (reg == R_SWSM)
        return read_swsm(m);
    if (reg >= R_VMBMEM(0) && reg <= R_P2V(7))
        return igb_model_mailbox_pf_read(m, reg);
    return k->kind == READ_CLEARS ? read_counter(m, reg) : read_slow(m, reg);
}

uint64_t igb_model_pf_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    struct igb_model *m = ctx;
    uint32_t reg = canonical((uint32_t)offset);
    if (bar == 3)
        return 0;
    if (m->gone || !access_good(m, bar, offset, size))
        return UINT32_MAX;
    return igb_model_is_queue(m, reg) ? igb_model_queue_read(m, reg) : pf_read(m, reg);
}

/* Statistics ------------------------------------------------------------------------------ */

void igb_model_count(struct igb_model *m, uint32_t reg, uint32_t n)
{
    uint32_t *at = igb_at(m, reg);
    bool wraps = reg >= R_PVF(0), dropped = reg >= R_RX(0) && reg < R_TX(0);
    uint32_t most = dropped ? 0xfff : UINT32_MAX; /* RQDPC, 82576 DS 8.10 */
    *at = !wraps && *at > most - n ? most : *at + n;
}

void igb_model_count_octets(struct igb_model *m, uint32_t reg, uint32_t n)
{
    uint64_t sum = ((uint64_t)igb_get(m, reg + 4) << 32 | igb_get(m, reg)) + n;
    *igb_at(m, reg) = (uint32_t)sum;
    *igb_at(m, reg + 4) = (uint32_t)(sum >> 32);
}

/* Life -------------------------------------------------------------------------------------- */

static void power_on(struct igb_model *m, enum igb_model_chip chip, const uint8_t mac[MAC_LEN])
{
    memset(m, 0, sizeof *m);
    m->chip = chip;
    for (unsigned i = 0; i < IGB_MODEL_WORDS; i++)
        m->nvm[i] = (uint16_t)(0x1111 * i);
    memcpy(m->nvm, mac, MAC_LEN);
    igb_model_nvm_seal(m);
    m->cable = true;
    m->phy[0] = 0x1140;
    m->phy[2] = 0x02a8;
    m->phy[3] = (uint16_t)(chip == IGB_MODEL_82576 ? 0x0391 : 0x03b0);
    m->phy[4] = 0x0de1;
    m->phy[5] = 0xc1e1;
    m->phy[9] = 0x0200;
    m->phy[10] = 0x7800;
    for (unsigned i = 0; i < IGB_MODEL_VFS; i++) {
        m->vf[i].model = m;
        m->vf[i].index = i;
    }
    igb_model_reset_registers(m);
    igb_model_mailbox_reset(m);
}

void igb_model_attach(struct igb_model *m, enum igb_model_chip chip, const uint8_t mac[MAC_LEN],
                      unsigned slot)
{
    power_on(m, chip, mac);
    igb_model_pci_init(m, slot);
}

void igb_model_init(struct igb_model *m, enum igb_model_chip chip, const uint8_t mac[MAC_LEN])
{
    pcispace_reset();
    igb_model_attach(m, chip, mac, 4);
    pci_scan();
    igb_model_found(m);
}

/* The PF of a lone VF has long been up when the VF is handed over. */
void igb_model_attach_vf(struct igb_model *m, enum igb_model_chip chip, unsigned slot)
{
    static const uint8_t mac[MAC_LEN] = { 0x02, 0, 0, 0, 0xff, 1 };
    power_on(m, chip, mac);
    m->lone = true;
    igb_model_pci_init_vf(m, slot);
    igb_model_pf_reset_begin(m);
    igb_model_pf_reset_end(m);
    m->vf[0].queues_lost = m->vf[0].told = false;
}

void igb_model_init_vf(struct igb_model *m, enum igb_model_chip chip)
{
    pcispace_reset();
    igb_model_attach_vf(m, chip, 5);
    pci_scan();
    igb_model_found(m);
}
