/* i40e.c - Intel X710, XL710, XXV710 and X722 as a port: the physical function.
 *
 * Documents: named in i40e_regs.h.  Rings are in i40e_ring.c, the admin queue in i40e_adminq.c, the
 * rest where i40e.h says.
 *
 * Virtual functions: i40e_sriov.c.  Not supported: several traffic classes (DCB), segmentation and
 * checksum insertion, flow control (as firmware has it, neither asked for nor refused), flow
 * director, header split, tunnels, FCoE, iWARP, time stamps, wake-up, forced speeds, updates of the
 * NVM. */
#include "nic/intel/i40e/i40e.h"

#include "kernel/task.h"
#include "kernel/time.h"
#include "pci/pci.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define CHIP_RESET_US (16 * US_PER_S) /* Linux: 15 s were seen */
#define LOADED_US (4 * US_PER_S)
#define PF_RESET_US US_PER_S
#define LOOK_US (10 * US_PER_MS)
#define COUNT_US US_PER_S /* 32 bits of frames take four minutes at 14.88 Mpps */

/* Reset ---------------------------------------------------------------------- */

static bool answers(struct i40e *e)
{
    bool gone = !e->device.regs || i40e_read(e, I40E_GLGEN_RSTAT) == UINT32_MAX;
    if (gone && !e->device.gone)
        log_error("%s: GLGEN_RSTAT is ffffffff, the device does not answer any more",
                  e->device.name);
    e->device.gone = gone;
    return !gone;
}

/* Linux and DPDK: when no reset of the whole chip is under way and it has read its NVM, the PF's;
 * afterwards it has no queues, no private memory and no admin queue. */
static int reset(struct i40e *e)
{
    const struct intel_device *d = &e->device;
    if (!answers(e))
        return -EIO;
    if (intel_wait(d, LOG_ERROR, "GLGEN_RSTAT", I40E_GLGEN_RSTAT, I40E_GLGEN_RSTAT_DEVSTATE, 0,
                   CHIP_RESET_US) ||
        intel_wait(d, LOG_ERROR, "GLNVM_ULD", I40E_GLNVM_ULD, I40E_GLNVM_ULD_DONE,
                   I40E_GLNVM_ULD_DONE, LOADED_US))
        return -EIO;
    intel_change(d, I40E_PFGEN_CTRL, 0, I40E_PFGEN_CTRL_PFSWR);
    if (intel_wait(d, LOG_ERROR, "PFGEN_CTRL", I40E_PFGEN_CTRL, I40E_PFGEN_CTRL_PFSWR, 0,
                   PF_RESET_US))
        return -EIO;
    i40e_write(e, I40E_PFINT_ICR0_ENA, 0);
    i40e_flush(e);
    return 0;
}

/* Interrupts ------------------------------------------------------------------- */

static uint32_t dynamic_control(unsigned vector)
{
    return vector ? I40E_PFINT_DYN_CTLN(vector - 1) : I40E_PFINT_DYN_CTL0;
}

/* Of a vector that is to raise no interrupt. */
static uint32_t idle_vector(const struct i40e *e)
{
    return e->x722 ? I40E_DYN_CTL_WB_ON_ITR | FIELD_PUT(I40E_DYN_CTL_INTERVAL, 1u)
                   : FIELD_PUT(I40E_DYN_CTL_ITR, I40E_DYN_CTL_ITR_NONE);
}

/* A descriptor that shares its cache line with others that are not done yet is written back when
 * its queue's vector fires (Linux' "force_wb", DPDK's intervals without interrupts).  Of a queue
 * that is polled the vector is on, then, with an entry that is masked, and fires within 2 us;
 * firing may switch it off, so that it is switched on again by poll().  What vector 0's queue has
 * caused stays in ICR0, and causes nothing more, until that is read. */
static void push_descriptors(const struct i40e *e)
{
    for (unsigned i = 0; i < e->interrupts && !e->x722; i++) {
        if (load_relaxed(&e->rx[i].q.queue.interrupts))
            continue; /* it is armed when it is idle */
        bool more = !i && i40e_read(e, I40E_PFINT_ICR0) & I40E_PFINT_ICR0_QUEUE_0;
        i40e_write(e, dynamic_control(i),
                   I40E_DYN_CTL_INTENA | (more ? I40E_DYN_CTL_TRIGGER : 0) |
                       FIELD_PUT(I40E_DYN_CTL_ITR, I40E_DYN_CTL_ITR_NONE));
    }
}

/* Receive queue q raises vector q, within 2 us. */
static void init_interrupts(struct i40e *e)
{
    unsigned vectors = pci_msix_on(e->device.pci, e->port.limits.rx_queues_max);
    e->interrupts = (uint16_t)(vectors < e->queues ? vectors : e->queues);
    for (unsigned i = 0; i < e->interrupts; i++) {
        i40e_write(e, i ? I40E_PFINT_ITRN_0(i - 1) : I40E_PFINT_ITR0_0, 1);
        i40e_write(e, i ? I40E_PFINT_LNKLSTN(i - 1) : I40E_PFINT_LNKLST0, i);
        i40e_write(e, I40E_QINT_RQCTL(i),
                   I40E_QINT_CAUSE | FIELD_PUT(I40E_QINT_VECTOR, i) |
                       FIELD_PUT(I40E_QINT_ITR, I40E_QINT_ITR_0) |
                       FIELD_PUT(I40E_QINT_NEXT, I40E_LNKLST_NONE));
        i40e_write(e, dynamic_control(i), idle_vector(e));
    }
}

static void i40e_arm(struct port_queue *queue, bool on)
{
    const struct i40e *e = queue->port->priv;
    if (queue->index >= e->interrupts)
        return;
    if (on && !queue->index)
        (void)i40e_read(e, I40E_PFINT_ICR0);
    i40e_write(e, dynamic_control(queue->index),
               on ? I40E_DYN_CTL_INTENA | I40E_DYN_CTL_CLEARPBA |
                        FIELD_PUT(I40E_DYN_CTL_ITR, I40E_DYN_CTL_ITR_NONE)
                  : idle_vector(e));
}

/* Start and stop ------------------------------------------------------------- */

static int start_link(struct i40e *e)
{
    struct i40e_aq_desc mask = { .opcode = I40E_OP_PHY_MASK,
                                 .address_high = 0xffffu & ~I40E_PHY_EVENTS };
    struct i40e_aq_desc on = { .opcode = I40E_OP_RESTART_AN,
                               .param = { I40E_RESTART_AN | I40E_LINK_ENABLE } };
    int err = i40e_command(e, &mask, NULL, 0, false, 0);
    if (!err)
        err = i40e_ask_link(e);
    if (!err && !e->link.up) /* somebody may have switched it off */
        err = i40e_command(e, &on, NULL, 0, false, 0);
    return err;
}

/* The device is reset and its rings are there: to work.  0 or -E... */
static int bring_up(struct i40e *e)
{
    for (unsigned i = 0; i < e->queues; i++)
        e->rx[i].q.tags = false;
    pci_bus_master(e->device.pci, true);
    const char *trouble;
    int err = i40e_open(e, &trouble);
    if (err)
        log_error("%s: %s", e->device.name, trouble);
    if (!err)
        err = i40e_hmc_create(e);
    if (!err)
        err = i40e_set_up_vsi(e);
    if (err)
        return err;
    i40e_counters_begin(e);
    init_interrupts(e);
    err = i40e_enable_queues(e);
    if (!err)
        err = start_link(e);
    if (!err && e->sriov)
        i40e_sriov_open(e);
    return err;
}

/* NULL, or what went wrong: afterwards no DMA lands. */
static const char *take_down(struct i40e *e)
{
    int err = 0;
    bool works = answers(e) && !i40e_is_resetting(e) && !e->over;
    if (e->sriov)
        i40e_sriov_close(e, works);
    if (works) {
        i40e_counters_collect(e);
        err = i40e_disable_queues(e);
    }
    for (unsigned i = 0; i < e->queues; i++) {
        i40e_rxq_still(&e->rx[i]);
        i40e_txq_still(&e->tx[i]);
    }
    if (e->over && e->aq.open) /* firmware has forgotten us, or is about to */
        i40e_adminq_close(&e->aq);
    i40e_close(e);
    if (e->device.gone)
        return "the device does not answer any more";
    if (reset(e))
        return "reset did not complete";
    return err ? "a queue did not stop" : NULL;
}

/* Whatever of a start there is goes away.  Bus mastering goes off even when the reset does not
 * complete, and then memory is freed. */
static void tear_down(struct i40e *e)
{
    const char *trouble = take_down(e);
    pci_bus_master(e->device.pci, false);
    i40e_hmc_destroy(e);
    intel_rings_destroy(&e->port, e->queues);
    e->queues = 0;
    e->over = NULL;
    e->link = (struct port_link){ 0 };
    if (trouble)
        port_fail(&e->port, trouble);
}

static int i40e_start(struct port *port)
{
    struct i40e *e = port->priv;
    uint16_t queues = port->rx_queues;
    if (e->sriov)
        queues = (uint16_t)min_u64(queues, i40e_sriov_own(e));
    port->tx_queues = queues; /* those that run: each goes with a receive queue */
    int err = intel_rings_create(port, queues);
    if (err)
        return err;
    e->queues = queues;
    e->mode = port->rx_mode;
    e->offloads = port->offloads;
    memcpy(e->mac, port->mac, MAC_LEN);
    err = bring_up(e);
    if (err)
        tear_down(e);
    return err;
}

/* A stop within port_start_over() may fail the port, which is stopped once more. */
static void i40e_stop(struct port *port)
{
    struct i40e *e = port->priv;
    if (e->queues)
        tear_down(e);
}

/* Settings ------------------------------------------------------------------- */

static bool is_running(const struct i40e *e)
{
    return e->port.state == PORT_RUNNING;
}

static int i40e_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    struct i40e *e = port->priv;
    if (e->sriov && i40e_sriov_has_mac(e, mac))
        return -EADDRINUSE;
    int err = is_running(e) ? i40e_write_mac(e, mac) : 0;
    if (!err)
        memcpy(e->mac, mac, MAC_LEN);
    return err ? -EIO : 0;
}

static int i40e_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    struct i40e *e = port->priv;
    e->mode = *mode;
    return is_running(e) && i40e_write_rx_mode(e) ? -EIO : 0;
}

/* The chip takes frames of any length: it is the ring that refuses long ones. */
static int i40e_set_mtu(struct port *port, uint16_t mtu)
{
    return 0;
}

static int i40e_set_offloads(struct port *port, uint32_t offloads)
{
    struct i40e *e = port->priv;
    e->offloads = offloads;
    return is_running(e) && i40e_write_offloads(e) ? -EIO : 0;
}

/* Watching ------------------------------------------------------------------- */

static void start_over(struct i40e *e, const char *why, bool fault)
{
    e->over = why;
    e->over_fault = fault;
    port_ask_service(&e->port);
}

/* The chip has held a queue of ours for malicious: what it says of that is logged, and cleared. */
static bool is_accused(struct i40e *e)
{
    static const uint32_t regs[][2] = { { I40E_PF_MDET_TX, I40E_GL_MDET_TX },
                                        { I40E_PF_MDET_RX, I40E_GL_MDET_RX } };
    bool accused = false;
    for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
        if (!i40e_read(e, regs[i][0]))
            continue;
        log_warning("%s: malicious-driver detection: %s %08" PRIx32, e->device.name,
                    i ? "GL_MDET_RX" : "GL_MDET_TX", i40e_read(e, regs[i][1]));
        i40e_write(e, regs[i][1], UINT32_MAX);
        i40e_write(e, regs[i][0], UINT32_MAX);
        e->malicious++;
        accused = true;
    }
    return accused;
}

/* A reset of the whole chip, by another PF or by firmware: it is coming, or took our queue away. */
static bool was_reset(struct i40e *e)
{
    bool now =
        i40e_is_resetting(e) || !(i40e_read(e, e->aq.layout->send.length) & I40E_AQ_LEN_ENABLE);
    e->resets += now;
    e->counting &= !now;
    return now;
}

/* True: it is well; false: it starts over, or has by now. */
static bool is_well(struct i40e *e)
{
    bool closed = !e->aq.open; /* by us, after a command that did not come back */
    uint32_t critical = i40e_read(e, e->aq.layout->send.length) & I40E_AQ_LEN_CRIT;
    if (!closed && was_reset(e))
        start_over(e, "the chip was reset", false);
    else if (closed || critical)
        start_over(e, "its admin queue broke down", true);
    else if (is_accused(e))
        start_over(e, "the chip held a queue", true);
    else if (i40e_hmc_is_wrong(e))
        start_over(e, "the chip found its private memory wrong", true);
    else
        return true;
    return false;
}

static bool i40e_poll(struct port *port, uint64_t now_us)
{
    struct i40e *e = port->priv;
    if (!is_running(e) || e->over)
        return false;
    push_descriptors(e);
    if (e->sriov && i40e_sriov_poll(e, now_us))
        port_ask_service(port);
    if (!is_running(e) || now_us < e->look_at || e->over)
        return false;
    e->look_at = now_us + LOOK_US;
    if (!answers(e)) {
        port_fail(port, "the device does not answer any more");
        return true;
    }
    if (!is_well(e))
        return true;
    if (!e->sriov) /* else service() does: VFs' messages are among them */
        i40e_take_events(e);
    if (e->ask_link)
        port_ask_service(port);
    if (now_us >= e->count_at) {
        e->count_at = now_us + COUNT_US;
        i40e_counters_collect(e);
    }
    return e->link.up != port->link.up;
}

/* What poll() has found, and what is found by then. */
static void serve_vfs(struct i40e *e)
{
    i40e_take_events(e);
    if (e->aq.open)
        i40e_sriov_service(e);
    if (e->over)
        port_ask_service(&e->port);
}

static void i40e_service(struct port *port)
{
    struct i40e *e = port->priv;
    if (!is_running(e))
        return;
    if (e->over)
        port_start_over(port, &e->overs, e->over, e->over_fault);
    else if (e->ask_link && i40e_ask_link(e))
        start_over(e, "firmware does not answer", true);
    else if (e->sriov && e->aq.open && answers(e) && !i40e_is_resetting(e))
        serve_vfs(e);
}

static void i40e_link(struct port *port, struct port_link *link)
{
    const struct i40e *e = port->priv;
    *link = e->link;
}

static void i40e_stats(struct port *port, struct port_device_stats *stats)
{
    struct i40e *e = port->priv;
    i40e_counters_collect(e);
    i40e_counters_stats(e, stats);
}

static unsigned i40e_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    struct i40e *e = port->priv;
    i40e_counters_collect(e);
    return i40e_counters_rows(e, rows, n);
}

static const struct port_ops ops = { .start = i40e_start,
                                     .stop = i40e_stop,
                                     .link = i40e_link,
                                     .stats = i40e_stats,
                                     .set_mac = i40e_set_mac,
                                     .set_rx_mode = i40e_set_rx_mode,
                                     .set_mtu = i40e_set_mtu,
                                     .set_offloads = i40e_set_offloads,
                                     .arm = i40e_arm,
                                     .path = intel_path,
                                     .counters = i40e_counters,
                                     .poll = i40e_poll,
                                     .service = i40e_service };

/* Probe ---------------------------------------------------------------------- */

static void read_place(struct i40e *e)
{
    bool ari = i40e_read(e, I40E_GLPCI_CAPSUP) & I40E_GLPCI_CAPSUP_ARI;
    e->function =
        i40e_read(e, I40E_PF_FUNC_RID) & (ari ? I40E_PF_FUNC_RID_ARI : I40E_PF_FUNC_RID_FUNCTION);
    e->port_number = i40e_read(e, I40E_PFGEN_PORTNUM) & I40E_PFGEN_PORTNUM_PORT;
}

/* A session of which nothing is left: NULL, or what went wrong. */
static const char *ask_firmware(struct i40e *e)
{
    uint8_t mac[MAC_LEN] = { 0 };
    pci_bus_master(e->device.pci, true);
    const char *trouble;
    if (!i40e_open(e, &trouble))
        trouble = i40e_read_facts(e, mac);
    i40e_close(e);
    if (reset(e) && !trouble)
        trouble = "reset did not complete";
    pci_bus_master(e->device.pci, false);
    if (!trouble)
        port_take_mac(&e->port, e->device.name, mac);
    return trouble;
}

/* NULL, or what went wrong.  The PF is reset before anything else: whoever had it before us may
 * have left it running. */
static const char *set_up(struct i40e *e)
{
    const char *trouble = intel_device_map(&e->device, I40E_BAR, I40E_BAR_SIZE);
    if (!trouble && answers(e))
        trouble = i40e_recovery(e);
    if (trouble)
        return trouble;
    if (reset(e))
        return "reset did not complete";
    read_place(e);
    trouble = ask_firmware(e);
    if (trouble)
        return trouble;
    if (e->queues_max < e->port.limits.rx_queues_max)
        e->port.limits.rx_queues_max = e->port.limits.tx_queues_max = (uint16_t)e->queues_max;
    e->port.vf_max = i40e_vfs_max(e);
    e->port.vf = e->port.vf_max ? &i40e_vf_ops : NULL;
    return NULL;
}

static const struct port_limits limits =
    INTEL_LONG_PORT_LIMITS(I40E_QUEUES_MAX, I40E_FRAME_LIMIT - ETHERNET_FCS);

static int i40e_probe(struct pci_function *f, const struct pci_id *id)
{
    struct i40e *e = port_alloc("i40e", sizeof *e);
    if (!e)
        return -ENOMEM;
    intel_device_init(&e->device, "i40e", f, NULL);
    e->port = (struct port){ .rx_queues = 1,
                             .tx_queues = 1,
                             .ops = &ops,
                             .driver = "i40e",
                             .limits = limits,
                             .dma = &f->dma,
                             .pci = f,
                             .priv = e };
    e->x722 = id->quirks & I40E_QUIRK_X722;
    e->port.limits.unicast_max = I40E_STATIONS;
    for (uint16_t i = 0; i < I40E_QUEUES_MAX; i++) {
        i40e_rxq_init(&e->rx[i], &e->port, i, I40E_RX_16);
        i40e_txq_init(&e->tx[i], &e->port, i);
    }
    return port_register_probed(&e->port, set_up(e));
}

static void i40e_remove(struct pci_function *f)
{
    struct i40e *e = f->driver_data;
    if (e) /* else there was no number for its port */
        intel_port_remove(&e->port);
}

/* Intel's names (Linux and DPDK agree). */
static const struct pci_id ids[] = {
    PCI_ID(0x8086, 0x1572, 0), /* X710: SFP+ */
    PCI_ID(0x8086, 0x1574, 0), /* as emulated by Intel */
    PCI_ID(0x8086, 0x1580, 0), /* XL710: backplane, */
    PCI_ID(0x8086, 0x1581, 0), /* likewise */
    PCI_ID(0x8086, 0x1583, 0), /* QSFP+, two ports */
    PCI_ID(0x8086, 0x1584, 0), /* QSFP+ */
    PCI_ID(0x8086, 0x1585, 0), /* X710: QSFP+ */
    PCI_ID(0x8086, 0x1586, 0), /* X710-T: 10GBASE-T */
    PCI_ID(0x8086, 0x1587, 0), /* 20GBASE-KR2 */
    PCI_ID(0x8086, 0x1588, 0),
    PCI_ID(0x8086, 0x1589, 0),               /* X710-T4 */
    PCI_ID(0x8086, 0x158a, 0),               /* XXV710: backplane */
    PCI_ID(0x8086, 0x158b, 0),               /* XXV710: SFP28 */
    PCI_ID(0x8086, 0x104e, 0),               /* X710: SFP+ */
    PCI_ID(0x8086, 0x104f, 0),               /* X710: backplane */
    PCI_ID(0x8086, 0x15ff, 0),               /* X710-TL: 10GBASE-T */
    PCI_ID(0x8086, 0x101f, 0),               /* 5GBASE-T */
    PCI_ID(0x8086, 0x0dd2, 0),               /* 1000BASE-T */
    PCI_ID(0x8086, 0x0cf8, 0),               /* X710 of an FPGA card, N3000 */
    PCI_ID(0x8086, 0x0d58, 0),               /* XXV710 likewise */
    PCI_ID(0x8086, 0x37ce, I40E_QUIRK_X722), /* X722: backplane */
    PCI_ID(0x8086, 0x37cf, I40E_QUIRK_X722), /* QSFP+ */
    PCI_ID(0x8086, 0x37d0, I40E_QUIRK_X722), /* SFP+ */
    PCI_ID(0x8086, 0x37d1, I40E_QUIRK_X722), /* 1000BASE-T */
    PCI_ID(0x8086, 0x37d2, I40E_QUIRK_X722), /* 10GBASE-T */
    PCI_ID(0x8086, 0x37d3, I40E_QUIRK_X722), /* SFP+ */
    PCI_ID(0x8086, 0x0dda, I40E_QUIRK_X722), /* SFP+ */
    { 0 },
};

PCI_DRIVER(i40e_driver) = {
    .name = "i40e", .ids = ids, .probe = i40e_probe, .remove = i40e_remove
};
