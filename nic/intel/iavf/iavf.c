/* iavf.c - an adaptive virtual function as a port: VFs of Intel's 700 series (XL710, X710, X722)
 * and every VF since (E800 series), one driver behind whichever PF's.
 *
 * Facts: Linux's iavf and DPDK's agree, and how PFs answer is Linux's i40e's and ice's way; no
 * datasheet of theirs was read here.
 *
 * What this VF may do, and how many queues it has, its PF's driver decides: the state machine of
 * that is vf_client.c's, messages and resets are in iavf_channel.c, what is asked for is in
 * iavf_settings.c.  Until it is through the queues are not touched and the link is down.
 *
 * Not supported: further unicast addresses, offloads beyond i40e_ring.c's, flow director,
 * extraction of protocol fields. */
#include "nic/intel/iavf/iavf.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/intel_port.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AQ_ENTRIES 32u
#define AQ_BUFFERS 16u
#define REVIVE_US (100 * US_PER_MS)
#define STATS_US (10 * US_PER_S)
#define RESET_SHOWS_US (500 * US_PER_MS)

/* The function and its PF ---------------------------------------------------- */

/* A reset by the PF needs no second one; else it is asked for, and shows in the admin queue. */
static void iavf_reset(void *owner)
{
    static const struct i40e_aq_desc reset = { .opcode = VIRTCHNL_TO_PF,
                                               .flags = I40E_AQ_SI,
                                               .cookie_high = VIRTCHNL_RESET_VF };
    struct iavf *e = owner;
    if (e->was_reset)
        return;
    if (!e->aq.open) {
        pci_bus_master(e->device.pci, true);
        i40e_adminq_open(&e->aq);
    }
    i40e_adminq_post(&e->aq, &reset, NULL, 0);
    e->reset_until_us = e->pf.now_us + RESET_SHOWS_US;
}

static void iavf_clean(void *owner)
{
    struct iavf *e = owner;
    port_detach(&e->pf.port);
    intel_rings_drop(&e->pf.port, e->queues);
    port_attach(&e->pf.port);
}

void iavf_rest(struct iavf *e, bool rest)
{
    for (unsigned i = 0; i < e->live; i++) {
        store_relaxed(&e->rx[i].live, !rest);
        store_relaxed(&e->tx[i].live, !rest);
    }
    e->pf.link_news = true;
}

static void iavf_lost(void *owner)
{
    struct iavf *e = owner;
    iavf_rest(e, true);
    e->live = 0;
    e->link_up = false;
    e->impending_us = 0;
}

/* A function reset switches decoding off as well (unread: PCIe 6.6.2); of a VF whose PF we have,
 * the PF's capability decides on that. */
static void iavf_revive(struct iavf *e)
{
    uint16_t command = pci_read16(e->device.pci, PCI_COMMAND);
    if (e->pf.now_us < e->revive_us || e->device.pci->pf || command == UINT16_MAX ||
        command & PCI_COMMAND_MEMORY)
        return;
    e->revive_us = e->pf.now_us + REVIVE_US;
    if (!pci_enable(e->device.pci))
        log_warning("%s: it was reset behind our back: its registers are decoded again",
                    e->device.name);
}

static void iavf_away(void *owner, bool gone)
{
    if (gone)
        iavf_revive(owner);
}

/* Queues ------------------------------------------------------------------ */

/* Of a vector that is to raise no interrupt, polled or not armed: descriptors are to be written
 * back soon.  Where the chip does that only with interrupts these are enabled as well, to an entry
 * that is masked; firing may switch them off. */
static uint32_t idle_vector(const struct iavf *e, bool masked)
{
    bool wb = e->given.caps & VIRTCHNL_CAP_WB_ON_ITR;
    return FIELD_PUT(IAVF_DYN_INTERVAL, 1u) | (wb       ? IAVF_DYN_WB_ON_ITR
                                               : masked ? IAVF_DYN_ENABLE
                                                        : 0);
}

static void iavf_arm(struct port_queue *queue, bool on)
{
    struct iavf *e = queue->port->priv;
    if (queue->index + 1u < e->given.vectors && e->live)
        intel_write(&e->device, IAVF_DYN_CTL(queue->index),
                    on ? IAVF_DYN_ENABLE | FIELD_PUT(IAVF_DYN_INDEX, 3u) : idle_vector(e, false));
}

/* The PF has them on; a vector each, masked until it is armed. */
static void queues_live(struct iavf *e)
{
    uint16_t n = iavf_queues_to_use(e);
    pci_msix_on(e->device.pci, IAVF_QUEUES + 1);
    for (unsigned i = 0; i < n; i++) {
        e->rx[i].format = e->format;
        e->rx[i].second = e->second;
        intel_rx_set_tags(&e->rx[i].q, true, e->offloads & PORT_OFFLOAD_VLAN_STRIP);
        i40e_rxq_live(&e->rx[i], e->device.regs + IAVF_QRX_TAIL(i));
        i40e_txq_live(&e->tx[i], e->device.regs + IAVF_QTX_TAIL(i));
        if (i + 1u < e->given.vectors)
            intel_write(&e->device, IAVF_DYN_CTL(i), idle_vector(e, false));
    }
    e->live = n;
    e->pf.port.tx_queues = n; /* whoever has no queue of its own sends through another's */
    if (n < e->queues && vf_client_tells(&e->pf, IAVF_NEWS_FEWER))
        log_warning("%s: the PF grants %u queues: %u of %u are used", e->device.name,
                    e->given.queue_pairs, n, e->queues);
}

/* No DMA of queues afterwards.  Where the PF does not switch them off a function level reset does;
 * it is told of that by its chip. */
static void queues_stopped(struct iavf *e)
{
    int err = pci_function_reset(e->device.pci);
    if (err)
        log_error("%s: its queues do not stop, and it cannot be reset (%d)", e->device.name, err);
    else
        iavf_channel_was_reset(e);
    e->dma = e->dma && err;
    vf_client_lost(&e->pf, IAVF_NEWS_STUCK);
}

static void queues_off(struct iavf *e)
{
    iavf_rest(e, true);
    e->live = 0;
    if (e->dma && !iavf_channel_disable(e))
        queues_stopped(e);
    e->enabled = e->configured = e->mapped = false;
}

/* Served by the PF ------------------------------------------------------- */

static void iavf_service(struct port *port)
{
    struct iavf *e = port->priv;
    if (e->pf.state != VF_OPEN) {
        if (e->dma)
            queues_stopped(e);
        return;
    }
    if (!e->queues || e->live || !e->enabled)
        return;
    port_detach(port);
    queues_live(e);
    port_attach(port);
}

static bool iavf_ready(void *owner)
{
    struct iavf *e = owner;
    if (e->queues && !e->live && e->enabled)
        port_ask_service(&e->pf.port);
    return !e->queues || e->live;
}

static const struct vf_client_ops iavf_client_ops = { .reset = iavf_reset,
                                                      .clean = iavf_clean,
                                                      .lost = iavf_lost,
                                                      .away = iavf_away,
                                                      .ready = iavf_ready };

static bool iavf_up(const struct iavf *e)
{
    return vf_client_is_open(&e->pf) && e->live && e->link_up && !e->impending_us;
}

/* Chips without write-back on a timer are asked for it. */
static void push_descriptors(const struct iavf *e)
{
    if (e->given.caps & VIRTCHNL_CAP_WB_ON_ITR)
        return;
    for (unsigned i = 0; i < e->live && i + 1u < e->given.vectors; i++)
        if (!load_relaxed(&e->rx[i].q.queue.interrupts))
            intel_write(&e->device, IAVF_DYN_CTL(i), idle_vector(e, true));
}

static bool iavf_poll(struct port *port, uint64_t now_us)
{
    struct iavf *e = port->priv;
    bool up = iavf_up(e);
    if (now_us >= e->stats_us && vf_client_is_open(&e->pf)) {
        e->stats_us = now_us + STATS_US;
        e->pf.due |= 1u << SETTING_STATS;
    }
    if (vf_client_poll(&e->pf, now_us))
        push_descriptors(e);
    return e->pf.link_news || up != iavf_up(e);
}

/* Link -------------------------------------------------------------------- */

static void iavf_link(struct port *port, struct port_link *link)
{
    const struct iavf *e = port->priv;
    *link = (struct port_link){ 0 };
    if (iavf_up(e))
        *link = (struct port_link){ .up = true, .full_duplex = true, .speed_mbps = e->link_mbps };
    else if (e->impending_us)
        link->why = "the PF announces a reset";
    else if (e->live)
        link->why = "the PF says so";
}

/* Start and stop ---------------------------------------------------------- */

/* Never fails for the PF's sake: without it the port runs, its link down. */
static int iavf_start(struct port *port)
{
    struct iavf *e = port->priv;
    uint16_t queues = port->rx_queues;
    port->tx_queues = queues; /* each goes with a receive queue */
    int err = intel_rings_create(port, queues);
    if (err)
        return err;
    e->queues = queues;
    e->requested = e->request_limit = 0;
    port->pending = true;
    vf_settings_check(&e->pf);
    iavf_settings_due(e, true);
    return 0;
}

/* First no DMA lands any more, then memory is freed. */
static void iavf_stop(struct port *port)
{
    struct iavf *e = port->priv;
    e->pf.now_us = time_us();
    queues_off(e);
    intel_rings_destroy(port, e->queues);
    e->queues = 0;
}

/* The chip's own errors are the PF's to count. */
static void iavf_stats(struct port *port, struct port_device_stats *stats)
{
    const struct iavf *e = port->priv;
    *stats = (struct port_device_stats){ .rx_missed = e->missed, .tx_errors = e->dropped };
}

static unsigned iavf_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    const struct iavf *e = port->priv;
    const struct port_counter ours[] = {
        { "virtchnl 1.", e->version.minor },
        { "queue pairs given", e->given.queue_pairs },
        { "capabilities", e->given.caps },
        { "longest frame given", e->given.max_frame },
        { "flexible descriptors", e->format == I40E_RX_FLEX },
        { "resets", e->pf.generation },
        { "resets announced in vain", e->stale },
        { "message timeouts", e->pf.timeouts },
        { "message refusals", e->pf.refusals },
        { "message nonsense", e->pf.nonsense },
        { "PF rx_discards", e->stats.rx_discards },
        { "PF tx_errors", e->stats.tx_errors },
        { "PF's words lost", e->deafened },
    };
    unsigned count = 0;
    for (; count < ARRAY_SIZE(ours) && count < n; count++)
        rows[count] = ours[count];
    return count;
}

/* Tags that still come beside frames are put back: intel_ring.h. */
static int iavf_set_offloads(struct port *port, uint32_t offloads)
{
    struct iavf *e = port->priv;
    e->offloads = offloads;
    for (unsigned i = 0; i < IAVF_QUEUES; i++) {
        intel_rx_set_tags(&e->rx[i].q, true, offloads & PORT_OFFLOAD_VLAN_STRIP);
        store_relaxed(&e->tx[i].q.insert, offloads & PORT_OFFLOAD_VLAN_INSERT);
    }
    port->pending = true;
    iavf_settings_due(e, false);
    return 0;
}

static const struct port_ops iavf_ops = { .start = iavf_start,
                                          .stop = iavf_stop,
                                          .link = iavf_link,
                                          .stats = iavf_stats,
                                          .set_mac = vf_client_set_mac,
                                          .set_rx_mode = vf_client_set_rx_mode,
                                          .set_mtu = vf_client_set_mtu,
                                          .set_offloads = iavf_set_offloads,
                                          .vlan_filter = vf_client_vlan_filter,
                                          .arm = iavf_arm,
                                          .path = i40e_path,
                                          .counters = iavf_counters,
                                          .poll = iavf_poll,
                                          .service = iavf_service };

static const struct port_limits iavf_limits =
    INTEL_LONG_PORT_LIMITS(IAVF_QUEUES, IAVF_FRAME_MAX - ETHERNET_FCS);

/* Probe ------------------------------------------------------------------- */

static struct iavf *iavf_create(struct pci_function *f)
{
    struct iavf *e = port_alloc("iavf", sizeof *e);
    if (!e)
        return NULL;
    intel_device_init(&e->device, "iavf", f, NULL);
    e->pf.ops = &iavf_client_ops;
    e->pf.transport = &iavf_channel;
    e->pf.family = &vf_family_iavf;
    e->pf.owner = e;
    e->pf.name = e->device.name;
    e->pf.mtu_wanted = MTU_DEFAULT;
    e->given.queue_pairs = 1;
    e->pf.port = (struct port){ .rx_queues = 1,
                                .tx_queues = 1,
                                .first_vector = 1,
                                .ops = &iavf_ops,
                                .driver = "iavf",
                                .limits = iavf_limits,
                                .dma = &f->dma,
                                .pci = f,
                                .pending = true,
                                .priv = e };
    for (uint16_t i = 0; i < IAVF_QUEUES; i++) {
        i40e_rxq_init(&e->rx[i], &e->pf.port, i, I40E_RX_32);
        i40e_txq_init(&e->tx[i], &e->pf.port, i);
    }
    return e;
}

/* NULL, or what went wrong.  The PF is not waited for: the first poll resets the function,
 * whatever its last owner left, and nothing before that touches a queue. */
static const char *iavf_set_up(struct iavf *e)
{
    const char *trouble = intel_device_map(&e->device, IAVF_BAR, IAVF_BAR_SIZE);
    if (trouble)
        return trouble;
    return i40e_adminq_create(&e->aq, e->device.name, &e->device.pci->dma, e->device.regs,
                              &i40e_aq_regs_vf, AQ_ENTRIES, AQ_BUFFERS)
               ? "no memory for its admin queue"
               : NULL;
}

static int iavf_probe(struct pci_function *f, const struct pci_id *id)
{
    struct iavf *e = iavf_create(f);
    return e ? port_register_probed(&e->pf.port, iavf_set_up(e)) : -ENOMEM;
}

/* The next owner, or the PF's driver, finds the function at rest. */
static void iavf_remove(struct pci_function *f)
{
    struct iavf *e = f->driver_data;
    if (!e) /* there was no number for its port */
        return;
    port_stop(&e->pf.port);
    port_unregister(&e->pf.port);
    if (e->aq.layout && e->aq.open)
        i40e_adminq_close(&e->aq);
    pci_bus_master(f, false);
    i40e_adminq_destroy(&e->aq);
    f->driver_data = NULL;
    free(e);
}

/* Device IDs: Linux's iavf and DPDK's agree. */
static const struct pci_id iavf_ids[] = {
    PCI_ID(0x8086, 0x154c, 0), /* XL710, X710 */
    PCI_ID(0x8086, 0x1571, 0), /* the same, as Hyper-V shows it */
    PCI_ID(0x8086, 0x37cd, 0), /* X722 */
    PCI_ID(0x8086, 0x1889, 0), /* E800, and whatever comes: "adaptive" */
    { 0 },
};

PCI_DRIVER(iavf_driver) = {
    .name = "iavf", .ids = iavf_ids, .probe = iavf_probe, .remove = iavf_remove
};
