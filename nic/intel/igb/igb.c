/* igb.c - Intel 82576 and I350 as a port: the physical function.
 *
 * Documents: named in igb_regs.h.  Compared with QEMU's model of the 82576, whose deviations
 * are told where they matter.  What the port does with queues, settings and restarts is
 * intel_pf.c's, the rings are in intel_advanced.c, NVM, PHY and link in igb_link.c, virtual
 * functions in igb_pf.c.
 *
 * Not supported: segmentation and checksum insertion, flow control (neither sent nor obeyed),
 * forced speed, wake-up, time stamps. */
#include "nic/intel/igb/igb_pf.h"

#include "kernel/mmio.h"
#include "kernel/task.h"
#include "kernel/time.h"

#include <errno.h>
#include <string.h>

#define NVM_LOAD_US (10 * US_PER_MS)
static const char *const dropped_names[IGB_QUEUES_MAX] = {
    "RQDPC0", "RQDPC1", "RQDPC2", "RQDPC3", "RQDPC4", "RQDPC5", "RQDPC6", "RQDPC7",
};

/* Address ------------------------------------------------------------------- */

/* Receive address 0 is ours.  The pool counts only where there are pools. */
static void write_mac(struct intel_pf *f)
{
    intel_mac_write(&f->device, IGB_RAL(0), f->mac, FIELD_PUT(IGB_RAH_POOL, 1u << f->pool));
    intel_flush(&f->device);
}

/* Statistics ----------------------------------------------------------------- */

/* Which of the chip's queues is the port's queue n: without pools the same; pool p of the 82576
 * has p and p + 8, of the I350 p (unread: 82576 DS 7.10.3). */
static unsigned queue_index(const struct intel_pf *f, unsigned n)
{
    return f->master ? f->pool + n * IGB_POOLS : n;
}

/* Of each ring what the chip dropped for want of buffers. */
static void collect_dropped(struct intel_pf *f)
{
    for (unsigned i = 0; i < f->queues; i++)
        if (f->rx[i].live)
            f->dropped[i] +=
                FIELD_GET(IGB_Q_DROPPED_COUNT, mmio_read32(f->rx[i].block + IGB_Q_DROPPED));
}

/* Not the chip's: dropped by intel_advanced.c. */
static unsigned counters(struct intel_pf *f, struct port_counter *rows, unsigned n)
{
    if (n)
        rows[0] = (struct port_counter){ .name = "echoes",
                                         .value = load_relaxed(&igb_of(f)->echo.dropped) };
    return n != 0;
}

/* Reset ---------------------------------------------------------------------- */

/* unread: 82576 DS 4.2.1.6 and 4.5.  No DMA afterwards.  Without an NVM AUTO_RD never comes (QEMU):
 * it is waited for once. */
static int reset(struct intel_pf *f)
{
    struct igb *e = igb_of(f);
    struct intel_device *d = &f->device;
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
static void write_rctl(struct intel_pf *f)
{
    intel_receiver_on(&f->device, &f->mode, INTEL_RCTL_SECRC | (f->master ? INTEL_RCTL_VFE : 0));
}

/* With pools the table is the master driver's. */
static void write_multicast(struct intel_pf *f)
{
    if (!f->master)
        intel_multicast_write(&f->device, &f->mode);
}

static void write_rx_mode(struct intel_pf *f)
{
    write_multicast(f);
    write_rctl(f);
}

/* With pools the master driver says whose tags go off; they may be anybody's. */
static void write_offloads(struct intel_pf *f)
{
    intel_offloads_write(&f->device, &f->port, f->queues, f->offloads, f->master);
}

/* FCS comes on top; with pools each has a limit of its own. */
static void write_frame_limit(struct intel_pf *f)
{
    intel_write(&f->device, IGB_RLPML,
                f->master ? IGB_FRAME_MAX : intel_pf_frame_limit(f) + ETHERNET_FCS);
}

/* Receive side scaling --------------------------------------------------------- */

/* unread: 82576 DS 7.1.1.7 */
static void init_scaling(struct intel_pf *f)
{
    bool several = f->queues > 1;
    uint32_t mode = several ? IGB_MRQC_MODE_RSS : IGB_MRQC_MODE_ONE;
    if (f->master)
        mode = several ? IGB_MRQC_MODE_VMDQ_RSS : IGB_MRQC_MODE_VMDQ;
    intel_rss_write(&f->device, f->queues);
    intel_write(&f->device, INTEL_RXCSUM, INTEL_RXCSUM_IPOFL | IGB_RXCSUM_TUOFL | IGB_RXCSUM_PCSD);
    intel_write(&f->device, IGB_MRQC,
                FIELD_PUT(IGB_MRQC_MODE, mode) | (several ? IGB_MRQC_FIELDS : 0));
}

/* Interrupts ------------------------------------------------------------------- */

/* The vector of one of the chip's receive queues: a byte of an IVAR, transmit queues' lie beside.
 */
static void write_vector(struct intel_pf *f, unsigned queue, uint32_t vector)
{
    bool pairs = igb_of(f)->chip->ivar_in_pairs;
    uint32_t reg = IGB_IVAR(pairs ? queue / 2 : queue % 8);
    unsigned shift = (pairs ? queue % 2 : queue / 8) * 16;
    intel_change(&f->device, reg, 0xffu << shift, (vector | IGB_IVAR_VALID) << shift);
}

/* Those of the receive queues alone, masked until they are armed. */
static void init_interrupts(struct intel_pf *f)
{
    intel_write(&f->device, IGB_GPIE, IGB_GPIE_MSIX | IGB_GPIE_NSICR | IGB_GPIE_PBA);
    for (unsigned i = 0; i < f->interrupts; i++)
        write_vector(f, queue_index(f, i), i);
    intel_write(&f->device, IGB_EIAC, (1u << f->interrupts) - 1);
}

static void arm(struct port_queue *queue, bool on)
{
    const struct intel_pf *f = queue->port->priv;
    intel_write(&f->device, on ? IGB_EIMS : IGB_EIMC, 1u << queue->index);
}

/* Bring-up ------------------------------------------------------------------- */

/* unread: 82576 DS 4.5.9, after a reset, before the receiver goes on.  The packet buffers keep
 * their default split, which holds more than a frame of ours each way. */
static void init(struct intel_pf *f)
{
    igb_set_up_link(igb_of(f));
    /* Receive addresses: ours, and no other that somebody left there. */
    write_mac(f);
    for (uint32_t i = 1; i < igb_of(f)->chip->addresses; i++)
        intel_mac_write(&f->device, IGB_RAL(i), NULL, 0);
    for (uint32_t i = 0; i < IGB_UTA_REGS; i++)
        intel_write(&f->device, IGB_UTA(i), 0);
    write_multicast(f);
    write_offloads(f);
    write_frame_limit(f);
    init_scaling(f);
}

static void place_queue(struct intel_pf *f, unsigned n)
{
    struct igb *e = igb_of(f);
    f->rx[n].swaps = e->chip->loop_swaps;
    f->rx[n].echo = f->tx[n].echo = f->master && e->echoes ? &e->echo : NULL;
    f->rx[n].block = f->device.regs + IGB_RX_BLOCK(queue_index(f, n));
    f->tx[n].block = f->device.regs + IGB_TX_BLOCK(queue_index(f, n));
}

static void run(struct intel_pf *f)
{
    intel_change(&f->device, INTEL_TCTL, INTEL_TCTL_CT,
                 INTEL_TCTL_EN | INTEL_TCTL_PSP | FIELD_PUT(INTEL_TCTL_CT, 0x0fu));
    write_rctl(f);
}

static const struct intel_pf_family family = { .format = &adv_format_igb,
                                               .dropped_names = dropped_names,
                                               .reset = reset,
                                               .init = init,
                                               .init_interrupts = init_interrupts,
                                               .place_queue = place_queue,
                                               .run = run,
                                               .link = igb_link,
                                               .arm = arm,
                                               .write_mac = write_mac,
                                               .write_rx_mode = write_rx_mode,
                                               .write_offloads = write_offloads,
                                               .write_frame_limit = write_frame_limit,
                                               .collect_dropped = collect_dropped,
                                               .counters = counters,
                                               .master = &igb_master };

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

static struct igb *create(struct pci_function *f, uint32_t quirks)
{
    struct igb *e = port_alloc("igb", sizeof *e);
    if (!e)
        return NULL;
    e->chip = &chips[quirks & QUIRK_CHIP];
    e->echoes = quirks & IGB_QUIRK_ECHOES;
    intel_pf_init(&e->f, "igb", f, &family, &intel_chip, &igb_limits);
    vf_master_offer(&e->f, IGB_VFS_MAX);
    return e;
}

/* NULL, or what went wrong.  The device is reset before anything else: whoever
 * had it before us may have left it running. */
static const char *set_up(struct igb *e)
{
    const char *trouble = intel_device_map(&e->f.device, IGB_BAR, IGB_BAR_SIZE);
    if (trouble)
        return trouble;
    if (reset(&e->f))
        return "reset did not complete";
    igb_find_phy(e);
    igb_read_mac(e);
    intel_counters_forget(&e->f.device);
    return NULL;
}

static int igb_probe(struct pci_function *f, const struct pci_id *id)
{
    struct igb *e = create(f, id->quirks);
    return e ? port_register_probed(&e->f.port, set_up(e)) : -ENOMEM;
}

static void igb_remove(struct pci_function *f)
{
    struct igb *e = f->driver_data;
    if (!e) /* there was no number for its port */
        return;
    vf_master_end(&e->f);
    intel_port_remove(&e->f.port);
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
