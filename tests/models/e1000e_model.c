/* e1000e_model.c - what the 82574 does its own way (e1000_model.h), from the 82574 DS.
 *
 * Strict about what QEMU's model lets pass: who owns NVM and MDIO, how a reset is
 * begun, how long the NVM and the PHY are busy after it, and the bits that are to have
 * a value before a unit is switched on. */
#include "nic/intel/e1000/e1000e_regs.h"
#include "tests/models/e1000_model.h"

#include "kernel/time.h"
#include "pci/pci_regs.h"

#include <string.h>

#define PHY_CONFIG_US (25 * US_PER_MS)
#define PHY_AWAKE_US (10 * US_PER_MS)
#define PHY_RESET_US 100u
#define TARC0_DEFAULT 0x00000403u /* enabled, count 3 */

static const struct e1000_model_reg known[] = {
    { INTEL_CTRL, INTEL_CTRL, 4, 0xfcfc1b65u, true },
    { E1000E_EECD, E1000E_EECD, 4, 0, true },
    { E1000_EERD, E1000_EERD, 4, E1000E_EERD_ADDR | E1000E_EERD_START, true },
    { E1000E_CTRL_EXT, E1000E_CTRL_EXT, 4, UINT32_MAX, true },
    { INTEL_TCTL, INTEL_TCTL, 4, 0x717ffffau, true },
    { E1000E_EXTCNF_CTRL, E1000E_EXTCNF_CTRL, 4, 0x0fff002fu, true },
    { E1000E_RXDCTL, E1000E_RXDCTL, 4, 0x013f3f3fu, true },
    { E1000E_TXDCTL, E1000E_TXDCTL, 4, 0xff7f3f3fu, true },
    { E1000E_TARC0, E1000E_TARC0, 4, 0x7fffffffu, true },
    { E1000E_MANC, E1000E_MANC, 4, 0, true },
    { E1000E_GCR, E1000E_GCR, 4, UINT32_MAX, true },
    { E1000E_GCR2, E1000E_GCR2, 4, UINT32_MAX, true },
    { E1000E_IMS, E1000E_IMS, 4, 0x01f00000u | 0xffffu, true },
    { E1000E_EIAC, E1000E_EIAC, 4, 0x01f00000u, true },
    { E1000E_IVAR, E1000E_IVAR, 4, 0x800fffffu, true },
};

static uint32_t get(const struct e1000_model *m, uint32_t reg)
{
    return m->regs[reg / 4];
}

static void put(struct e1000_model *m, uint32_t reg, uint32_t value)
{
    m->regs[reg / 4] = value;
}

static bool owned(const struct e1000_model *m)
{
    return get(m, E1000E_EXTCNF_CTRL) & E1000E_EXTCNF_CTRL_SW;
}

/* Reset ------------------------------------------------------------------------ */

/* What is to be changed has the other value. */
static void reset(struct e1000_model *m)
{
    put(m, INTEL_CTRL, get(m, INTEL_CTRL) | 0x00140000u | E1000E_CTRL_ZERO);
    put(m, INTEL_STATUS, get(m, INTEL_STATUS) | INTEL_STATUS_MASTER);
    put(m, E1000E_EXTCNF_CTRL, 0x8 | (m->owned_over_reset ? E1000E_EXTCNF_CTRL_SW : 0));
    put(m, E1000E_CTRL_EXT, E1000E_CTRL_EXT_ZERO | 0x00000200u);
    put(m, E1000E_TARC0, TARC0_DEFAULT | E1000E_TARC0_ZERO);
    put(m, INTEL_TCTL, E1000E_TCTL_MULR | FIELD_PUT(E1000E_TCTL_RRTHRESH, 1u));
    put(m, E1000E_RXDCTL, 0x00010000u);
    put(m, E1000E_GCR, 0x00003800u);
    put(m, E1000_VET, E1000_VET_8021Q);
    m->causes = 0;
}

static void check_reset(struct e1000_model *m)
{
    m->owned_over_reset = owned(m); /* who owned it has to give it back */
    if (!owned(m) && !m->owner_sticks)
        e1000_model_violation(m, "reset without MDIO", E1000E_EXTCNF_CTRL, 0);
    if (!(get(m, INTEL_CTRL) & INTEL_CTRL_MASTER_DISABLE))
        e1000_model_violation(m, "reset with GIO master on", INTEL_CTRL, get(m, INTEL_CTRL));
    if (!m->master_sticks && time_us() < m->master_asked_us + m->master_takes_us)
        e1000_model_violation(m, "reset with requests under way", INTEL_STATUS, 0);
}

/* CTRL.PHY_RST is held for 100 us by the owner of MDIO, and never against firmware. */
static void write_phy_reset(struct e1000_model *m, uint32_t value)
{
    bool was = get(m, INTEL_CTRL) & INTEL_CTRL_PHY_RST, is = value & INTEL_CTRL_PHY_RST;
    if (is && (!owned(m) || m->phy_is_firmwares))
        e1000_model_violation(m, "PHY reset that is not allowed", INTEL_CTRL, value);
    if (is && !was)
        m->phy_reset_at_us = time_us();
    if (!was || is)
        return;
    if (time_us() < m->phy_reset_at_us + PHY_RESET_US)
        e1000_model_violation(m, "PHY reset shorter than 100 us", INTEL_CTRL, value);
    m->phy_done_us = time_us() + PHY_AWAKE_US;
    m->phy_resets++;
}

static void write_ctrl(struct e1000_model *m, uint32_t value)
{
    uint32_t master = INTEL_CTRL_MASTER_DISABLE;
    write_phy_reset(m, value);
    if ((value & master) && !(get(m, INTEL_CTRL) & master))
        m->master_asked_us = time_us();
    if (value & INTEL_CTRL_RST)
        check_reset(m);
}

/* NVM --------------------------------------------------------------------------- */

static void write_owner(struct e1000_model *m, uint32_t value)
{
    bool theirs = m->owner_sticks || time_us() < m->reset_at_us + m->owner_takes_us;
    put(m, E1000E_EXTCNF_CTRL, theirs ? value & ~E1000E_EXTCNF_CTRL_SW : value);
}

static void write_eerd(struct e1000_model *m, uint32_t value)
{
    uint32_t word = FIELD_GET(E1000E_EERD_ADDR, value);
    m->eeprom_asked_us = time_us();
    put(m, E1000_EERD, value & E1000E_EERD_ADDR);
    if (!owned(m))
        e1000_model_violation(m, "NVM read by who does not own it", E1000_EERD, value);
    if (time_us() < m->reset_at_us + PHY_CONFIG_US || time_us() < m->phy_done_us)
        e1000_model_violation(m, "NVM read while the PHY is configured", E1000_EERD, value);
    if (word >= E1000_MODEL_WORDS)
        e1000_model_violation(m, "NVM word that is not there", E1000_EERD, value);
    else if ((value & E1000E_EERD_START) && !m->eeprom_dead)
        put(m, E1000_EERD,
            FIELD_PUT(E1000E_EERD_ADDR, word) | E1000E_EERD_DONE | (uint32_t)m->eeprom[word] << 16);
}

/* Before a unit is on -------------------------------------------------------------- */

static void must(struct e1000_model *m, uint32_t reg, uint32_t mask, uint32_t value)
{
    if ((get(m, reg) & mask) != value)
        e1000_model_violation(m, "unit on with a wrong value in", reg, get(m, reg));
}

static void check_receive(struct e1000_model *m)
{
    must(m, INTEL_CTRL, INTEL_CTRL_MASTER_DISABLE | E1000E_CTRL_ZERO, 0);
    must(m, E1000E_CTRL_EXT,
         E1000E_CTRL_EXT_ZERO | E1000E_CTRL_EXT_ONE | E1000E_CTRL_EXT_DRV_LOAD | 0x200u,
         E1000E_CTRL_EXT_ONE | E1000E_CTRL_EXT_DRV_LOAD | 0x200u);
    must(m, E1000E_RXDCTL, UINT32_MAX, 0x01010000u);
    must(m, E1000E_GCR, UINT32_MAX, 0x00003800u | E1000E_GCR_ERRATA);
    must(m, E1000E_GCR2, E1000E_GCR2_ERRATUM, E1000E_GCR2_ERRATUM);
}

static void check_transmit(struct e1000_model *m, uint32_t tctl)
{
    must(m, E1000E_TXDCTL, UINT32_MAX, 0x01410000u);
    must(m, E1000E_TARC0, UINT32_MAX, TARC0_DEFAULT | E1000E_TARC0_ONE);
    if (!(tctl & E1000E_TCTL_MULR) || FIELD_GET(E1000E_TCTL_RRTHRESH, tctl) != 1)
        e1000_model_violation(m, "transmitter on with one request at a time", INTEL_TCTL, tctl);
}

/* Interrupts, with MSI-X: a cause that is pending and not masked sends its vector, and clears
 * itself where EIAC says so (unread: 82574 DS 7.4). */
static void send_interrupts(struct e1000_model *m)
{
    uint32_t rxq0 = E1000E_CAUSE_RXQ0;
    if (!(m->causes & get(m, E1000E_IMS) & rxq0) || !(get(m, E1000E_IVAR) & 8))
        return;
    if (!(m->device.config[m->msix + PCI_MSIX_CONTROL + 1] & PCI_MSIX_ENABLE >> 8))
        return;
    m->interrupts[get(m, E1000E_IVAR) & 7]++;
    if (get(m, E1000E_EIAC) & rxq0) {
        m->causes &= ~rxq0;
        put(m, E1000E_IMS, get(m, E1000E_IMS) & ~rxq0);
    }
}

static void received(struct e1000_model *m)
{
    m->causes |= E1000E_CAUSE_RXQ0;
    send_interrupts(m);
}

static bool write_mask(struct e1000_model *m, uint32_t reg, uint32_t value)
{
    if (reg == E1000E_IMS)
        put(m, E1000E_IMS, get(m, E1000E_IMS) | value);
    else if (reg == E1000_IMC)
        put(m, E1000E_IMS, get(m, E1000E_IMS) & ~value);
    send_interrupts(m);
    return reg == E1000E_IMS;
}

static bool written(struct e1000_model *m, uint32_t reg, uint32_t value)
{
    if (write_mask(m, reg, value))
        return true;
    if (reg == INTEL_CTRL)
        write_ctrl(m, value);
    if (reg == INTEL_RCTL && (value & INTEL_RCTL_EN))
        check_receive(m);
    if (reg == INTEL_TCTL && (value & INTEL_TCTL_EN))
        check_transmit(m, value);
    if (reg == E1000_EERD)
        write_eerd(m, value);
    else if (reg == E1000E_EXTCNF_CTRL)
        write_owner(m, value);
    return reg == E1000_EERD || reg == E1000E_EXTCNF_CTRL;
}

static uint32_t read_register(struct e1000_model *m, uint32_t reg, uint32_t value)
{
    uint64_t now = time_us();
    if (reg == E1000E_MANC)
        return m->phy_is_firmwares ? E1000E_MANC_BLK_PHY_RST : 0;
    if (reg == INTEL_STATUS && (get(m, INTEL_CTRL) & INTEL_CTRL_MASTER_DISABLE) &&
        !m->master_sticks && now >= m->master_asked_us + m->master_takes_us)
        return value & ~INTEL_STATUS_MASTER;
    if (reg == E1000E_EECD && !m->auto_read_never && now >= m->reset_at_us + m->auto_read_takes_us)
        return value | E1000E_EECD_AUTO_RD;
    if (reg == E1000_EERD && now < m->eeprom_asked_us + m->eeprom_takes_us)
        return value & ~E1000E_EERD_DONE;
    return value;
}

/* Configuration space --------------------------------------------------------------- */

/* ASPM and vectors as a careless firmware leaves them. */
static void add_express(struct pcispace_device *d, uint8_t type)
{
    uint8_t express[60] = { PCI_CAP_EXPRESS, 0, 2 | (uint8_t)(type << 4) };
    express[PCI_EXPRESS_LINK_CTL] = 0x43; /* common clock, L0s and L1 */
    uint16_t at = pcispace_capability(d, express, sizeof express);
    d->writable[at + PCI_EXPRESS_LINK_CTL] = 0xff;
}

static void wire(struct e1000_model *m)
{
    pcispace_bridge_init(&m->port, 0x1b36, 0x000c);
    add_express(&m->port, PCI_EXPRESS_ROOT_PORT);
    pcispace_add(&m->port, NULL, 2, 0);
    add_express(&m->device, PCI_EXPRESS_ENDPOINT);
    uint16_t msi = pcispace_capability(&m->device, (uint8_t[14]){ PCI_CAP_MSI, 0, 0x81 }, 14);
    m->msix = pcispace_capability(&m->device, (uint8_t[12]){ PCI_CAP_MSIX, 0, 4, 0x80, 3 }, 12);
    m->device.writable[msi + 2] = PCI_MSI_ENABLE;
    m->device.writable[m->msix + 3] = 0xc0;
    m->device.bar[E1000E_MODEL_MSIX_BAR] = (struct pcispace_bar){ .size = 0x4000 };
}

const struct e1000_model_chip e1000e_model_chip = { .known = known,
                                                    .known_count = ARRAY_SIZE(known),
                                                    .wire = wire,
                                                    .reset = reset,
                                                    .received = received,
                                                    .written = written,
                                                    .read = read_register };

void e1000e_model_init(struct e1000_model *m, const uint8_t mac[MAC_LEN])
{
    e1000_model_init_as(m, mac, E1000_82574L);
}
