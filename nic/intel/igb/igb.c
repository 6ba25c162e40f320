/* igb.c - Intel 82576 and I350 as a port: the physical function.
 *
 * Documents: named in igb_regs.h.  Compared with QEMU's model of the 82576, whose deviations
 * are told where they matter.  The rings are in intel_advanced.c, NVM, PHY and link in igb_link.c,
 * virtual functions in igb_pf.c.
 *
 * Not supported: segmentation and checksum insertion, flow control (neither sent nor obeyed),
 * forced speed, wake-up, time stamps. */
#include "nic/intel/igb/igb.h"
#include "nic/intel/igb/igb_virt_regs.h"

#include "kernel/mmio.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "pci/sriov.h"

#include <errno.h>
#include <string.h>

#define NVM_LOAD_US (10 * US_PER_MS)
#define LOOK_US (10 * US_PER_MS) /* RQDPC counts to 4095 only */

/* The chip's buffers are 2 KiB whatever it is told of headroom: so long a frame ends before. */
#define FRAME_SHORT_MAX PACKET_ROOM

static const char *const dropped_names[IGB_QUEUES_MAX] = {
    "RQDPC0", "RQDPC1", "RQDPC2", "RQDPC3", "RQDPC4", "RQDPC5", "RQDPC6", "RQDPC7",
};

/* Address ------------------------------------------------------------------- */

/* Receive address 0 is ours.  The pool counts only where there are pools. */
static void write_mac(struct igb *e)
{
    intel_mac_write(&e->device, IGB_RAL(0), e->mac, FIELD_PUT(IGB_RAH_POOL, 1u << e->pool));
    intel_flush(&e->device);
}

/* Statistics ----------------------------------------------------------------- */

/* Which of the chip's queues is the port's queue n: without pools the same; pool p of the 82576
 * has p and p + 8, of the I350 p (unread: 82576 DS 7.10.3). */
static unsigned queue_index(const struct igb *e, unsigned n)
{
    return e->pf ? e->pool + n * IGB_POOLS : n;
}

/* Of each ring what the chip dropped for want of buffers. */
static void collect_dropped(struct igb *e)
{
    for (unsigned i = 0; i < e->queues; i++)
        if (e->rx[i].live)
            e->dropped[i] +=
                FIELD_GET(IGB_Q_DROPPED_COUNT, mmio_read32(e->rx[i].block + IGB_Q_DROPPED));
}

static void collect(struct igb *e)
{
    intel_counters_collect(&e->device);
    if (!e->device.gone)
        collect_dropped(e);
}

/* Reset ---------------------------------------------------------------------- */

/* unread: 82576 DS 4.2.1.6 and 4.5.  No DMA afterwards.  Without an NVM AUTO_RD never comes (QEMU):
 * it is waited for once. */
static int reset(struct igb *e)
{
    struct intel_device *d = &e->device;
    if (!intel_answers(d))
        return -EIO;
    intel_quiesce(d);
    if (intel_pull_reset(d))
        return -EIO;
    if (!e->no_auto_read &&
        intel_wait(d, LOG_DEBUG, "EEC", IGB_EEC, IGB_EEC_AUTO_RD, IGB_EEC_AUTO_RD, NVM_LOAD_US))
        e->no_auto_read = true;
    intel_mask_interrupts(d);
    return 0;
}

/* Settings ------------------------------------------------------------------- */

/* RLPML decides how long a frame may be, so LPE is always on. */
static void write_rctl(struct igb *e)
{
    intel_receiver_on(&e->device, &e->mode,
                      INTEL_RCTL_SECRC | (e->vlan_filter ? INTEL_RCTL_VFE : 0));
}

/* With pools the table is the master driver's. */
static void write_multicast(struct igb *e)
{
    if (!e->pf)
        intel_multicast_write(&e->device, &e->mode);
}

/* With pools the master driver says whose tags go off; they may be anybody's. */
static void write_offloads(struct igb *e)
{
    intel_offloads_write(&e->device, &e->port, e->queues, e->offloads, e->pf);
}

/* FCS comes on top; with pools each has a limit of its own. */
static void write_frame_limit(struct igb *e)
{
    igb_write(e, IGB_RLPML, e->pf ? IGB_FRAME_MAX : FRAME_LIMIT(e->mtu) + ETHERNET_FCS);
}

static void tell_pf(struct igb *e)
{
    if (e->pf)
        igb_pf_rx_mode_changed(e);
}

static int igb_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    struct igb *e = port->priv;
    e->mode = *mode;
    if (port->state == PORT_RUNNING) {
        write_multicast(e);
        write_rctl(e);
        tell_pf(e);
    }
    return 0;
}

static int igb_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    struct igb *e = port->priv;
    if (e->pf && !igb_pf_may_have(e, mac))
        return -EADDRINUSE;
    memcpy(e->mac, mac, MAC_LEN);
    if (port->state == PORT_RUNNING) {
        write_mac(e);
        tell_pf(e);
    }
    return 0;
}

/* Receive side scaling --------------------------------------------------------- */

/* unread: 82576 DS 7.1.1.7 */
static void init_scaling(struct igb *e)
{
    bool several = e->queues > 1;
    uint32_t mode = several ? IGB_MRQC_MODE_RSS : IGB_MRQC_MODE_ONE;
    if (e->pf)
        mode = several ? IGB_MRQC_MODE_VMDQ_RSS : IGB_MRQC_MODE_VMDQ;
    intel_rss_write(&e->device, e->queues);
    igb_write(e, INTEL_RXCSUM, INTEL_RXCSUM_IPOFL | IGB_RXCSUM_TUOFL | IGB_RXCSUM_PCSD);
    igb_write(e, IGB_MRQC, FIELD_PUT(IGB_MRQC_MODE, mode) | (several ? IGB_MRQC_FIELDS : 0));
}

/* Interrupts ------------------------------------------------------------------- */

/* The vector of one of the chip's receive queues: a byte of an IVAR, transmit queues' lie beside.
 */
static void write_vector(const struct igb *e, unsigned queue, uint32_t vector)
{
    bool pairs = e->chip->ivar_in_pairs;
    uint32_t reg = IGB_IVAR(pairs ? queue / 2 : queue % 8);
    unsigned shift = (pairs ? queue % 2 : queue / 8) * 16;
    intel_change(&e->device, reg, 0xffu << shift, (vector | IGB_IVAR_VALID) << shift);
}

/* Those of the receive queues alone, masked until they are armed. */
static void init_interrupts(struct igb *e)
{
    unsigned vectors = pci_msix_on(e->device.pci, IGB_QUEUES_MAX);
    e->interrupts = (uint16_t)(vectors < e->queues ? vectors : e->queues);
    if (!e->interrupts)
        return;
    igb_write(e, IGB_GPIE, IGB_GPIE_MSIX | IGB_GPIE_NSICR | IGB_GPIE_PBA);
    for (unsigned i = 0; i < e->interrupts; i++)
        write_vector(e, queue_index(e, i), i);
    igb_write(e, IGB_EIAC, (1u << e->interrupts) - 1);
}

static void igb_arm(struct port_queue *queue, bool on)
{
    const struct igb *e = queue->port->priv;
    igb_write(e, on ? IGB_EIMS : IGB_EIMC, 1u << queue->index);
}

/* Start and stop ------------------------------------------------------------- */

/* unread: 82576 DS 4.5.9, after a reset, before the receiver goes on. */
static void init_receive(struct igb *e)
{
    /* Receive addresses: ours, and no other that somebody left there. */
    write_mac(e);
    for (uint32_t i = 1; i < e->chip->addresses; i++)
        intel_mac_write(&e->device, IGB_RAL(i), NULL, 0);
    for (uint32_t i = 0; i < IGB_UTA_REGS; i++)
        igb_write(e, IGB_UTA(i), 0);
    write_multicast(e);
    write_offloads(e);
    write_frame_limit(e);
    init_scaling(e);
}

/* 0 or -ETIMEDOUT.  With several queues, or VFs, one without buffers is not to hold up the
 * others (unread: 82576 DS 7.1.4). */
static int enable_queues(struct igb *e)
{
    int err = 0;
    for (unsigned i = 0; i < e->queues && !err; i++) {
        e->rx[i].swaps = e->chip->loop_swaps;
        e->rx[i].echo = e->tx[i].echo = e->pf && e->echoes ? &e->echo : NULL;
        e->rx[i].block = e->device.regs + IGB_RX_BLOCK(queue_index(e, i));
        e->tx[i].block = e->device.regs + IGB_TX_BLOCK(queue_index(e, i));
        err = adv_txq_enable(&e->tx[i], e->device.name);
        if (!err)
            err = adv_rxq_enable(&e->rx[i], e->device.name, e->long_frames, e->queues > 1 || e->pf);
    }
    return err;
}

static int disable_queues(struct igb *e)
{
    int err = 0;
    for (unsigned i = 0; i < e->queues; i++) {
        if (e->rx[i].live && adv_rxq_disable(&e->rx[i], e->device.name))
            err = -EIO;
        if (e->tx[i].live && adv_txq_disable(&e->tx[i], e->device.name))
            err = -EIO;
    }
    return err;
}

static bool needs_long_frames(uint16_t mtu)
{
    return FRAME_LIMIT(mtu) > FRAME_SHORT_MAX;
}

/* The device is reset and its rings are there: to work.  Its packet buffers keep their default
 * split, which holds more than a frame of ours each way.  0 or -ETIMEDOUT. */
static int bring_up(struct igb *e)
{
    e->long_frames = needs_long_frames(e->mtu);
    for (unsigned i = 0; i < e->queues; i++)
        e->rx[i].q.tags = false;
    pci_bus_master(e->device.pci, true);
    igb_set_up_link(e);
    init_receive(e);
    init_interrupts(e);
    if (e->pf)
        igb_pf_configure(e);
    int err = enable_queues(e);
    if (err)
        return err;
    intel_change(&e->device, INTEL_TCTL, INTEL_TCTL_CT,
                 INTEL_TCTL_EN | INTEL_TCTL_PSP | FIELD_PUT(INTEL_TCTL_CT, 0x0fu));
    write_rctl(e);
    e->link_up = false;
    if (e->pf)
        igb_pf_open(e);
    return 0;
}

/* NULL, or what went wrong: afterwards no DMA lands, and the rings are as they were. */
static const char *take_down(struct igb *e)
{
    collect(e); /* the reset clears them */
    if (e->device.gone)
        return "the device does not answer any more";
    if (e->pf)
        igb_pf_close(e);
    int err = disable_queues(e);
    if (reset(e))
        return "reset did not complete";
    return err ? "a queue did not stop" : NULL;
}

/* Whatever of a start there is goes away; the rings are there.  First no DMA lands any more,
 * then memory is freed.  Bus mastering goes off even when the reset does not complete. */
static void tear_down(struct igb *e)
{
    const char *trouble = take_down(e);
    pci_bus_master(e->device.pci, false);
    for (unsigned i = 0; i < e->queues; i++)
        e->rx[i].live = e->tx[i].live = false;
    intel_rings_destroy(&e->port, e->queues);
    e->queues = 0;
    if (trouble)
        port_fail(&e->port, trouble);
}

static void take_settings(struct igb *e)
{
    e->mode = e->port.rx_mode;
    e->offloads = e->port.offloads;
    e->mtu = e->port.mtu;
    memcpy(e->mac, e->port.mac, MAC_LEN);
}

static int igb_start(struct port *port)
{
    struct igb *e = port->priv;
    uint16_t queues = port->rx_queues;
    if (e->pf && queues > e->chip->queues_per_pool)
        queues = e->chip->queues_per_pool;
    port->tx_queues = queues; /* those that run: each goes with a receive queue */
    int err = intel_rings_create(port, queues);
    if (err)
        return err;
    e->queues = queues;
    take_settings(e);
    err = bring_up(e);
    if (err)
        tear_down(e);
    return err;
}

static void igb_stop(struct port *port)
{
    tear_down(port->priv);
}

int igb_restart(struct igb *e, struct igb_pf *pf, uint8_t pool)
{
    struct port *port = &e->port;
    bool running = port->state == PORT_RUNNING;
    port_stop(port);
    e->pf = pf;
    e->pool = pool;
    e->vlan_filter = pf;
    if (!running || port->state == PORT_FAILED)
        return port->state == PORT_FAILED ? -EIO : 0;
    int err = port_start(port);
    if (!err)
        port_attach(port); /* port_stop() let nobody poll it */
    else if (port->state != PORT_FAILED)
        port_fail(port, "did not start again");
    port_attach(port);
    return err;
}

/* Long frames use the receive buffers differently, so the rings start afresh when they come
 * or go; frames under way are lost. */
static int change_buffers(struct igb *e)
{
    port_detach(&e->port);
    const char *trouble = take_down(e);
    if (!trouble)
        intel_rings_drop(&e->port, e->queues);
    if (!trouble && bring_up(e))
        trouble = "a queue did not start";
    if (trouble)
        port_fail(&e->port, trouble);
    port_attach(&e->port);
    return trouble ? -EIO : 0;
}

static int igb_set_offloads(struct port *port, uint32_t offloads)
{
    struct igb *e = port->priv;
    e->offloads = offloads;
    if (port->state == PORT_RUNNING) {
        write_offloads(e);
        tell_pf(e);
    }
    return 0;
}

/* Without pools nobody filters. */
static int igb_vlan_filter(struct port *port, uint16_t vid, bool on)
{
    struct igb *e = port->priv;
    uint32_t *word = &e->vlans[vid / 32], bit = 1u << vid % 32;
    if (e->pf && on && !(*word & bit) && !igb_pf_vlan_fits(e, vid))
        return -ENOSPC;
    *word = on ? *word | bit : *word & ~bit;
    if (port->state == PORT_RUNNING)
        tell_pf(e);
    return 0;
}

static int igb_set_mtu(struct port *port, uint16_t mtu)
{
    struct igb *e = port->priv;
    e->mtu = mtu;
    if (port->state != PORT_RUNNING)
        return 0;
    if (needs_long_frames(mtu) != e->long_frames)
        return change_buffers(e);
    write_frame_limit(e);
    tell_pf(e);
    return 0;
}

/* What queues dropped is in no MPC. */
static void igb_stats(struct port *port, struct port_device_stats *stats)
{
    struct igb *e = port->priv;
    collect(e);
    intel_counters_stats(&e->device, stats);
    for (unsigned i = 0; i < IGB_QUEUES_MAX; i++)
        stats->rx_missed += e->dropped[i];
}

static unsigned igb_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    struct igb *e = port->priv;
    unsigned i = 0;
    collect(e);
    if (i < n) /* not the chip's: dropped by intel_advanced.c */
        rows[i++] =
            (struct port_counter){ .name = "echoes", .value = load_relaxed(&e->echo.dropped) };
    i = intel_counters_rows(&e->device, rows, i, n);
    for (unsigned k = 0; i < n && k < port->limits.rx_queues_max; k++)
        rows[i++] = (struct port_counter){ .name = dropped_names[k], .value = e->dropped[k] };
    return i;
}

/* Every millisecond or so.  What is not urgent is looked at ten times less often: on a VM each
 * register read leaves the guest. */
static bool igb_poll(struct port *port, uint64_t now_us)
{
    struct igb *e = port->priv;
    struct port_link link;
    if (e->pf)
        igb_pf_poll(e, now_us);
    if (port->state != PORT_RUNNING || now_us < e->look_at)
        return false;
    e->look_at = now_us + LOOK_US;
    igb_link(port, &link);
    if (e->device.gone) {
        port_fail(port, "the device does not answer any more");
        return true;
    }
    collect_dropped(e);
    if (link.up != e->link_up && e->pf)
        igb_pf_link_changed(e, link.up);
    e->link_up = link.up;
    return link.up != port->link.up;
}

static const struct port_ops igb_ops = { .start = igb_start,
                                         .stop = igb_stop,
                                         .link = igb_link,
                                         .stats = igb_stats,
                                         .set_mac = igb_set_mac,
                                         .set_rx_mode = igb_set_rx_mode,
                                         .set_mtu = igb_set_mtu,
                                         .set_offloads = igb_set_offloads,
                                         .vlan_filter = igb_vlan_filter,
                                         .arm = igb_arm,
                                         .counters = igb_counters,
                                         .poll = igb_poll };

/* unread: 82576 DS 8.10, 8.12; frames: 9.5 KiB. */
static const struct port_limits igb_limits = INTEL_PORT_LIMITS(IGB_QUEUES_MAX);

/* Probe ---------------------------------------------------------------------- */

enum { CHIP_82576, CHIP_I350 };
#define QUIRK_CHIP 0xffu /* which of them; besides: IGB_QUIRK_ECHOES */

static const struct igb_chip chips[] = {
    [CHIP_82576] = { .name = "82576",
                     .queues_per_pool = 2,
                     .addresses = 24,
                     .vfta_writes = 1,
                     .rate_limit = true,
                     .txswc = IGB_DTXSWC,
                     .dtxctl = IGB_DTXCTL_VLAN_ADDED | IGB_DTXCTL_SPOOF_INT },
    [CHIP_I350] = { .name = "I350",
                    .queues_per_pool = 1,
                    .addresses = 32,
                    .vfta_writes = 10,
                    .malicious_detection = true,
                    .ivar_in_pairs = true,
                    .dma_strips = true,
                    .loop_swaps = true,
                    .txswc = IGB_TXSWC,
                    .dtxctl = IGB_DTXCTL_SPOOF_QUEUE | IGB_DTXCTL_MDP_EN | IGB_DTXCTL_SPOOF_INT },
};

static const struct intel_chip intel_chip = { .interrupts = { IGB_IMC, IGB_EIMC },
                                              .units = { INTEL_RCTL, INTEL_TCTL },
                                              .express = true,
                                              /* unread: 82576 DS 8.2.1 */
                                              .reset_settle_us = US_PER_MS,
                                              .eerd = IGB_EERD,
                                              .eerd_done = IGB_EERD_DONE,
                                              .eerd_address = IGB_EERD_ADDR,
                                              .swsm = IGB_SWSM,
                                              .sync = IGB_SW_FW_SYNC,
                                              .sync_firmware = IGB_SYNC_FIRMWARE,
                                              .counters = intel_counters,
                                              .counts = INTEL_COUNTS_82576 };

/* The last pool is the PF's own. */
static unsigned vf_max(const struct pci_function *f)
{
    unsigned most = f->sriov ? f->sriov->total_vfs : 0;
    return most < IGB_POOLS - 1 ? most : IGB_POOLS - 1;
}

static struct igb *create(struct pci_function *f, uint32_t quirks)
{
    struct igb *e = port_alloc("igb", sizeof *e);
    if (!e)
        return NULL;
    e->chip = &chips[quirks & QUIRK_CHIP];
    e->echoes = quirks & IGB_QUIRK_ECHOES;
    intel_device_init(&e->device, "igb", f, &intel_chip);
    e->port = (struct port){ .rx_queues = 1,
                             .tx_queues = 1,
                             .ops = &igb_ops,
                             .vf_max = vf_max(f),
                             .driver = "igb",
                             .limits = igb_limits,
                             .dma = &f->dma,
                             .pci = f,
                             .priv = e };
    e->port.vf = e->port.vf_max ? &igb_vf_ops : NULL;
    for (uint16_t i = 0; i < IGB_QUEUES_MAX; i++) {
        adv_rxq_init(&e->rx[i], &e->port, i, &adv_format_igb);
        adv_txq_init(&e->tx[i], &e->port, i, &adv_format_igb);
    }
    return e;
}

/* NULL, or what went wrong.  The device is reset before anything else: whoever
 * had it before us may have left it running. */
static const char *set_up(struct igb *e)
{
    const char *trouble = intel_device_map(&e->device, IGB_BAR, IGB_BAR_SIZE);
    if (trouble)
        return trouble;
    if (reset(e))
        return "reset did not complete";
    igb_find_phy(e);
    igb_read_mac(e);
    intel_counters_forget(&e->device);
    return NULL;
}

static int igb_probe(struct pci_function *f, const struct pci_id *id)
{
    struct igb *e = create(f, id->quirks);
    return e ? port_register_probed(&e->port, set_up(e)) : -ENOMEM;
}

static void igb_remove(struct pci_function *f)
{
    struct igb *e = f->driver_data;
    if (!e) /* there was no number for its port */
        return;
    if (e->pf)
        igb_vf_ops.disable(&e->port);
    intel_port_remove(&e->port);
}

/* Intel's names; what has no PHY of the chip's own tells by CTRL_EXT. */
static const struct pci_id igb_ids[] = {
    PCI_ID_SUBSYSTEM(0x8086, 0x10c9, IGB_SUBSYSTEM_QEMU, CHIP_82576 | IGB_QUIRK_ECHOES),
    PCI_ID(0x8086, 0x10c9, CHIP_82576), /* copper */
    PCI_ID(0x8086, 0x10e6, CHIP_82576), /* fibre */
    PCI_ID(0x8086, 0x10e7, CHIP_82576), /* SerDes */
    PCI_ID(0x8086, 0x10e8, CHIP_82576), /* quad copper */
    PCI_ID(0x8086, 0x150a, CHIP_82576), /* NS */
    PCI_ID(0x8086, 0x150d, CHIP_82576), /* quad SerDes */
    PCI_ID(0x8086, 0x1518, CHIP_82576), /* NS SerDes */
    PCI_ID(0x8086, 0x1526, CHIP_82576), /* ET2 quad copper */
    PCI_ID(0x8086, 0x1521, CHIP_I350),  /* copper */
    PCI_ID(0x8086, 0x1522, CHIP_I350),  /* fibre */
    PCI_ID(0x8086, 0x1523, CHIP_I350),  /* SerDes */
    PCI_ID(0x8086, 0x1524, CHIP_I350),  /* SGMII */
    PCI_ID(0x8086, 0x1546, CHIP_I350),  /* DA4 */
    { 0 },
};

PCI_DRIVER(igb_driver) = {
    .name = "igb", .ids = igb_ids, .probe = igb_probe, .remove = igb_remove
};
