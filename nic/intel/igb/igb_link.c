/* igb_link.c - what software shares with firmware on the 82576 and I350, the NVM and the PHY, and
 * what comes of them: the address and the link (igb.h).
 *
 * Documents: named in igb_regs.h. */
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/igb/igb.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PHY_LOAD_US (20 * US_PER_MS)
#define MDIC_US (10 * US_PER_MS) /* a frame of 64 bits takes 64 us or less */
#define SEMAPHORE_US (20 * US_PER_MS)
#define SYNC_US (200 * US_PER_MS) /* firmware at the NVM or the PHY */

/* Which port of the chip this is. */
static uint32_t lan(struct igb *e)
{
    return FIELD_GET(IGB_STATUS_LAN_ID, intel_status(&e->device));
}

/* Semaphores ------------------------------------------------------------------ */

/* unread: 82576 DS 4.7: reading SMBI as 0 takes it, among software; SWESMBI sticks when firmware is
 * not at SW_FW_SYNC (82575 SDM, SW_FW_SYNC).  Software that died with SMBI was here before the
 * reset. */
static int semaphore_take(struct igb *e)
{
    if (intel_wait(&e->device, LOG_WARNING, "SWSM", IGB_SWSM, IGB_SWSM_SMBI, 0, SEMAPHORE_US)) {
        log_warning("%s: taking over a semaphore that somebody left behind", e->device.name);
        igb_write(e, IGB_SWSM, 0);
        (void)igb_read(e, IGB_SWSM);
    }
    struct deadline deadline = deadline_us(SEMAPHORE_US);
    do {
        igb_write(e, IGB_SWSM, IGB_SWSM_SMBI | IGB_SWSM_SWESMBI);
        if (igb_read(e, IGB_SWSM) & IGB_SWSM_SWESMBI)
            return 0;
    } while (!task_deadline_passed(&deadline));
    log_error("%s: SWSM.SWESMBI does not stick within %" PRIu64 " us", e->device.name,
              (uint64_t)SEMAPHORE_US);
    igb_write(e, IGB_SWSM, 0);
    return -EBUSY;
}

static void semaphore_give(struct igb *e)
{
    igb_write(e, IGB_SWSM, 0);
}

/* The NVM or a PHY, from software and firmware; 0 or -EBUSY. */
static int igb_lock(struct igb *e, uint32_t what)
{
    uint32_t busy = what | IGB_SYNC_FIRMWARE(what), owners;
    struct deadline deadline = deadline_us(SYNC_US);
    do {
        if (semaphore_take(e))
            return -EBUSY;
        owners = igb_read(e, IGB_SW_FW_SYNC);
        if (!(owners & busy))
            igb_write(e, IGB_SW_FW_SYNC, owners | what);
        semaphore_give(e);
        if (!(owners & busy))
            return 0;
    } while (!task_deadline_passed(&deadline));
    log_error("%s: SW_FW_SYNC is %08" PRIx32 " after %" PRIu64
              " us, expected 0 under mask %08" PRIx32,
              e->device.name, owners, (uint64_t)SYNC_US, busy);
    return -EBUSY;
}

static void igb_unlock(struct igb *e, uint32_t what)
{
    if (semaphore_take(e))
        return; /* said so; ours stays set until the next reset */
    igb_write(e, IGB_SW_FW_SYNC, igb_read(e, IGB_SW_FW_SYNC) & ~what);
    semaphore_give(e);
}

/* Address ------------------------------------------------------------------- */

/* Of the device's first port.  Where the others' addresses are differs from chip to chip: of
 * these, what the chip has loaded counts. */
static bool mac_from_nvm(struct igb *e, uint8_t mac[MAC_LEN])
{
    if (lan(e) || igb_lock(e, IGB_SYNC_NVM))
        return false;
    bool good = intel_mac_of_nvm(&e->device, mac);
    igb_unlock(e, IGB_SYNC_NVM);
    return good;
}

void igb_read_mac(struct igb *e)
{
    uint8_t mac[MAC_LEN];
    /* the chip loads it from its part of the NVM after each reset (82575 SDM 14.5.2) */
    if (!mac_from_nvm(e, mac) && !intel_mac_read(&e->device, IGB_RAL(0), mac))
        memset(mac, 0, MAC_LEN);
    port_take_mac(&e->port, e->device.name, mac);
}

/* Link ----------------------------------------------------------------------- */

/* unread: 82576 DS 4.2.1: firmware configures the PHY as the NVM says and then tells so.  Without
 * management it never does (QEMU). */
void igb_find_phy(struct igb *e)
{
    uint32_t done = IGB_EEMNGCTL_CFG_DONE << lan(e);
    intel_wait(&e->device, LOG_DEBUG, "EEMNGCTL", IGB_EEMNGCTL, done, done, PHY_LOAD_US);
    e->serdes = igb_read(e, IGB_CTRL_EXT) & IGB_CTRL_EXT_LINK_MODE;
}

/* unread: IEEE 802.3 22.2.4 through MDIC; 0 or -EIO. */
static int phy_access(struct igb *e, uint32_t command)
{
    igb_write(e, IGB_MDIC, command | FIELD_PUT(IGB_MDIC_PHY, 1u));
    int err = intel_wait(&e->device, LOG_ERROR, "MDIC", IGB_MDIC, IGB_MDIC_READY, IGB_MDIC_READY,
                         MDIC_US);
    if (err || (igb_read(e, IGB_MDIC) & IGB_MDIC_ERROR))
        return -EIO;
    return 0;
}

static int phy_read(struct igb *e, uint32_t reg, uint32_t *value)
{
    int err = phy_access(e, FIELD_PUT(IGB_MDIC_OP, 2u) | FIELD_PUT(IGB_MDIC_REG, reg));
    *value = err ? 0 : FIELD_GET(IGB_MDIC_DATA, igb_read(e, IGB_MDIC));
    return err;
}

static int phy_write(struct igb *e, uint32_t reg, uint32_t value)
{
    return phy_access(e, FIELD_PUT(IGB_MDIC_OP, 1u) | FIELD_PUT(IGB_MDIC_REG, reg) | value);
}

/* A PHY that negotiated keeps its link; one that is off, or has not begun (QEMU's after each
 * reset), is told to.  What it offers is its own default. */
static void phy_start(struct igb *e)
{
    uint32_t what = IGB_SYNC_PHY(lan(e)), control, status;
    if (igb_lock(e, what))
        return;
    if (phy_read(e, IGB_PHY_CONTROL, &control) || phy_read(e, IGB_PHY_STATUS, &status))
        log_warning("%s: the PHY does not answer", e->device.name);
    else if (!(status & IGB_PHY_STATUS_AUTO_DONE) || !(control & IGB_PHY_CONTROL_AUTO) ||
             (control & (IGB_PHY_CONTROL_POWER_DOWN | IGB_PHY_CONTROL_ISOLATE)))
        phy_write(e, IGB_PHY_CONTROL,
                  (control & ~(IGB_PHY_CONTROL_POWER_DOWN | IGB_PHY_CONTROL_ISOLATE)) |
                      IGB_PHY_CONTROL_AUTO | IGB_PHY_CONTROL_RESTART);
    igb_unlock(e, what);
}

/* unread: 82576 DS 3.5.3: without a PHY of its own the chip negotiates through its PCS, and knows
 * one speed unless an outer PHY (SGMII) tells another. */
static void pcs_start(struct igb *e)
{
    uint32_t mode = FIELD_GET(IGB_CTRL_EXT_LINK_MODE, igb_read(e, IGB_CTRL_EXT));
    intel_change(&e->device, IGB_PCS_CFG, 0, IGB_PCS_CFG_ENABLE);
    intel_change(&e->device, IGB_PCS_LCTL, IGB_PCS_LCTL_FORCED | IGB_PCS_LCTL_TIMEOUT,
                 IGB_PCS_LCTL_AN | IGB_PCS_LCTL_RESTART);
    if (mode == IGB_LINK_MODE_SGMII)
        intel_link_on(&e->device, 0, 0);
    else
        intel_link_on(&e->device, IGB_CTRL_SPEED,
                      FIELD_PUT(IGB_CTRL_SPEED, 2u) | IGB_CTRL_FD | INTEL_CTRL_FRCSPD |
                          INTEL_CTRL_FRCDPLX);
}

/* One tag a packet, whatever the NVM has in mind. */
void igb_set_up_link(struct igb *e)
{
    intel_change(&e->device, IGB_CTRL_EXT, IGB_CTRL_EXT_DOUBLE_VLAN, 0);
    if (e->serdes) {
        pcs_start(e);
    } else {
        intel_link_on(&e->device, 0, 0);
        phy_start(e);
    }
}

void igb_link(struct port *port, struct port_link *link)
{
    struct igb *e = port->priv;
    uint32_t status = intel_status(&e->device);
    if (e->serdes && !e->device.gone) {
        uint32_t pcs = igb_read(e, IGB_PCS_LSTS);
        uint32_t up = IGB_PCS_LSTS_LINK | IGB_PCS_LSTS_SYNC;
        *link =
            intel_link((pcs & up) == up, pcs & IGB_PCS_LSTS_FD, FIELD_GET(IGB_PCS_LSTS_SPEED, pcs));
    } else {
        *link = intel_link_of(status);
    }
}
