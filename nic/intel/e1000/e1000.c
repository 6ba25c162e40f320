/* e1000.c - Intel 82540EM and 82545EM (copper) as a port, and what the 82574 shares
 * with them (e1000.h, e1000e.c).
 *
 * Document: 8254x SDM (named in e1000_regs.h).  Compared with QEMU's model of
 * the 82540EM, whose deviations are told where they matter.  unread in this file:
 * 13.4.1, 13.5.2, 3.3.7 and chapters 5, 8, 9 and 14 of it; IEEE 802.3.
 *
 * Legacy descriptors, one queue each way (e1000_ring.h).  Not supported: checksum
 * and TCP offloads but the check of received IPv4 headers, flow control (neither sent
 * nor obeyed), forced speed, wake-up, fibre and SerDes, interrupts (we poll). */
#include "nic/intel/e1000/e1000.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESET_SETTLE_US 10u /* 8254x SDM 13.4.1: 1 us before the first access after RST */
#define RESET_US (10 * US_PER_MS)
#define RELOAD_US (5 * US_PER_MS)
#define DRAIN_US 100u /* a 9 KiB frame under way takes 74 us at 1 Gb/s */

#define X(name, offset, section) COUNTER_##name,
enum { E1000_COUNTERS(X) };
#undef X

/* Registers ----------------------------------------------------------------- */

int e1000_wait(const struct e1000 *e, const char *name, uint32_t reg, uint32_t mask,
               uint32_t wanted, uint64_t limit_us)
{
    return intel_wait(LOG_ERROR, e->name, name, e->regs + reg, mask, wanted, limit_us);
}

static uint32_t e1000_status(struct e1000 *e)
{
    return intel_status(e->name, e->regs + E1000_STATUS, &e->gone);
}

bool e1000_answers(struct e1000 *e)
{
    if (!e->regs) /* failed before they were mapped */
        return false;
    e1000_status(e);
    return !e->gone;
}

/* Address ------------------------------------------------------------------- */

/* 8254x SDM 5.6.1 */
static bool e1000_mac_from_eeprom(struct e1000 *e, uint8_t mac[MAC_LEN])
{
    for (uint32_t i = 0; i < MAC_LEN / 2; i++) {
        uint16_t word;
        if (e->chip->read_word(e, E1000_EEPROM_ADDRESS + i, &word))
            return false;
        mac[2 * i] = (uint8_t)word;
        mac[2 * i + 1] = (uint8_t)(word >> 8);
    }
    return mac_is_station(mac);
}

static void e1000_read_mac(struct e1000 *e)
{
    uint8_t mac[MAC_LEN] = { 0 };
    if (!e1000_mac_from_eeprom(e, mac)) {
        log_warning("%s: no address in the EEPROM, looking at RAL0 and RAH0", e->name);
        /* the device, or its firmware, may have loaded it: 8254x SDM 13.5.2 */
        if (!intel_mac_read(e->regs + E1000_RAL(0), mac))
            memset(mac, 0, MAC_LEN);
    }
    port_take_mac(&e->port, e->name, mac);
}

/* Receive address 0 is ours. */
static void e1000_write_mac(struct e1000 *e, const uint8_t mac[MAC_LEN])
{
    intel_mac_write(e->regs + E1000_RAL(0), mac, 0);
    e1000_flush(e);
}

/* Statistics ----------------------------------------------------------------- */

#define X(name, offset, section) offset,
static const uint16_t counter_offsets[] = { E1000_COUNTERS(X) E1000_COUNTERS_WIDE(X) };
#undef X
#define X(name, offset, section) #name,
static const char *const counter_names[] = { E1000_COUNTERS(X) E1000_COUNTERS_WIDE(X) };
#undef X

static void e1000_collect(struct e1000 *e)
{
    if (!e1000_answers(e))
        return;
    intel_collect(e->regs, counter_offsets, E1000_COUNTERS_NARROW_COUNT, E1000_COUNTERS_COUNT,
                  e->counters);
}

/* Reset ---------------------------------------------------------------------- */

/* Both units are switched off first, for QEMU's RST clears itself and nothing else. */
void e1000_quiet(struct e1000 *e)
{
    e1000_write(e, E1000_IMC, E1000_IMC_ALL);
    e1000_write(e, E1000_RCTL, e->rctl = 0);
    e1000_write(e, E1000_TCTL, 0);
    e1000_flush(e);
    task_delay_us(DRAIN_US);
}

/* 8254x SDM 14.7: all registers have their initial values, but the PHY keeps its link. */
int e1000_pull_reset(struct e1000 *e)
{
    e1000_write(e, E1000_CTRL, e1000_read(e, E1000_CTRL) | E1000_CTRL_RST);
    task_delay_us(RESET_SETTLE_US);
    return e1000_wait(e, "CTRL", E1000_CTRL, E1000_CTRL_RST, 0, RESET_US) ? -EIO : 0;
}

/* Link ----------------------------------------------------------------------- */

static void e1000_link(struct port *port, struct port_link *link)
{
    uint32_t status = e1000_status(port->priv);
    *link = intel_link(status & E1000_STATUS_LU, status & E1000_STATUS_FD,
                       FIELD_GET(E1000_STATUS_SPEED, status));
}

/* 8254x SDM 14.3: the PHY negotiates and tells the MAC (SPD-IND, 8.6.2.2.3), so
 * nothing is forced.  Flow control off: its registers are 0.  */
static void e1000_set_up_link(struct e1000 *e)
{
    uint32_t ctrl = e1000_read(e, E1000_CTRL);
    ctrl &= ~(E1000_CTRL_LRST | E1000_CTRL_ASDE | E1000_CTRL_ILOS | E1000_CTRL_FRCSPD |
              E1000_CTRL_FRCDPLX | E1000_CTRL_RFCE | E1000_CTRL_TFCE | E1000_CTRL_VME |
              E1000_CTRL_PHY_RST | e->chip->ctrl_clear);
    e1000_write(e, E1000_CTRL, ctrl | E1000_CTRL_SLU);
    e1000_write(e, E1000_FCAL, 0);
    e1000_write(e, E1000_FCAH, 0);
    e1000_write(e, E1000_FCT, 0);
    e1000_write(e, E1000_FCTTV, 0);
}

/* Settings ------------------------------------------------------------------- */

/* LPE at any MTU: without it frames end at 1522 bytes with FCS (8254x SDM 13.7.15), and two tags
 * and 1500 octets are longer. */
static uint32_t rctl_for(const struct port_rx_mode *mode)
{
    return E1000_RCTL_EN | E1000_RCTL_BAM | E1000_RCTL_SECRC | FIELD_PUT(E1000_RCTL_BSIZE, 0u) |
           FIELD_PUT(E1000_RCTL_MO, 0u) | E1000_RCTL_LPE |
           (mode->promiscuous ? E1000_RCTL_UPE | E1000_RCTL_MPE : 0) |
           (mode->all_multicast ? E1000_RCTL_MPE : 0);
}

/* QEMU holds reception back for a second after every write of RCTL: no idle ones. */
static void e1000_write_rctl(struct e1000 *e, uint32_t rctl)
{
    if (rctl != e->rctl)
        e1000_write(e, E1000_RCTL, rctl);
    e->rctl = rctl;
    e1000_flush(e);
}

static void e1000_write_multicast(struct e1000 *e, const struct port_rx_mode *mode)
{
    uint32_t table[E1000_MTA_REGS] = { 0 };
    intel_multicast_add(table, mode);
    for (uint32_t i = 0; i < E1000_MTA_REGS; i++)
        e1000_write(e, E1000_MTA(i), table[i]);
}

static int e1000_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    struct e1000 *e = port->priv;
    if (port->state == PORT_RUNNING) {
        e1000_write_multicast(e, mode);
        e1000_write_rctl(e, rctl_for(mode));
    }
    return 0;
}

static int e1000_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    if (port->state == PORT_RUNNING)
        e1000_write_mac(port->priv, mac);
    return 0;
}

/* CTRL.VME does both: tags are taken off received frames and put into sent ones that ask for it
 * (8254x SDM 9).  Once on it stays on until the next start: frames that wait in the transmit ring
 * would go out without their tag. */
static void e1000_write_offloads(struct e1000 *e, uint32_t offloads)
{
    intel_rx_set_tags(&e->rx, offloads, offloads & PORT_OFFLOAD_VLAN_STRIP);
    if (offloads) {
        e1000_write(e, E1000_VET, E1000_VET_8021Q);
        e1000_write(e, E1000_CTRL, e1000_read(e, E1000_CTRL) | E1000_CTRL_VME);
        e1000_flush(e);
    }
    store_relaxed(&e->tx.insert, offloads & PORT_OFFLOAD_VLAN_INSERT);
}

static int e1000_set_offloads(struct port *port, uint32_t offloads)
{
    if (port->state == PORT_RUNNING)
        e1000_write_offloads(port->priv, offloads);
    return 0;
}

/* Start and stop ------------------------------------------------------------- */

/* 8254x SDM 14.4, after a reset. */
static void e1000_init_receive(struct e1000 *e)
{
    /* Receive addresses: ours, and no other that somebody left there. */
    e1000_write_mac(e, e->port.mac);
    for (uint32_t i = 1; i < E1000_RA_REGS; i++) {
        intel_mac_write(e->regs + E1000_RAL(i), NULL, 0);
    }
    e1000_write_multicast(e, &e->port.rx_mode);
    /* Skipped: IMS and RDTR, for interrupts stay masked. */
    e1000_write(e, E1000_RXCSUM, E1000_RXCSUM_IPOFL);
    e1000_rxq_enable(&e->rx, e->regs);
    e1000_write_rctl(e, rctl_for(&e->port.rx_mode));
}

/* 8254x SDM 14.5, after a reset. */
static void e1000_init_transmit(struct e1000 *e)
{
    e1000_txq_enable(&e->tx, e->regs);
    /* 13.4.33: recommended values; CT and COLD matter in half duplex. */
    e1000_write(e, E1000_TCTL,
                e->chip->tctl | E1000_TCTL_EN | E1000_TCTL_PSP | FIELD_PUT(E1000_TCTL_CT, 0x0fu) |
                    FIELD_PUT(E1000_TCTL_COLD, 0x40u));
    e1000_write(e, E1000_TIPG, e->chip->tipg);
    e1000_flush(e);
}

/* The device is reset and its rings are there: to work.  The statistics need no
 * clearing (8254x SDM 14.8), and the packet buffer's default split (PBA) leaves
 * 16 KiB for transmission: more than any frame of ours and 80 bytes (3.3.7). */
static void e1000_bring_up(struct e1000 *e)
{
    pci_bus_master(e->pci, true);
    if (e->chip->prepare)
        e->chip->prepare(e);
    e1000_set_up_link(e);
    e->rx.tags = false;
    e1000_write_offloads(e, e->port.offloads);
    e1000_init_transmit(e);
    e1000_init_receive(e);
}

static int e1000_start(struct port *port)
{
    int err = intel_rings_create(port, 1);
    if (!err)
        e1000_bring_up(port->priv);
    return err;
}

/* First no DMA lands any more, then memory is freed.  Bus mastering goes off even when
 * the reset does not complete. */
static void e1000_stop(struct port *port)
{
    struct e1000 *e = port->priv;
    e1000_collect(e); /* the reset clears them */
    int err = e->chip->reset(e);
    pci_bus_master(e->pci, false);
    intel_rings_destroy(&e->port, 1);
    if (err)
        port_fail(&e->port, "reset did not complete");
}

/* Nothing to tell: the device takes frames of any length, and e1000_ring.c looks at theirs. */
static int e1000_set_mtu(struct port *port, uint16_t mtu)
{
    return 0;
}

/* Each frame that the device refused is in exactly one of the four receive errors
 * by their definitions: bad CRC, or short or long with a good or, short, a bad one.
 * The others overlap with these and are shown only. */
static void e1000_stats(struct port *port, struct port_device_stats *stats)
{
    struct e1000 *e = port->priv;
    const uint64_t *c = e->counters;
    e1000_collect(e);
    stats->rx_missed = c[COUNTER_MPC];
    stats->rx_errors = c[COUNTER_CRCERRS] + c[COUNTER_RUC] + c[COUNTER_ROC] + c[COUNTER_RFC];
    stats->tx_errors = c[COUNTER_ECOL] + c[COUNTER_LATECOL];
}

static unsigned e1000_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    struct e1000 *e = port->priv;
    unsigned i;
    e1000_collect(e);
    for (i = 0; i < n && i < E1000_COUNTERS_COUNT; i++)
        rows[i] = (struct port_counter){ .name = counter_names[i], .value = e->counters[i] };
    return i;
}

static const struct port_ops e1000_ops = { .start = e1000_start,
                                           .stop = e1000_stop,
                                           .link = e1000_link,
                                           .stats = e1000_stats,
                                           .set_mac = e1000_set_mac,
                                           .set_rx_mode = e1000_set_rx_mode,
                                           .set_mtu = e1000_set_mtu,
                                           .set_offloads = e1000_set_offloads,
                                           .counters = e1000_counters };

/* 8254x SDM 13.4.27 and 13.4.38; frames: 16 KiB by RCTL.LPE, 13.7.15. */
static const struct port_limits e1000_limits = INTEL_PORT_LIMITS(1);

/* Probe ---------------------------------------------------------------------- */

static struct e1000 *e1000_create(struct pci_function *f, const struct e1000_chip *chip)
{
    struct e1000 *e = port_alloc(chip->driver, sizeof *e);
    char where[PCI_BDF_LEN];
    if (!e)
        return NULL;
    e->pci = f;
    e->chip = chip;
    pci_bdf_format(f->bdf, where);
    snprintf(e->name, sizeof e->name, "%s %s", chip->driver, where);
    e->port = (struct port){ .rx_queues = 1,
                             .tx_queues = 1,
                             .ops = &e1000_ops,
                             .driver = chip->driver,
                             .limits = e1000_limits,
                             .dma = &f->dma,
                             .pci = f,
                             .priv = e };
    intel_rxq_init(&e->rx, &e->port, 0, e1000_rx_burst);
    intel_txq_init(&e->tx, &e->port, 0, e1000_tx_burst);
    return e;
}

/* NULL, or what went wrong.  The device is reset before anything else: whoever
 * had it before us may have left it running. */
static const char *e1000_set_up(struct e1000 *e)
{
    if (pci_enable(e->pci))
        return "its function does not answer";
    e->regs = pci_map_bar(e->pci, E1000_BAR, E1000_BAR_SIZE);
    if (!e->regs)
        return "no registers";
    if (!e1000_answers(e) || e->chip->reset(e))
        return "reset did not complete";
    if (e->chip->settle)
        e->chip->settle(e);
    e1000_read_mac(e);
    e1000_collect(e); /* what was before the probe is none of ours */
    memset(e->counters, 0, sizeof e->counters);
    return NULL;
}

int e1000_probe_chip(struct pci_function *f, const struct e1000_chip *chip)
{
    struct e1000 *e = e1000_create(f, chip);
    return e ? port_register_probed(&e->port, e1000_set_up(e)) : -ENOMEM;
}

void e1000_remove(struct pci_function *f)
{
    struct e1000 *e = f->driver_data;
    if (!e) /* there was no number for its port */
        return;
    port_stop(&e->port);
    port_unregister(&e->port);
    f->driver_data = NULL;
    free(e);
}

/* The 8254x -------------------------------------------------------------------- */

/* The EEPROM is read anew, and the address of RAL(0) comes from it: what is written before is
 * lost.  These chips do not tell when that is done (FreeBSD's em waits for 5 ms as well). */
static int e1000_reset(struct e1000 *e)
{
    e1000_quiet(e);
    int err = e1000_pull_reset(e);
    task_delay_us(RELOAD_US);
    if (!err)
        e1000_write(e, E1000_IMC, E1000_IMC_ALL);
    return err;
}

static int e1000_eeprom_read(struct e1000 *e, uint32_t word, uint16_t *value)
{
    return intel_nvm_read(e->name, e->regs + E1000_EERD,
                          FIELD_PUT(E1000_EERD_ADDR, word) | E1000_EERD_START, E1000_EERD_DONE,
                          value);
}

static const struct e1000_chip e1000_chip = {
    .driver = "e1000",
    .reset = e1000_reset,
    .read_word = e1000_eeprom_read,
    /* 13.4.34: the gap of IEEE 802.3 on copper. */
    .tipg = FIELD_PUT(E1000_TIPG_IPGT, 10u) | FIELD_PUT(E1000_TIPG_IPGR1, 8u) |
            FIELD_PUT(E1000_TIPG_IPGR2, 6u),
};

static int e1000_probe(struct pci_function *f, const struct pci_id *id)
{
    return e1000_probe_chip(f, &e1000_chip);
}

/* 8254x SDM 5.2, table 5-1. */
static const struct pci_id e1000_ids[] = {
    PCI_ID(0x8086, 0x100e, 0), /* 82540EM */
    PCI_ID(0x8086, 0x100f, 0), /* 82545EM, copper */
    { 0 },
};

PCI_DRIVER(e1000_driver) = {
    .name = "e1000", .ids = e1000_ids, .probe = e1000_probe, .remove = e1000_remove
};
