/* ixgbe_link.c - the NVM of the 82599 and X540, and the link over SFI, backplane and 10GBASE-T
 * (ixgbe.h).
 *
 * Documents: named in ixgbe_regs.h. */
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/ixgbe/ixgbe.h"

#include <errno.h>

#define MDIO_US (10 * US_PER_MS) /* a frame of 64 bits takes 27 us at 2.4 MHz */
#define MDIO_PHYS 32u
#define PIPELINE_US (40 * US_PER_MS)

uint32_t ixgbe_lan(const struct ixgbe *e)
{
    return FIELD_GET(IXGBE_STATUS_LAN_ID, ixgbe_read(e, INTEL_STATUS)) & 1;
}

/* NVM ------------------------------------------------------------------------ */

#define NVM_WORDS 0x4000u /* EERD has 14 bits for them */

/* Adds words first to last - 1. */
static int nvm_add(const struct ixgbe *e, uint32_t first, uint32_t last, uint16_t *sum)
{
    uint32_t word;
    for (uint32_t i = first; i < last; i++) {
        if (intel_nvm_read(&e->f.device, i, &word))
            return -EIO;
        *sum = (uint16_t)(*sum + word);
    }
    return 0;
}

/* The section that a pointer names: its length, then so many words.  `left`: of all sections. */
static int nvm_add_section(const struct ixgbe *e, uint32_t pointer, uint32_t *left, uint16_t *sum)
{
    uint32_t start, length;
    if (intel_nvm_read(&e->f.device, pointer, &start))
        return -EIO;
    if (!start || start >= NVM_WORDS)
        return 0;
    if (intel_nvm_read(&e->f.device, start, &length))
        return -EIO;
    if (!length || length == IXGBE_NVM_NONE || start + length >= NVM_WORDS)
        return 0;
    if (length > *left)
        return -E2BIG;
    *left -= length;
    return nvm_add(e, start + 1, start + 1 + length, sum);
}

/* unread: 82599 DS 6.4.6.63, X540 DS 6.3: words 0 to 3eh and the sections that words 3 to 0eh name,
 * the X540's PHY and option ROM left out (Linux and DPDK agree). */
static int nvm_sum(const struct ixgbe *e, uint16_t *sum)
{
    uint32_t left = NVM_WORDS;
    int err = nvm_add(e, 0, IXGBE_NVM_CHECKSUM + 1, sum);
    for (uint32_t i = IXGBE_NVM_POINTERS; i < IXGBE_NVM_FIRMWARE && !err; i++)
        if (!(e->quirks & IXGBE_X540) || (i != 4 && i != 5))
            err = nvm_add_section(e, i, &left, sum);
    return err;
}

const char *ixgbe_check_nvm(const struct ixgbe *e)
{
    uint16_t sum = 0;
    if (intel_lock(&e->f.device, IXGBE_SYNC_NVM))
        return "its NVM is held by firmware";
    int err = nvm_sum(e, &sum);
    intel_unlock(&e->f.device, IXGBE_SYNC_NVM);
    if (err == -EIO)
        return "its NVM does not answer";
    if (err || sum != IXGBE_NVM_SUM) {
        log_error("%s: the NVM adds up to %04x, expected %04x", e->f.device.name, sum,
                  IXGBE_NVM_SUM);
        return "its NVM has a wrong checksum";
    }
    return NULL;
}

/* MAC ------------------------------------------------------------------------ */

/* unread: 82599 DS 3.7.4.2: a change of the mode takes effect when negotiation begins anew, and of
 * some modes only when the upper bit of LMS went there and back meanwhile (Linux and DPDK). */
void ixgbe_set_link_mode(const struct ixgbe *e, uint32_t autoc)
{
    const struct intel_device *d = &e->f.device;
    if (intel_lock(d, IXGBE_SYNC_MAC))
        return; /* said so */
    autoc |= IXGBE_AUTOC_RESTART;
    ixgbe_write(e, IXGBE_AUTOC, autoc ^ IXGBE_AUTOC_LMS_TOGGLE);
    struct deadline deadline = deadline_us(PIPELINE_US);
    while (!(ixgbe_read(e, IXGBE_ANLP1) & IXGBE_ANLP1_STATE))
        if (task_deadline_passed(&deadline))
            break; /* it may have no partner: the second write counts */
    ixgbe_write(e, IXGBE_AUTOC, autoc);
    intel_flush(d);
    intel_unlock(d, IXGBE_SYNC_MAC);
}

/* PHY (10GBASE-T) ---------------------------------------------------------------- */

static int mdio_command(const struct ixgbe *e, uint32_t command)
{
    ixgbe_write(e, IXGBE_MSCA, command | IXGBE_MSCA_COMMAND);
    return intel_wait(&e->f.device, LOG_ERROR, "MSCA", IXGBE_MSCA, IXGBE_MSCA_COMMAND, 0, MDIO_US);
}

/* IEEE 802.3 clause 45: an address cycle, then the access. */
static int mdio_access(const struct ixgbe *e, uint32_t where, uint32_t op)
{
    int err = mdio_command(e, where);
    return err ? err : mdio_command(e, where | FIELD_PUT(IXGBE_MSCA_OP, op));
}

static uint32_t mdio_at(uint32_t phy, uint32_t device, uint32_t reg)
{
    return FIELD_PUT(IXGBE_MSCA_PHY, phy) | FIELD_PUT(IXGBE_MSCA_DEVICE, device) |
           FIELD_PUT(IXGBE_MSCA_REG, reg);
}

static int mdio_read(const struct ixgbe *e, uint32_t where, uint32_t *value)
{
    int err = mdio_access(e, where, 3);
    *value = err ? 0 : FIELD_GET(IXGBE_MSRWD_READ, ixgbe_read(e, IXGBE_MSRWD));
    return err;
}

static int mdio_write(const struct ixgbe *e, uint32_t where, uint32_t value)
{
    ixgbe_write(e, IXGBE_MSRWD, FIELD_PUT(IXGBE_MSRWD_WRITE, value));
    return mdio_access(e, where, 1);
}

/* Nobody answers with all zeros or ones. */
static int phy_find(const struct ixgbe *e, uint32_t *phy)
{
    uint32_t id;
    for (*phy = 0; *phy < MDIO_PHYS; ++*phy) {
        int err = mdio_read(e, mdio_at(*phy, IXGBE_MDIO_PMA, IXGBE_MDIO_ID), &id);
        if (err)
            return err;
        if (id && id != 0xffff)
            return 0;
    }
    return -ENODEV;
}

/* One that negotiated keeps its link; one that is asleep, or has not begun, is told to.  What it
 * offers is what its NVM says. */
static int phy_wake(const struct ixgbe *e)
{
    uint32_t phy, power, control;
    int err = phy_find(e, &phy);
    if (err)
        return err;
    uint32_t vendor = mdio_at(phy, IXGBE_MDIO_VENDOR, IXGBE_MDIO_CONTROL);
    uint32_t an = mdio_at(phy, IXGBE_MDIO_AN, IXGBE_MDIO_CONTROL);
    if ((e->quirks & IXGBE_X540) && !mdio_read(e, vendor, &power) &&
        (power & IXGBE_MDIO_VENDOR_LOW_POWER))
        mdio_write(e, vendor, power & ~IXGBE_MDIO_VENDOR_LOW_POWER);
    err = mdio_read(e, an, &control);
    if (err || (control & IXGBE_MDIO_AN_ENABLE))
        return err;
    return mdio_write(e, an, control | IXGBE_MDIO_AN_ENABLE | IXGBE_MDIO_AN_RESTART);
}

static void phy_start(struct ixgbe *e)
{
    uint32_t what = IXGBE_SYNC_PHY(ixgbe_lan(e));
    e->no_link = NULL;
    if (intel_lock(&e->f.device, what))
        return;
    if (phy_wake(e)) {
        e->no_link = "the PHY does not answer";
        log_warning("%s: %s", e->f.device.name, e->no_link);
    }
    intel_unlock(&e->f.device, what);
}

/* Link ----------------------------------------------------------------------- */

void ixgbe_set_up_link(struct ixgbe *e)
{
    intel_change(&e->f.device, IXGBE_AUTOC2, IXGBE_AUTOC2_LINK_OFF, 0);
    if (e->quirks & IXGBE_SFP) {
        e->module_ready = false; /* the reset took the settings */
        ixgbe_identify(e);
    } else if (e->quirks & IXGBE_PHY) {
        phy_start(e);
    } else if (!(ixgbe_read(e, IXGBE_LINKS) & IXGBE_LINKS_UP)) {
        ixgbe_set_link_mode(e, ixgbe_read(e, IXGBE_AUTOC));
    }
}

/* A light in an empty cage is no link: neighbouring wires make one (Linux and DPDK call it
 * crosstalk). */
void ixgbe_link(struct port *port, struct port_link *link)
{
    static const uint32_t speeds[] = { 0, 100, 1000, 10000 };
    struct ixgbe *e = port->priv;
    *link = (struct port_link){ .why = e->no_link };
    if (!intel_status(&e->f.device) && e->f.device.gone)
        return;
    uint32_t links = ixgbe_read(e, IXGBE_LINKS);
    if (!(links & IXGBE_LINKS_UP) || ((e->quirks & IXGBE_SFP) && !e->module_ready))
        return;
    *link = (struct port_link){ .up = true,
                                .full_duplex = true,
                                .speed_mbps = speeds[FIELD_GET(IXGBE_LINKS_SPEED, links)] };
}
