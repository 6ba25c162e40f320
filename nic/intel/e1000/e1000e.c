/* e1000e.c - Intel 82574L as a port: what differs from the 8254x (e1000.h).
 *
 * Document: 82574 DS (named in e1000e_regs.h).  unread in this file: 82574 DS, PCIe, IEEE 802.3.
 * Errata and the bits that are only said to be 1 or 0 were compared with Intel's own drivers;
 * QEMU's model of the 82574L has none of these traps, so the model in tests/models sets them.
 *
 * Legacy descriptors (7.1.3), one queue: the second one, RSS, needs the extended
 * format (7.1.11).  Not supported besides what e1000.c says: time stamps, header split,
 * pass-through of management traffic (firmware's business; it is told that a driver is
 * there, CTRL_EXT.DRV_LOAD). */
#include "nic/intel/e1000/e1000.h"
#include "nic/intel/e1000/e1000e_regs.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "pci/pci_regs.h"

#include <errno.h>
#include <inttypes.h>

#define OWNER_US (50 * US_PER_MS)      /* firmware gives the NVM back after an access */
#define AUTO_READ_US (10 * US_PER_MS)  /* the NVM is read after a reset */
#define PHY_CONFIG_US (25 * US_PER_MS) /* after that, the PHY is configured from the NVM */
#define PHY_RESET_US 100u              /* how long CTRL.PHY_RST is to stay */
#define PHY_AWAKE_US (10 * US_PER_MS)  /* and how long the PHY then takes */

/* Ownership of NVM and MDIO --------------------------------------------------- */

/* EXTCNF_CTRL: the bit stays 0 while hardware or firmware is the owner, so it is
 * written until it reads 1.  0 or -ETIMEDOUT. */
static int e1000e_own(const struct intel_device *d)
{
    struct deadline deadline = deadline_us(OWNER_US);
    uint32_t value;
    bool late = deadline_passed(&deadline);
    for (;; late = task_deadline_passed(&deadline)) {
        intel_change(d, E1000E_EXTCNF_CTRL, 0, E1000E_EXTCNF_CTRL_SW);
        value = intel_read(d, E1000E_EXTCNF_CTRL);
        if (value & E1000E_EXTCNF_CTRL_SW)
            return 0;
        if (late)
            break;
    }
    log_warning("%s: EXTCNF_CTRL is %08" PRIx32 " after %" PRIu64 " us, expected %08" PRIx32
                " under mask %08" PRIx32,
                d->name, value, (uint64_t)OWNER_US, E1000E_EXTCNF_CTRL_SW, E1000E_EXTCNF_CTRL_SW);
    return -ETIMEDOUT;
}

static void e1000e_disown(const struct intel_device *d)
{
    intel_change(d, E1000E_EXTCNF_CTRL, E1000E_EXTCNF_CTRL_SW, 0);
}

/* Address ------------------------------------------------------------------------ */

static bool e1000e_mac(struct e1000 *e, uint8_t mac[MAC_LEN])
{
    if (e1000e_own(&e->device))
        return false;
    bool good = intel_mac_of_nvm(&e->device, mac);
    e1000e_disown(&e->device);
    return good;
}

/* Reset ---------------------------------------------------------------------------- */

/* 82574 DS 4.6.2 and 3.1: the PHY's bus must be ours.  Firmware that keeps the bus is told and
 * the device reset all the same: there is nothing better to do with it. */
static int e1000e_reset(struct e1000 *e)
{
    const struct intel_device *d = &e->device;
    e1000e_own(d);
    int err = intel_pull_reset(&e->device);
    e1000e_disown(d);
    if (!err)
        err = intel_wait(d, LOG_ERROR, "EECD", E1000E_EECD, E1000E_EECD_AUTO_RD,
                         E1000E_EECD_AUTO_RD, AUTO_READ_US);
    return err ? -EIO : 0;
}

/* Once, at probe -------------------------------------------------------------------- */

/* Erratum: with L0s or L1 completions get lost and the transmitter hangs.  The device
 * first, then the port above it (PCIe 5.4.1.3). */
static void e1000e_stop_aspm(const struct pci_function *f)
{
    for (unsigned end = 0; f && end < 2; f = f->parent, end++) {
        if (!f->express)
            continue;
        uint16_t reg = (uint16_t)(f->express + PCI_EXPRESS_LINK_CTL), value = pci_read16(f, reg);
        if (value & PCI_EXPRESS_LINK_ASPM)
            pci_write16(f, reg, (uint16_t)(value & ~PCI_EXPRESS_LINK_ASPM));
    }
}

/* 82574 DS 4.2: CTRL.PHY_RST for 100 us, with the PHY's bus ours.  Somebody may have left
 * the PHY switched off or forced, and CTRL.RST does not reach it.  Its link comes back by
 * negotiation. */
static void e1000e_reset_phy(const struct intel_device *d)
{
    if (intel_read(d, E1000E_MANC) & E1000E_MANC_BLK_PHY_RST) {
        log_info("%s: management firmware uses the PHY: it stays as it is", d->name);
        return;
    }
    if (e1000e_own(d))
        return;
    intel_change(d, INTEL_CTRL, 0, INTEL_CTRL_PHY_RST);
    intel_flush(d);
    task_delay_us(PHY_RESET_US);
    intel_change(d, INTEL_CTRL, INTEL_CTRL_PHY_RST, 0);
    intel_flush(d);
    e1000e_disown(d);
    task_delay_us(PHY_AWAKE_US);
}

/* Between the reset and the first use of NVM and PHY, the device uses them itself. */
static void e1000e_settle(struct e1000 *e)
{
    e1000e_stop_aspm(e->device.pci);
    task_delay_us(PHY_CONFIG_US);
    e1000e_reset_phy(&e->device);
}

/* Before each start -------------------------------------------------------------------- */

/* The receive queue's alone, and masked until it is armed. */
static void set_up_interrupts(const struct intel_device *d)
{
    if (!pci_msix_on(d->pci, 1))
        return;
    intel_change(d, E1000E_CTRL_EXT, 0, E1000E_CTRL_EXT_PBA_CLR);
    intel_write(d, E1000E_IVAR, E1000E_IVAR_RXQ0);
    intel_write(d, E1000E_EIAC, E1000E_CAUSE_RXQ0);
}

static void e1000e_arm(struct e1000 *e, bool on)
{
    intel_write(&e->device, on ? E1000E_IMS : E1000_IMC, E1000E_CAUSE_RXQ0);
}

/* 82574 DS 4.6.5 and 4.6.6.  RFCTL stays 0, for legacy descriptors.  WTHRESH 1: whoever polls wants
 * each descriptor when it is done, not when there are several. */
static void e1000e_prepare(struct e1000 *e)
{
    const struct intel_device *d = &e->device;
    uint32_t each = E1000E_DCTL_GRAN | FIELD_PUT(E1000E_DCTL_WTHRESH, 1u);
    intel_change(d, E1000E_CTRL_EXT, E1000E_CTRL_EXT_ZERO,
                 E1000E_CTRL_EXT_ONE | E1000E_CTRL_EXT_DRV_LOAD);
    intel_change(d, E1000E_GCR, 0, E1000E_GCR_ERRATA);
    intel_change(d, E1000E_GCR2, 0, E1000E_GCR2_ERRATUM);
    intel_change(d, E1000E_TARC0, E1000E_TARC0_ZERO, E1000E_TARC0_ONE);
    set_up_interrupts(d);
    intel_write(d, E1000E_RXDCTL, each);
    intel_write(d, E1000E_TXDCTL, each | E1000E_TXDCTL_ONE);
}

/* Probe ---------------------------------------------------------------------------------- */

static const struct e1000_chip e1000e_chip = {
    .driver = "e1000e",
    .intel = { .interrupts = { E1000_IMC },
               .units = { INTEL_RCTL, INTEL_TCTL },
               .express = true,
               .reset_settle_us = 10,
               .eerd = E1000_EERD,
               .eerd_done = E1000E_EERD_DONE,
               .eerd_address = E1000E_EERD_ADDR,
               .counters = intel_counters,
               .counts = INTEL_COUNTS_8254X },
    .max_frame = FRAME_MAX, /* Linux and DPDK: 9234 with FCS */
    .ctrl_clear = E1000E_CTRL_ZERO,
    .rctl = INTEL_RCTL_SECRC,
    .tctl = E1000E_TCTL_MULR | FIELD_PUT(E1000E_TCTL_RRTHRESH, 1u),
    /* 10.2.6: the gap of IEEE 802.3 on copper, as it is after a reset. */
    .tipg = FIELD_PUT(E1000_TIPG_IPGT, 8u) | FIELD_PUT(E1000_TIPG_IPGR1, 8u) |
            FIELD_PUT(E1000_TIPG_IPGR2, 6u),
    .reset = e1000e_reset,
    .settle = e1000e_settle,
    .mac = e1000e_mac,
    .prepare = e1000e_prepare,
    .arm = e1000e_arm,
};

static int e1000e_probe(struct pci_function *f, const struct pci_id *id)
{
    return e1000_probe_chip(f, &e1000e_chip);
}

/* 82574 DS 9.1: 82574L. */
static const struct pci_id e1000e_ids[] = {
    PCI_ID(0x8086, 0x10d3, 0),
    { 0 },
};

PCI_DRIVER(e1000e_driver) = {
    .name = "e1000e", .ids = e1000e_ids, .probe = e1000e_probe, .remove = e1000_remove
};
