/* ixgbe_model_nvm.c - what hangs on the chip: NVM, semaphores, the SFP+ module's memory behind
 * I2C (82599), the PHY behind MDIO (X540).
 *
 * Witnesses: Linux ixgbe reads the NVM's words as laid out here and refuses it otherwise; SFF-8472
 * for the module's bytes; I2C as its users drive it, bit by bit. */
#include "tests/models/ixgbe_model_internal.h"

#include "kernel/time.h"

#include <string.h>

/* NVM words and sections */
#define NVM_CHECKSUM 0x3fu
#define NVM_SUM 0xbabau
#define NVM_SFP_LIST 0x2bu
#define NVM_FIRMWARE 0x0fu
#define NVM_CAPS 0x2cu
#define CAPS_ANY_SFP 0x0001u
#define SECTION_ANALOG 0x100u
#define SECTION_CORE 0x200u /* LAN core: the MAC address */
#define SECTION_MAC 0x240u
#define SECTION_FIRMWARE 0x280u
#define SECTION_SFP 0x300u
#define FIRMWARE_VERSION 7u
#define SFP_SR_LR 5u /* module types of port 0, as Linux and DPDK number them */
#define SFP_COPPER 3u

static void section(struct ixgbe_model *m, unsigned pointer, uint16_t at, uint16_t words)
{
    m->nvm[pointer] = at;
    m->nvm[at] = words;
    for (unsigned i = 1; i <= words; i++)
        m->nvm[at + i] = (uint16_t)(0x3100 + i);
}

/* Modules that the chip can be set up for, and the words that go to its core control. */
static void sfp_section(struct ixgbe_model *m)
{
    static const uint16_t list[] = { 0,         SFP_COPPER,       SECTION_SFP + 8,
                                     SFP_SR_LR, SECTION_SFP + 12, 0xffff };
    static const uint16_t values[] = { 0, 0x0101, 0x0202, 0xffff, 0, 0x0303, 0x0404, 0xffff };
    m->nvm[NVM_SFP_LIST] = SECTION_SFP;
    memcpy(&m->nvm[SECTION_SFP], list, sizeof list);
    memcpy(&m->nvm[SECTION_SFP + 8], values, sizeof values);
}

/* Words 0 to 3eh, then what pointers 3 to 0eh lead to: its length, and so many words.  The X540
 * leaves out the PHY's and the option ROM's (DPDK). */
void ixgbe_model_nvm_seal(struct ixgbe_model *m)
{
    uint16_t sum = 0;
    bool x540 = ixgbe_is_x540(m);
    for (unsigned i = 0; i < NVM_CHECKSUM; i++)
        sum = (uint16_t)(sum + m->nvm[i]);
    for (unsigned i = 3; i < NVM_FIRMWARE; i++) {
        uint16_t at = m->nvm[i];
        if (!at || at == 0xffff || at >= IXGBE_MODEL_WORDS || (x540 && (i == 4 || i == 5)))
            continue;
        uint16_t words = m->nvm[at];
        for (unsigned k = at + 1u; words && words != 0xffff && k <= at + words; k++)
            sum = (uint16_t)(sum + (k < IXGBE_MODEL_WORDS ? m->nvm[k] : 0));
    }
    m->nvm[NVM_CHECKSUM] = (uint16_t)(NVM_SUM - sum);
}

/* A short-range module of Intel's: SFF-8472 table 3.1. */
static void sfp_init(struct ixgbe_model *m)
{
    static const uint8_t name[] = "Intel Corp      ", number[] = "FTLX8571D3BCV-IT";
    m->sfp[0] = 0x03;  /* SFP */
    m->sfp[2] = 0x07;  /* LC */
    m->sfp[3] = 0x10;  /* 10GBASE-SR */
    m->sfp[12] = 0x67; /* 10.3 Gb/s */
    memcpy(m->sfp + 20, name, 16);
    m->sfp[38] = 0x1b; /* 00-1B-21 */
    m->sfp[39] = 0x21;
    memcpy(m->sfp + 40, number, 16);
}

/* X540: identifier in MDIO device 1, registers 2 and 3. */
static void phy_init(struct ixgbe_model *m)
{
    m->phy[1][2] = 0x0154;
    m->phy[1][3] = 0x0200;
    m->phy[1][5] = 0x009a; /* devices 1, 3, 4 and 7 */
    m->phy[1][8] = 0x8000; /* it is there */
    m->phy[7][1] = 0x0024; /* negotiation done, link */
}

void ixgbe_model_nvm_init(struct ixgbe_model *m, const uint8_t mac[MAC_LEN])
{
    for (unsigned i = 0; i < 0x40; i++)
        m->nvm[i] = i < 3 || i > 0x0f ? (uint16_t)(0x1010 * (i & 0xf)) : 0xffff;
    section(m, 0x04, SECTION_ANALOG, 16);
    section(m, 0x09, SECTION_CORE, 16);
    section(m, 0x0b, SECTION_MAC, 8);
    section(m, NVM_FIRMWARE, SECTION_FIRMWARE, 16);
    m->nvm[SECTION_FIRMWARE + 2] = 0;                    /* no LESM */
    m->nvm[SECTION_FIRMWARE + 4] = SECTION_FIRMWARE + 8; /* pass-through configuration */
    m->nvm[SECTION_FIRMWARE + 8 + FIRMWARE_VERSION] = 0x0601;
    memcpy(&m->nvm[SECTION_CORE + 1], mac, MAC_LEN);
    m->nvm[0x15] = 0xfafa; /* the board's name: a string */
    m->nvm[0x16] = 0x380;
    m->nvm[0x380] = 6;
    for (unsigned i = 0; i < 10; i++)
        m->nvm[0x381 + i / 2] |= (uint16_t)("E12345-001"[i] << (i % 2 ? 0 : 8));
    m->nvm[0x26] = m->nvm[0x27] = m->nvm[0x28] = 0xffff; /* no thermal table, no storage MACs */
    m->nvm[0x2d] = m->nvm[0x2e] = m->nvm[0x2f] = 0xffff;
    m->nvm[NVM_CAPS] = 0;
    sfp_section(m);
    sfp_init(m);
    phy_init(m);
    ixgbe_model_nvm_seal(m);
}

/* NVM ---------------------------------------------------------------------------- */

static void write_eerd(struct ixgbe_model *m, uint32_t value)
{
    uint32_t word = FIELD_GET(EERD_ADDR, value);
    m->nvm_asked_us = time_us();
    *ixgbe_at(m, R_EERD) = value & EERD_ADDR;
    if (ixgbe_is_x540(m) && !(ixgbe_get(m, R_SW_FW_SYNC) & SYNC_NVM))
        ixgbe_model_violation(m, BY_PF, "NVM read without its semaphore", R_EERD, value);
    if (!(value & EERD_START) || m->nvm_dead)
        return;
    if (word >= IXGBE_MODEL_WORDS)
        ixgbe_model_violation(m, BY_PF, "NVM word that is not there", R_EERD, value);
    else
        *ixgbe_at(m, R_EERD) |= EERD_DONE | (uint32_t)m->nvm[word] << 16;
}

static uint32_t read_eerd(const struct ixgbe_model *m)
{
    uint32_t value = ixgbe_get(m, R_EERD);
    return time_us() < m->nvm_asked_us + m->nvm_takes_us ? value & ~EERD_DONE : value;
}

static uint32_t read_eec(const struct ixgbe_model *m)
{
    uint32_t value = ixgbe_get(m, R_EEC);
    bool busy = m->resets && time_us() < m->reset_at_us + m->reset_takes_us;
    return m->no_auto_read || busy ? value & ~EEC_ARD : value;
}

/* Semaphores ------------------------------------------------------------------------ */

/* Reading SMBI takes it. */
static uint32_t read_swsm(struct ixgbe_model *m)
{
    uint32_t value = ixgbe_get(m, R_SWSM);
    *ixgbe_at(m, R_SWSM) |= SWSM_SMBI;
    return m->semaphore_stuck ? value | SWSM_SMBI : value;
}

/* X540: bit 31 of SW_FW_SYNC is taken by reading it clear, as SMBI is. */
static uint32_t read_sync(struct ixgbe_model *m)
{
    uint32_t value = ixgbe_get(m, R_SW_FW_SYNC);
    if (ixgbe_is_x540(m))
        *ixgbe_at(m, R_SW_FW_SYNC) |= SYNC_REGSMP;
    return value;
}

static void write_sync(struct ixgbe_model *m, uint32_t value)
{
    uint32_t was = ixgbe_get(m, R_SW_FW_SYNC);
    bool held = ixgbe_is_x540(m) ? was & SYNC_REGSMP : ixgbe_get(m, R_SWSM) & SWSM_SWESMBI;
    if (!held)
        ixgbe_model_violation(m, BY_PF, "SW_FW_SYNC written without its semaphore", R_SW_FW_SYNC,
                              value);
    *ixgbe_at(m, R_SW_FW_SYNC) = value;
}

/* I2C --------------------------------------------------------------------------------- */

enum { I2C_IDLE, I2C_ADDRESS, I2C_POINTER, I2C_DATA, I2C_READ };

#define I2C_SFP 0xa0u

static void i2c_start(struct ixgbe_model *m)
{
    m->i2c.state = I2C_ADDRESS;
    m->i2c.bit = 0;
    m->i2c.value = 0;
    m->i2c.out = true;
}

static bool i2c_answers(const struct ixgbe_model *m)
{
    return !m->no_module && !m->i2c_dead && (m->i2c.address & 0xfe) == I2C_SFP;
}

/* A byte has come in; the module says whether it takes it. */
static bool i2c_take(struct ixgbe_model *m)
{
    if (m->i2c.state == I2C_ADDRESS) {
        m->i2c.address = m->i2c.value;
        m->i2c.state = m->i2c.value & 1 ? I2C_READ : I2C_POINTER;
    } else if (m->i2c.state == I2C_POINTER) {
        m->i2c.pointer = m->i2c.value;
        m->i2c.state = I2C_DATA;
    }
    return i2c_answers(m);
}

/* The clock rises: a bit goes from the driver to the module; it falls: what the module puts on
 * the line changes.  Bit 8 is the acknowledgement. */
static void i2c_clock(struct ixgbe_model *m, bool rises)
{
    bool reading = m->i2c.state == I2C_READ && m->i2c.byte > 0;
    if (m->i2c.state == I2C_IDLE)
        return;
    if (rises) {
        if (m->i2c.bit < 8 && !reading)
            m->i2c.value = (uint8_t)(m->i2c.value << 1 | m->i2c.data);
        m->i2c.bit++;
        return;
    }
    m->i2c.out = true;
    if (m->i2c.bit == 8 && !reading)
        m->i2c.out = !i2c_take(m);
    if (m->i2c.bit >= 9) {
        m->i2c.bit = 0;
        m->i2c.value = 0;
        m->i2c.byte = m->i2c.state == I2C_READ ? m->i2c.byte + 1 : 0;
        reading = m->i2c.state == I2C_READ;
        m->i2c.pointer = (uint8_t)(m->i2c.pointer + (m->i2c.byte > 1));
    }
    if (reading && m->i2c.bit < 8)
        m->i2c.out = m->sfp[m->i2c.pointer] >> (7 - m->i2c.bit) & 1 || !i2c_answers(m);
}

static void write_i2c(struct ixgbe_model *m, uint32_t value)
{
    bool clock = value & I2C_CLOCK_OUT, data = value & I2C_DATA_OUT;
    if (!(ixgbe_get(m, R_SW_FW_SYNC) & (SYNC_PHY0 | SYNC_PHY0 << 1)) && m->i2c.state == I2C_IDLE &&
        clock && m->i2c.data && !data)
        ixgbe_model_violation(m, BY_PF, "I2C without the PHY's semaphore", R_I2CCTL, value);
    if (clock && m->i2c.clock && data != m->i2c.data) {
        if (data)
            m->i2c.state = I2C_IDLE;
        else
            i2c_start(m);
        m->i2c.byte = 0;
    }
    m->i2c.data = data;
    if (clock != m->i2c.clock)
        i2c_clock(m, clock);
    m->i2c.clock = clock;
    *ixgbe_at(m, R_I2CCTL) = value & (I2C_CLOCK_OUT | I2C_DATA_OUT);
}

static uint32_t read_i2c(const struct ixgbe_model *m)
{
    bool data = m->i2c.data && (m->i2c.state == I2C_IDLE || m->i2c.out);
    return ixgbe_get(m, R_I2CCTL) | (m->i2c.clock ? I2C_CLOCK_IN : 0) | (data ? I2C_DATA_IN : 0);
}

/* MDIO ---------------------------------------------------------------------------------- */

static uint16_t *phy_register(struct ixgbe_model *m, uint32_t address)
{
    static uint16_t nowhere;
    uint32_t device = FIELD_GET(MSCA_DEVICE, address), reg = address & MSCA_REG;
    nowhere = 0;
    return ixgbe_is_x540(m) && !FIELD_GET(MSCA_PHY, address) && reg < ARRAY_SIZE(m->phy[0])
               ? &m->phy[device][reg]
               : &nowhere;
}

/* Clause 45: an address cycle names the register, then one to read or to write. */
static void write_msca(struct ixgbe_model *m, uint32_t value)
{
    uint32_t op = FIELD_GET(MSCA_OP, value);
    m->mdi_asked_us = time_us();
    *ixgbe_at(m, R_MSCA) = m->mdi_dead ? value : value & ~MSCA_COMMAND;
    if (!(value & MSCA_COMMAND) || m->mdi_dead)
        return;
    if (op == 1)
        *phy_register(m, value) = (uint16_t)ixgbe_get(m, R_MSRWD);
    if (op == 2 || op == 3)
        *ixgbe_at(m, R_MSRWD) = (uint32_t)*phy_register(m, value) << 16;
}

static uint32_t read_msca(const struct ixgbe_model *m)
{
    uint32_t value = ixgbe_get(m, R_MSCA);
    return time_us() < m->mdi_asked_us + m->mdi_takes_us ? value | MSCA_COMMAND : value;
}

/* Access ---------------------------------------------------------------------------------- */

bool ixgbe_model_nvm_write(struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    switch (reg) {
    case R_EERD:
        write_eerd(m, value);
        return true;
    case R_EEC: /* the grant follows the request at once */
        *ixgbe_at(m, R_EEC) = (ixgbe_get(m, R_EEC) & (EEC_PRESENT | EEC_ARD | 0x7800u)) |
                              (value & 0x7f) | (value & EEC_REQ ? EEC_GNT : 0);
        return true;
    case R_SWSM:
        if (!m->semaphore_stuck)
            *ixgbe_at(m, R_SWSM) = value;
        return true;
    case R_SW_FW_SYNC:
        write_sync(m, value);
        return true;
    case R_I2CCTL:
        write_i2c(m, value);
        return true;
    case R_MSCA:
        write_msca(m, value);
        return true;
    }
    return false;
}

bool ixgbe_model_nvm_read(struct ixgbe_model *m, uint32_t reg, uint32_t *value)
{
    switch (reg) {
    case R_EERD:
        *value = read_eerd(m);
        return true;
    case R_EEC:
        *value = read_eec(m);
        return true;
    case R_SWSM:
        *value = read_swsm(m);
        return true;
    case R_SW_FW_SYNC:
        *value = read_sync(m);
        return true;
    case R_I2CCTL:
        *value = read_i2c(m);
        return true;
    case R_MSCA:
        *value = read_msca(m);
        return true;
    }
    return false;
}
