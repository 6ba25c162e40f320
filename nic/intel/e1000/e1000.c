/* e1000.c - Intel 82540EM, 82544GC and 82545EM (copper) as a port, and what the 82574 shares
 * with them (e1000.h, e1000e.c).
 *
 * Document: 8254x SDM (named in e1000_regs.h).  Compared with QEMU's model of
 * the 82540EM, whose deviations are told where they matter.  unread in this file:
 * 13.4.1, 13.5.2, 3.3.7 and chapters 5, 8, 9 and 14 of it; IEEE 802.3.
 *
 * Legacy descriptors, one queue each way (e1000_ring.h).  Not supported: checksum
 * and TCP offloads but the check of received IPv4 headers, flow control (neither sent
 * nor obeyed), forced speed, wake-up, fibre and SerDes. */
#include "nic/intel/e1000/e1000.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"

#include <errno.h>
#include <string.h>

#define RELOAD_US (5 * US_PER_MS)

/* Address ------------------------------------------------------------------- */

static void e1000_read_mac(struct e1000 *e)
{
    uint8_t mac[MAC_LEN] = { 0 };
    if (!e->chip->mac(e, mac)) {
        log_warning("%s: no address in the EEPROM, looking at RAL0 and RAH0", e->device.name);
        /* the device, or its firmware, may have loaded it: 8254x SDM 13.5.2 */
        if (!intel_mac_read(&e->device, E1000_RAL(0), mac))
            memset(mac, 0, MAC_LEN);
    }
    port_take_mac(&e->port, e->device.name, mac);
}

/* Receive address 0 is ours. */
static void e1000_write_mac(struct e1000 *e, const uint8_t mac[MAC_LEN])
{
    intel_mac_write(&e->device, E1000_RAL(0), mac, 0);
    intel_flush(&e->device);
}

/* Reset ---------------------------------------------------------------------- */

/* All registers initial, no DMA afterwards, interrupts masked: 0 or -EIO. */
static int e1000_reset(struct e1000 *e)
{
    if (!intel_answers(&e->device))
        return -EIO;
    intel_quiesce(&e->device);
    int err = e->chip->reset(e);
    if (!err)
        intel_mask_interrupts(&e->device);
    return err;
}

/* Link ----------------------------------------------------------------------- */

static void e1000_link(struct port *port, struct port_link *link)
{
    struct e1000 *e = port->priv;
    *link = intel_link_of(intel_status(&e->device));
}

/* 8254x SDM 14.3: the PHY negotiates and tells the MAC (SPD-IND, 8.6.2.2.3), so
 * nothing is forced. */
static void e1000_set_up_link(struct e1000 *e)
{
    intel_link_on(&e->device,
                  INTEL_CTRL_VME | E1000_CTRL_LRST | E1000_CTRL_ASDE | e->chip->ctrl_clear, 0);
}

/* Settings ------------------------------------------------------------------- */

/* Receive addresses 1 and on: further stations, and no other that somebody left there. */
static void e1000_write_unicast(struct e1000 *e, const struct port_rx_mode *mode)
{
    for (uint32_t i = 1; i < E1000_RA_REGS; i++)
        intel_mac_write(&e->device, E1000_RAL(i),
                        i <= mode->unicast_count ? mode->unicast[i - 1] : NULL, 0);
}

/* Who is promiscuous hears of all VLANs.  With buffers of 2048 bytes by BSIZE: FLXBUF, which the
 * 82574 has as well, does nothing in VMware's (seen by DPDK's authors). */
static void e1000_receiver_on(struct e1000 *e, const struct port_rx_mode *mode)
{
    for (uint32_t i = 0; !mode->promiscuous && i < INTEL_VFTA_REGS; i++)
        intel_write(&e->device, INTEL_VFTA(i), e->vlans[i]);
    intel_receiver_on(&e->device, mode,
                      e->chip->rctl | FIELD_PUT(E1000_RCTL_BSIZE, 0u) |
                          (mode->promiscuous ? 0 : INTEL_RCTL_VFE));
}

static int e1000_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    struct e1000 *e = port->priv;
    if (port->state == PORT_RUNNING) {
        intel_multicast_write(&e->device, mode);
        e1000_write_unicast(e, mode);
        e1000_receiver_on(e, mode);
    }
    return 0;
}

static int e1000_vlan_filter(struct port *port, uint16_t vid, bool on)
{
    struct e1000 *e = port->priv;
    uint32_t *word = &e->vlans[vid / 32], bit = 1u << vid % 32;
    *word = on ? *word | bit : *word & ~bit;
    if (port->state == PORT_RUNNING && !port->rx_mode.promiscuous)
        intel_write(&e->device, INTEL_VFTA(vid / 32), *word);
    return 0;
}

static int e1000_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    if (port->state == PORT_RUNNING)
        e1000_write_mac(port->priv, mac);
    return 0;
}

static int e1000_set_offloads(struct port *port, uint32_t offloads)
{
    struct e1000 *e = port->priv;
    if (port->state == PORT_RUNNING)
        intel_offloads_write(&e->device, port, 1, offloads, false);
    return 0;
}

/* Start and stop ------------------------------------------------------------- */

/* 8254x SDM 14.4, after a reset. */
static void e1000_init_receive(struct e1000 *e)
{
    e1000_write_mac(e, e->port.mac);
    e1000_write_unicast(e, &e->port.rx_mode);
    intel_multicast_write(&e->device, &e->port.rx_mode);
    /* Skipped: IMS and RDTR, for interrupts stay masked. */
    intel_write(&e->device, INTEL_RXCSUM, INTEL_RXCSUM_IPOFL);
    e1000_rxq_enable(&e->rx, e->device.regs);
    e1000_receiver_on(e, &e->port.rx_mode);
}

/* 8254x SDM 14.5, after a reset. */
static void e1000_init_transmit(struct e1000 *e)
{
    e1000_txq_enable(&e->tx, e->device.regs);
    /* 13.4.33: recommended values; CT and COLD matter in half duplex. */
    intel_write(&e->device, INTEL_TCTL,
                e->chip->tctl | INTEL_TCTL_EN | INTEL_TCTL_PSP | FIELD_PUT(INTEL_TCTL_CT, 0x0fu) |
                    FIELD_PUT(E1000_TCTL_COLD, 0x40u));
    intel_write(&e->device, E1000_TIPG, e->chip->tipg);
    intel_flush(&e->device);
}

/* The device is reset and its rings are there: to work.  The statistics need no
 * clearing (8254x SDM 14.8), and the packet buffer's default split (PBA) leaves
 * 16 KiB for transmission: more than any frame of ours and 80 bytes (3.3.7). */
static void e1000_bring_up(struct e1000 *e)
{
    pci_bus_master(e->device.pci, true);
    if (e->chip->prepare)
        e->chip->prepare(e);
    e1000_set_up_link(e);
    e->rx.tags = false;
    intel_write(&e->device, E1000_VET, E1000_VET_8021Q);
    intel_offloads_write(&e->device, &e->port, 1, e->port.offloads, false);
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
    intel_counters_collect(&e->device); /* the reset clears them */
    int err = e1000_reset(e);
    pci_bus_master(e->device.pci, false);
    intel_rings_destroy(&e->port, 1);
    if (err)
        port_fail(&e->port, "reset did not complete");
}

/* Nothing to tell: the device takes frames of any length, and e1000_ring.c looks at theirs. */
static int e1000_set_mtu(struct port *port, uint16_t mtu)
{
    return 0;
}

static void e1000_stats(struct port *port, struct port_device_stats *stats)
{
    struct e1000 *e = port->priv;
    intel_counters_collect(&e->device);
    intel_counters_stats(&e->device, stats);
}

static unsigned e1000_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    struct e1000 *e = port->priv;
    intel_counters_collect(&e->device);
    return intel_counters_rows(&e->device, rows, 0, n);
}

/* Without MSI-X nobody asks for it. */
static void e1000_arm(struct port_queue *queue, bool on)
{
    struct e1000 *e = queue->port->priv;
    if (e->chip->arm)
        e->chip->arm(e, on);
}

static const struct port_ops e1000_ops = { .start = e1000_start,
                                           .stop = e1000_stop,
                                           .link = e1000_link,
                                           .stats = e1000_stats,
                                           .set_mac = e1000_set_mac,
                                           .set_rx_mode = e1000_set_rx_mode,
                                           .set_mtu = e1000_set_mtu,
                                           .set_offloads = e1000_set_offloads,
                                           .vlan_filter = e1000_vlan_filter,
                                           .arm = e1000_arm,
                                           .path = intel_path,
                                           .counters = e1000_counters };

/* 8254x SDM 13.4.27 and 13.4.38. */
static const struct port_limits e1000_limits = INTEL_PORT_LIMITS(1);

/* Probe ---------------------------------------------------------------------- */

static struct e1000 *e1000_create(struct pci_function *f, const struct e1000_chip *chip)
{
    struct e1000 *e = port_alloc(chip->driver, sizeof *e);
    if (!e)
        return NULL;
    e->chip = chip;
    intel_device_init(&e->device, chip->driver, f, &chip->intel);
    e->port = (struct port){ .rx_queues = 1,
                             .tx_queues = 1,
                             .ops = &e1000_ops,
                             .driver = chip->driver,
                             .limits = e1000_limits,
                             .dma = &f->dma,
                             .pci = f,
                             .priv = e };
    e->port.limits.unicast_max = E1000_RA_MORE;
    e->port.limits.max_frame = chip->max_frame;
    e->vlans[0] = 1; /* a tag for the priority alone: no VLAN of anybody's */
    intel_rxq_init(&e->rx, &e->port, 0, e1000_rx_burst);
    e->rx.keeps_fcs = !(chip->rctl & INTEL_RCTL_SECRC);
    intel_txq_init(&e->tx, &e->port, 0, e1000_tx_burst);
    return e;
}

/* NULL, or what went wrong.  The device is reset before anything else: whoever
 * had it before us may have left it running. */
static const char *e1000_set_up(struct e1000 *e)
{
    const char *trouble = intel_device_map(&e->device, E1000_BAR, E1000_BAR_SIZE);
    if (trouble)
        return trouble;
    if (e1000_reset(e))
        return "reset did not complete";
    if (e->chip->settle)
        e->chip->settle(e);
    e1000_read_mac(e);
    intel_counters_forget(&e->device);
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
    intel_port_remove(&e->port);
}

/* The 8254x -------------------------------------------------------------------- */

/* The EEPROM is read anew, and the address of RAL(0) comes from it: what is written before is
 * lost.  These chips do not tell when that is done (FreeBSD's em waits for 5 ms as well). */
static int e1000_pull_reset(struct e1000 *e)
{
    int err = intel_pull_reset(&e->device);
    task_delay_us(RELOAD_US);
    return err;
}

static bool e1000_mac(struct e1000 *e, uint8_t mac[MAC_LEN])
{
    return intel_mac_of_nvm(&e->device, mac);
}

static const struct e1000_chip e1000_chip = {
    .driver = "e1000",
    .intel = { .interrupts = { E1000_IMC },
               .units = { INTEL_RCTL, INTEL_TCTL },
               .reset_settle_us = 10, /* 8254x SDM 13.4.1: 1 us */
               .eerd = E1000_EERD,
               .eerd_done = E1000_EERD_DONE,
               .eerd_address = E1000_EERD_ADDR,
               .counters = intel_counters,
               .counts = INTEL_COUNTS_8254X },
    .reset = e1000_pull_reset,
    .mac = e1000_mac,
    /* 16 KiB by RCTL.LPE (13.7.15), 16288 bytes to send (3.3.3), both with FCS; Linux's driver goes
     * as far. */
    .max_frame = FRAME_LONGEST,
    /* No SECRC: VMware's did not always heed it (seen by VPP's authors in ESXi), and without it
     * Linux's driver has run there ever since. */
    .rctl = 0,
    /* 13.4.34: the gap of IEEE 802.3 on copper. */
    .tipg = FIELD_PUT(E1000_TIPG_IPGT, 10u) | FIELD_PUT(E1000_TIPG_IPGR1, 8u) |
            FIELD_PUT(E1000_TIPG_IPGR2, 6u),
};

static int e1000_probe(struct pci_function *f, const struct pci_id *id)
{
    return e1000_probe_chip(f, &e1000_chip);
}

/* 8254x SDM 5.2, table 5-1.  The 82544 has no EERD (unread: 13.4.4): its address is RAL0's, which
 * its reset loads; QEMU's has one. */
static const struct pci_id e1000_ids[] = {
    PCI_ID(0x8086, 0x100c, 0), /* 82544GC, copper */
    PCI_ID(0x8086, 0x100e, 0), /* 82540EM */
    PCI_ID(0x8086, 0x100f, 0), /* 82545EM, copper */
    { 0 },
};

PCI_DRIVER(e1000_driver) = {
    .name = "e1000", .ids = e1000_ids, .probe = e1000_probe, .remove = e1000_remove
};
