/* igb_link.c - the NVM and the PHY of the 82576 and I350, which software shares with firmware, and
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

/* Which port of the chip this is. */
static uint32_t lan(struct igb *e)
{
    return FIELD_GET(IGB_STATUS_LAN_ID, intel_status(&e->f.device));
}

/* Address ------------------------------------------------------------------- */

/* Of the device's first port.  Where the others' addresses are differs from chip to chip: of
 * these, what the chip has loaded counts. */
static bool mac_from_nvm(struct igb *e, uint8_t mac[MAC_LEN])
{
    if (lan(e) || intel_lock(&e->f.device, IGB_SYNC_NVM))
        return false;
    bool good = intel_mac_of_nvm(&e->f.device, mac);
    intel_unlock(&e->f.device, IGB_SYNC_NVM);
    return good;
}

void igb_read_mac(struct igb *e)
{
    uint8_t mac[MAC_LEN];
    /* the chip loads it from its part of the NVM after each reset (82575 SDM 14.5.2) */
    if (!mac_from_nvm(e, mac) && !intel_mac_read(&e->f.device, IGB_RAL(0), mac))
        memset(mac, 0, MAC_LEN);
    port_take_mac(&e->f.port, e->f.device.name, mac);
}

/* Link ----------------------------------------------------------------------- */

/* unread: 82576 DS 4.2.1: firmware configures the PHY as the NVM says and then tells so.  Without
 * management it never does (QEMU). */
void igb_find_phy(struct igb *e)
{
    uint32_t done = IGB_EEMNGCTL_CFG_DONE << lan(e);
    intel_wait(&e->f.device, LOG_DEBUG, "EEMNGCTL", IGB_EEMNGCTL, done, done, PHY_LOAD_US);
    e->serdes = igb_read(e, IGB_CTRL_EXT) & IGB_CTRL_EXT_LINK_MODE;
}

/* unread: IEEE 802.3 22.2.4 through MDIC; 0 or -EIO. */
static int phy_access(struct igb *e, uint32_t command)
{
    igb_write(e, IGB_MDIC, command | FIELD_PUT(IGB_MDIC_PHY, 1u));
    int err = intel_wait(&e->f.device, LOG_ERROR, "MDIC", IGB_MDIC, IGB_MDIC_READY, IGB_MDIC_READY,
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
    if (intel_lock(&e->f.device, what))
        return;
    if (phy_read(e, IGB_PHY_CONTROL, &control) || phy_read(e, IGB_PHY_STATUS, &status))
        log_warning("%s: the PHY does not answer", e->f.device.name);
    else if (!(status & IGB_PHY_STATUS_AUTO_DONE) || !(control & IGB_PHY_CONTROL_AUTO) ||
             (control & (IGB_PHY_CONTROL_POWER_DOWN | IGB_PHY_CONTROL_ISOLATE)))
        phy_write(e, IGB_PHY_CONTROL,
                  (control & ~(IGB_PHY_CONTROL_POWER_DOWN | IGB_PHY_CONTROL_ISOLATE)) |
                      IGB_PHY_CONTROL_AUTO | IGB_PHY_CONTROL_RESTART);
    intel_unlock(&e->f.device, what);
}

/* unread: 82576 DS 3.5.3: without a PHY of its own the chip negotiates through its PCS, and knows
 * one speed unless an outer PHY (SGMII) tells another. */
static void pcs_start(struct igb *e)
{
    uint32_t mode = FIELD_GET(IGB_CTRL_EXT_LINK_MODE, igb_read(e, IGB_CTRL_EXT));
    intel_change(&e->f.device, IGB_PCS_CFG, 0, IGB_PCS_CFG_ENABLE);
    intel_change(&e->f.device, IGB_PCS_LCTL, IGB_PCS_LCTL_FORCED | IGB_PCS_LCTL_TIMEOUT,
                 IGB_PCS_LCTL_AN | IGB_PCS_LCTL_RESTART);
    if (mode == IGB_LINK_MODE_SGMII)
        intel_link_on(&e->f.device, 0, 0);
    else
        intel_link_on(&e->f.device, IGB_CTRL_SPEED,
                      FIELD_PUT(IGB_CTRL_SPEED, 2u) | IGB_CTRL_FD | INTEL_CTRL_FRCSPD |
                          INTEL_CTRL_FRCDPLX);
}

/* One tag a packet, whatever the NVM has in mind. */
void igb_set_up_link(struct igb *e)
{
    intel_change(&e->f.device, IGB_CTRL_EXT, IGB_CTRL_EXT_DOUBLE_VLAN, 0);
    if (e->serdes) {
        pcs_start(e);
    } else {
        intel_link_on(&e->f.device, 0, 0);
        phy_start(e);
    }
}

void igb_link(struct port *port, struct port_link *link)
{
    struct igb *e = port->priv;
    uint32_t status = intel_status(&e->f.device);
    if (e->serdes && !e->f.device.gone) {
        uint32_t pcs = igb_read(e, IGB_PCS_LSTS);
        uint32_t up = IGB_PCS_LSTS_LINK | IGB_PCS_LSTS_SYNC;
        *link =
            intel_link((pcs & up) == up, pcs & IGB_PCS_LSTS_FD, FIELD_GET(IGB_PCS_LSTS_SPEED, pcs));
    } else {
        *link = intel_link_of(status);
    }
}
