/* ixgbe.c - Intel 82599 and X540 as a port: the physical function.
 *
 * Documents: named in ixgbe_regs.h.  What the port does with queues, settings and restarts is
 * intel_pf.c's, the rings are in intel_advanced.c, NVM and link in ixgbe_link.c, SFP+ modules in
 * ixgbe_module.c.
 *
 * Not supported: segmentation and checksum insertion, flow control (neither sent nor obeyed), flow
 * director, receive coalescing, direct cache access, forced speed, wake-up, time stamps, LEDs. */
#include "nic/intel/ixgbe/ixgbe_sriov.h"

#include "kernel/task.h"
#include "kernel/time.h"
#include "pci/pci.h"

#include <errno.h>
#include <string.h>

#define NVM_LOAD_US (100 * US_PER_MS)
#define DMA_INIT_US (10 * US_PER_MS)
#define FLUSH_US 20u /* 82599 SU 9 */
#define SECURITY_US (40 * US_PER_MS)
#define AGAIN_US 10u /* between two resets: more than one (82599 SU 9) */

static struct ixgbe *ixgbe_of(struct intel_pf *f)
{
    return container_of(f, struct ixgbe, f);
}

/* Statistics ----------------------------------------------------------------- */

static const char *const dropped_names[IXGBE_QUEUES_MAX] = {
    "QPRDC0", "QPRDC1", "QPRDC2",  "QPRDC3",  "QPRDC4",  "QPRDC5",  "QPRDC6",  "QPRDC7",
    "QPRDC8", "QPRDC9", "QPRDC10", "QPRDC11", "QPRDC12", "QPRDC13", "QPRDC14", "QPRDC15",
};

static void collect_dropped(struct intel_pf *f)
{
    for (unsigned i = 0; i < f->queues; i++)
        f->dropped[i] += intel_read(&f->device, IXGBE_QPRDC(i));
}

/* Queue q of the chip counts in QPRDC q mod 16: without pools its number is the port's. */
static void map_counters(struct intel_pf *f)
{
    for (uint32_t i = 0; i < IXGBE_RQSMR_REGS; i++) {
        uint32_t four = 0;
        for (uint32_t n = 0; n < 4; n++)
            four |= (4 * i + n) % IXGBE_QUEUE_COUNTERS << 8 * n;
        intel_write(&f->device, IXGBE_RQSMR(i), four);
    }
}

/* Reset ---------------------------------------------------------------------- */

/* 82599 SU 9: what waits in the chip is let go before a reset, and nothing leaves meanwhile. */
static void flush_data_path(struct intel_pf *f)
{
    intel_change(&f->device, IXGBE_HLREG0, 0, IXGBE_HLREG0_LPBK);
    intel_change(&f->device, IXGBE_GCR_EXT, 0, IXGBE_GCR_EXT_CLEAR);
    intel_flush(&f->device);
    task_delay_us(FLUSH_US);
    intel_change(&f->device, IXGBE_GCR_EXT, IXGBE_GCR_EXT_CLEAR, 0);
    intel_change(&f->device, IXGBE_HLREG0, IXGBE_HLREG0_LPBK, 0);
    intel_flush(&f->device);
}

/* The X540's firmware is not to be at the PHY then (Linux and DPDK). */
static int pull_reset(struct intel_pf *f)
{
    struct ixgbe *e = ixgbe_of(f);
    uint32_t what = IXGBE_SYNC_PHY(ixgbe_lan(e));
    bool held = (e->quirks & IXGBE_X540) && !intel_lock(&f->device, what);
    int err = intel_pull_reset(&f->device);
    if (held)
        intel_unlock(&f->device, what);
    return err;
}

/* Master disable and flush: 82599 SU 9.  unread: 82599 DS 4.6.3: the reset, then the chip reads its
 * NVM and initializes its DMA. */
static int reset(struct intel_pf *f)
{
    struct intel_device *d = &f->device;
    if (!intel_answers(d))
        return -EIO;
    bool at_rest = intel_quiesce(d);
    flush_data_path(f);
    if (pull_reset(f))
        return -EIO;
    if (!at_rest) { /* 82599 SU 9: twice, then */
        task_delay_us(AGAIN_US);
        if (pull_reset(f))
            return -EIO;
    }
    if (intel_wait(d, LOG_ERROR, "EEC", IXGBE_EEC, IXGBE_EEC_ARD, IXGBE_EEC_ARD, NVM_LOAD_US) ||
        intel_wait(d, LOG_ERROR, "RDRXCTL", IXGBE_RDRXCTL, IXGBE_RDRXCTL_DMAIDONE,
                   IXGBE_RDRXCTL_DMAIDONE, DMA_INIT_US))
        return -EIO;
    intel_mask_interrupts(d);
    return 0;
}

/* Settings ------------------------------------------------------------------- */

/* A receive address, and the pool that it leads to, ours; the pool counts only where there are
 * pools.  mac NULL: none. */
static void write_address(struct intel_pf *f, uint32_t n, const uint8_t *mac)
{
    intel_write(&f->device, IXGBE_MPSAR(2 * n), mac && f->pool < 32 ? 1u << f->pool : 0);
    intel_write(&f->device, IXGBE_MPSAR(2 * n + 1), mac && f->pool >= 32 ? 1u << f->pool % 32 : 0);
    intel_mac_write(&f->device, IXGBE_RAL(n), mac, 0);
}

/* Receive address 0 is our own. */
static void write_mac(struct intel_pf *f)
{
    write_address(f, 0, f->mac);
    intel_flush(&f->device);
}

static void write_stations(struct intel_pf *f)
{
    for (uint32_t i = 0; i < IXGBE_STATIONS; i++)
        write_address(f, IXGBE_RAR_STATIONS + i,
                      i < f->mode.unicast_count ? f->mode.unicast[i] : NULL);
}

/* With pools the table is the master driver's. */
static void write_rx_mode(struct intel_pf *f)
{
    if (!f->master)
        intel_multicast_write(&f->device, &f->mode);
    write_stations(f);
    intel_change(&f->device, IXGBE_FCTRL, IXGBE_FCTRL_UPE | IXGBE_FCTRL_MPE,
                 IXGBE_FCTRL_BAM | (f->mode.promiscuous ? IXGBE_FCTRL_UPE | IXGBE_FCTRL_MPE : 0) |
                     (f->mode.all_multicast ? IXGBE_FCTRL_MPE : 0));
    intel_flush(&f->device);
}

/* Tags are stripped queue by queue, and put in as a descriptor says. */
static void write_offloads(struct intel_pf *f)
{
    bool strips = f->offloads & PORT_OFFLOAD_VLAN_STRIP;
    intel_rx_offloads(&f->port, f->queues, f->offloads, strips);
    for (unsigned i = 0; i < f->queues; i++)
        adv_rxq_set_ctl(&f->rx[i], strips ? IXGBE_RXDCTL_VME : 0);
    intel_tx_offloads(&f->port, f->queues, f->offloads);
}

/* A tag that the chip knows comes on top of MFS, so frames up to four bytes too long are left to
 * the ring; with pools there is one limit for all, which is the master driver's. */
static void write_frame_limit(struct intel_pf *f)
{
    uint32_t longest = intel_pf_frame_limit(f) + ETHERNET_FCS;
    if (!f->master)
        intel_write(&f->device, IXGBE_MAXFRS, FIELD_PUT(IXGBE_MAXFRS_MFS, longest));
}

/* Interrupts ------------------------------------------------------------------- */

/* The vector of one of the chip's receive queues: a byte of an IVAR, the transmit queue's beside.
 */
static void write_vector(struct intel_pf *f, unsigned queue, uint32_t vector)
{
    unsigned shift = queue % 2 * 16;
    intel_change(&f->device, IXGBE_IVAR(queue / 2), 0xffu << shift,
                 (vector | IXGBE_IVAR_VALID) << shift);
}

/* Which of the chip's queues is the port's queue n: a pool's lie side by side. */
static unsigned queue_index(const struct intel_pf *f, unsigned n)
{
    return f->pool * f->pool_queues + n;
}

/* Those of the receive queues alone, masked until they are armed. */
static void init_interrupts(struct intel_pf *f)
{
    intel_write(&f->device, IXGBE_GPIE, IXGBE_GPIE_MSIX | IXGBE_GPIE_OCD | IXGBE_GPIE_PBA);
    for (unsigned i = 0; i < f->interrupts; i++)
        write_vector(f, queue_index(f, i), i);
    intel_write(&f->device, IXGBE_EIAC, (1u << f->interrupts) - 1);
}

static void arm(struct port_queue *queue, bool on)
{
    const struct intel_pf *f = queue->port->priv;
    intel_write(&f->device, on ? IXGBE_EIMS : IXGBE_EIMC, 1u << queue->index);
}

/* Bring-up ------------------------------------------------------------------- */

/* unread: 82599 DS 4.6.11.3.4: one traffic class has the packet buffers, each way, and no frame is
 * fetched that might not fit. */
static void init_buffers(struct intel_pf *f)
{
    uint32_t receive = ixgbe_of(f)->quirks & IXGBE_X540 ? 384 : 512, transmit = 160, longest = 10;
    for (uint32_t i = 0; i < IXGBE_PACKET_BUFFERS; i++) {
        intel_write(&f->device, IXGBE_RXPBSIZE(i), FIELD_PUT(IXGBE_RXPBSIZE_SIZE, i ? 0 : receive));
        intel_write(&f->device, IXGBE_TXPBSIZE(i),
                    FIELD_PUT(IXGBE_TXPBSIZE_SIZE, i ? 0 : transmit));
        intel_write(&f->device, IXGBE_TXPBTHRESH(i), i ? 0 : transmit - longest);
    }
}

/* unread: 82599 DS 4.6.4: no pause frames, neither sent nor obeyed. */
static void init_mac(struct intel_pf *f)
{
    const struct intel_device *d = &f->device;
    intel_change(d, INTEL_CTRL, INTEL_CTRL_MASTER_DISABLE, 0);
    intel_change(d, IXGBE_CTRL_EXT, 0, IXGBE_CTRL_EXT_NS_DIS | IXGBE_CTRL_EXT_DRV_LOAD);
    intel_write(d, IXGBE_FCCFG, 0);
    intel_write(d, IXGBE_MFLCN, IXGBE_MFLCN_DPF);
    intel_change(d, IXGBE_HLREG0, IXGBE_HLREG0_LPBK,
                 IXGBE_HLREG0_TXCRCEN | IXGBE_HLREG0_RXCRCSTRP | IXGBE_HLREG0_JUMBOEN |
                     IXGBE_HLREG0_TXPADEN);
}

/* unread: 82599 DS 7.1.2.8 */
static void init_scaling(struct intel_pf *f)
{
    bool several = f->queues > 1;
    intel_rss_write(&f->device, f->queues);
    intel_change(&f->device, IXGBE_RXCSUM, 0, IXGBE_RXCSUM_PCSD);
    intel_write(&f->device, IXGBE_MRQC,
                FIELD_PUT(IXGBE_MRQC_MODE, several ? IXGBE_MRQC_MODE_RSS : IXGBE_MRQC_MODE_ONE) |
                    (several ? IXGBE_MRQC_FIELDS : 0));
}

/* unread: 82599 DS 4.6.7: addresses and tables of ours, and no other that somebody left there. */
static void init_filters(struct intel_pf *f)
{
    const struct intel_device *d = &f->device;
    write_mac(f);
    for (uint32_t i = 1; i < IXGBE_RAR_STATIONS; i++)
        write_address(f, i, NULL);
    for (uint32_t i = 0; i < IXGBE_UTA_REGS; i++)
        intel_write(d, IXGBE_UTA(i), 0);
    intel_write(d, IXGBE_MCSTCTRL, IXGBE_MCSTCTRL_MFE);
    intel_change(d, IXGBE_VLNCTRL, IXGBE_VLNCTRL_VFE | IXGBE_VLNCTRL_CFIEN, 0);
    write_rx_mode(f);
}

/* unread: 82599 DS 4.6.7 */
static void init_receive(struct intel_pf *f)
{
    init_filters(f);
    intel_change(&f->device, IXGBE_RDRXCTL, IXGBE_RDRXCTL_RSCFRSTSIZE,
                 IXGBE_RDRXCTL_CRCSTRIP | IXGBE_RDRXCTL_ONES);
    intel_write(&f->device, IXGBE_PSRTYPE(0), 0);
    write_offloads(f);
    write_frame_limit(f);
    init_scaling(f);
    map_counters(f);
}

/* unread: 82599 DS 4.6.8: MTQC is written while the arbiter rests, and the transmitter is on before
 * its queues. */
static void init_transmit(struct intel_pf *f)
{
    const struct intel_device *d = &f->device;
    intel_change(d, IXGBE_RTTDCS, 0, IXGBE_RTTDCS_ARBDIS);
    intel_write(d, IXGBE_MTQC, 0);
    intel_change(d, IXGBE_RTTDCS, IXGBE_RTTDCS_ARBDIS, 0);
    intel_write(d, IXGBE_DTXMXSZRQ, IXGBE_DTXMXSZRQ_MAX);
    intel_change(d, IXGBE_DMATXCTL, IXGBE_DMATXCTL_GDV, IXGBE_DMATXCTL_TE);
}

/* The order is that of the datasheet's chapter on initialization, unread: 82599 DS 4.6.3. */
static void init(struct intel_pf *f)
{
    intel_write(&f->device, IXGBE_DCA_CTRL, IXGBE_DCA_CTRL_OFF);
    init_mac(f);
    ixgbe_set_up_link(ixgbe_of(f));
    init_buffers(f);
    init_receive(f);
    init_transmit(f);
}

/* unread: 82599 DS 4.6.7: a bit of DCA_RXCTRL is to be 0 whatever else. */
static void place_queue(struct intel_pf *f, unsigned n)
{
    unsigned queue = queue_index(f, n);
    f->rx[n].block = f->device.regs + IXGBE_RX_BLOCK(queue);
    f->tx[n].block = f->device.regs + IXGBE_TX_BLOCK(queue);
    f->tx[n].check = f->master;
    intel_change(&f->device, IXGBE_RX_BLOCK(queue) + IXGBE_Q_DCA_RX, IXGBE_Q_DCA_RX_ZERO, 0);
}

/* Frames that come in while the receiver goes on may hang it: none get there meanwhile (Linux and
 * DPDK call it an erratum of the 82599). */
static void run(struct intel_pf *f)
{
    const struct intel_device *d = &f->device;
    intel_change(d, IXGBE_SECRXCTRL, 0, IXGBE_SECRXCTRL_RX_DIS);
    intel_wait(d, LOG_WARNING, "SECRXSTAT", IXGBE_SECRXSTAT, IXGBE_SECRXSTAT_RDY,
               IXGBE_SECRXSTAT_RDY, SECURITY_US);
    intel_change(d, IXGBE_RXCTRL, 0, IXGBE_RXCTRL_RXEN);
    intel_change(d, IXGBE_SECRXCTRL, IXGBE_SECRXCTRL_RX_DIS, 0);
    intel_flush(d);
}

/* Watching ------------------------------------------------------------------- */

/* While there is no link somebody may have put another module in. */
static void look(struct intel_pf *f, const struct port_link *link, uint64_t now_us)
{
    const struct ixgbe *e = ixgbe_of(f);
    if ((e->quirks & IXGBE_SFP) && !link->up && now_us >= e->identify_at)
        port_ask_service(&f->port);
}

static void service(struct intel_pf *f)
{
    ixgbe_identify(ixgbe_of(f));
}

static const struct intel_pf_family family = { .format = &adv_format_ixgbe,
                                               .dropped_names = dropped_names,
                                               .reset = reset,
                                               .init = init,
                                               .init_interrupts = init_interrupts,
                                               .place_queue = place_queue,
                                               .run = run,
                                               .link = ixgbe_link,
                                               .arm = arm,
                                               .write_mac = write_mac,
                                               .write_rx_mode = write_rx_mode,
                                               .write_offloads = write_offloads,
                                               .write_frame_limit = write_frame_limit,
                                               .collect_dropped = collect_dropped,
                                               .look = look,
                                               .service = service,
                                               .master = &ixgbe_master };

/* unread: 82599 DS 8.2.3.8; frames: 15.5 KiB. */
static const struct port_limits limits =
    INTEL_LONG_PORT_LIMITS(IXGBE_QUEUES_MAX, FRAME_LIMIT(IXGBE_MTU_MAX));

/* Probe ---------------------------------------------------------------------- */

#define IXGBE_CHIP(firmware_semaphore) \
    { \
        .interrupts = { IXGBE_EIMC, IXGBE_EIMC_EX(0), IXGBE_EIMC_EX(1) }, \
        .units = { IXGBE_RXCTRL, IXGBE_DMATXCTL }, .express = true, \
        .reset_settle_us = 10 * US_PER_MS, /* unread: 82599 DS 4.6.3.2 */ \
            .eerd = IXGBE_EERD, .eerd_done = IXGBE_EERD_DONE, .eerd_address = IXGBE_EERD_ADDR, \
        .swsm = IXGBE_SWSM, .sync = IXGBE_SW_FW_SYNC, .sync_firmware = IXGBE_SYNC_FIRMWARE, \
        .sync_semaphore = (firmware_semaphore), .counters = ixgbe_counters, .counts = 1 \
    }

static const struct intel_chip chip_82599 = IXGBE_CHIP(0);
static const struct intel_chip chip_x540 = IXGBE_CHIP(IXGBE_SYNC_REGSMP);

/* NULL, or what went wrong.  The device is reset before anything else: whoever had it before us may
 * have left it running. */
static const char *set_up(struct ixgbe *e)
{
    struct intel_device *d = &e->f.device;
    uint8_t mac[MAC_LEN];
    const char *trouble = intel_device_map(d, IXGBE_BAR, IXGBE_BAR_SIZE);
    if (trouble)
        return trouble;
    if (reset(&e->f))
        return "reset did not complete";
    trouble = ixgbe_check_nvm(e);
    if (trouble)
        return trouble;
    /* the chip loads it from its part of the NVM after each reset */
    if (!intel_mac_read(d, IXGBE_RAL(0), mac))
        memset(mac, 0, MAC_LEN);
    port_take_mac(&e->f.port, d->name, mac);
    intel_counters_forget(d);
    return NULL;
}

static int ixgbe_probe(struct pci_function *f, const struct pci_id *id)
{
    struct ixgbe *e = port_alloc("ixgbe", sizeof *e);
    if (!e)
        return -ENOMEM;
    e->quirks = id->quirks;
    e->module = IXGBE_MODULE_NONE;
    intel_pf_init(&e->f, "ixgbe", f, &family, e->quirks & IXGBE_X540 ? &chip_x540 : &chip_82599,
                  &limits);
    e->f.port.limits.unicast_max = IXGBE_STATIONS;
    vf_master_offer(&e->f, IXGBE_VFS_MAX);
    return port_register_probed(&e->f.port, set_up(e));
}

static void ixgbe_remove(struct pci_function *f)
{
    struct ixgbe *e = f->driver_data;
    if (!e) /* there was no number for its port */
        return;
    vf_master_end(&e->f);
    intel_port_remove(&e->f.port);
}

/* Intel's names (Linux and DPDK agree). */
static const struct pci_id ids[] = {
    PCI_ID(0x8086, 0x10fb, IXGBE_SFP),              /* 82599: SFP+ */
    PCI_ID(0x8086, 0x1507, IXGBE_SFP),              /* SFP+ EM */
    PCI_ID(0x8086, 0x1529, IXGBE_SFP),              /* SFP+ FCoE */
    PCI_ID(0x8086, 0x154a, IXGBE_SFP),              /* quad SFP+ */
    PCI_ID(0x8086, 0x154d, IXGBE_SFP),              /* SFP+ SF2 */
    PCI_ID(0x8086, 0x1557, IXGBE_SFP),              /* 82599EN: SFP+ */
    PCI_ID(0x8086, 0x10f7, 0),                      /* KX4 */
    PCI_ID(0x8086, 0x10f8, 0),                      /* combo backplane */
    PCI_ID(0x8086, 0x10f9, 0),                      /* CX4 */
    PCI_ID(0x8086, 0x10fc, 0),                      /* XAUI */
    PCI_ID(0x8086, 0x1514, 0),                      /* KX4 mezzanine */
    PCI_ID(0x8086, 0x1517, 0),                      /* KR */
    PCI_ID(0x8086, 0x152a, 0),                      /* backplane FCoE */
    PCI_ID(0x8086, 0x151c, IXGBE_PHY),              /* T3: 10GBASE-T by another PHY */
    PCI_ID(0x8086, 0x1528, IXGBE_X540 | IXGBE_PHY), /* X540-T2 */
    PCI_ID(0x8086, 0x1560, IXGBE_X540 | IXGBE_PHY), /* X540-T1 */
    { 0 },
};

PCI_DRIVER(ixgbe_driver) = {
    .name = "ixgbe", .ids = ids, .probe = ixgbe_probe, .remove = ixgbe_remove
};
