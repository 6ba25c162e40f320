/* intel_pf.c - a physical function with advanced queues as a port (intel_pf.h). */
#include "nic/intel/vf_master.h"

#include "kernel/time.h"
#include "pci/pci.h"

#include <errno.h>
#include <string.h>

#define LOOK_US (10 * US_PER_MS) /* queues' drop counters may be narrow */

/* The chips' buffers are 2 KiB whatever they are told of headroom: so long a frame ends before. */
#define FRAME_SHORT_MAX PACKET_ROOM

/* Statistics ----------------------------------------------------------------- */

static void collect(struct intel_pf *f)
{
    intel_counters_collect(&f->device);
    if (!f->device.gone)
        f->family->collect_dropped(f);
}

/* What queues dropped is in no counter of the whole chip. */
static void pf_stats(struct port *port, struct port_device_stats *stats)
{
    struct intel_pf *f = port->priv;
    collect(f);
    intel_counters_stats(&f->device, stats);
    for (unsigned i = 0; i < INTEL_PF_QUEUES_MAX; i++)
        stats->rx_missed += f->dropped[i];
}

static unsigned pf_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    struct intel_pf *f = port->priv;
    collect(f);
    unsigned i = f->family->counters ? f->family->counters(f, rows, n) : 0;
    i = intel_counters_rows(&f->device, rows, i, n);
    for (unsigned k = 0; i < n && k < port->limits.rx_queues_max; k++)
        rows[i++] =
            (struct port_counter){ .name = f->family->dropped_names[k], .value = f->dropped[k] };
    return i;
}

/* Start and stop ------------------------------------------------------------- */

uint32_t intel_pf_frame_limit(const struct intel_pf *f)
{
    return FRAME_LIMIT(f->mtu);
}

static bool needs_long_frames(uint16_t mtu)
{
    return FRAME_LIMIT(mtu) > FRAME_SHORT_MAX;
}

/* 0 or -ETIMEDOUT.  With several queues, or VFs, one without buffers is not to hold up the others
 * (unread: 82576 DS 7.1.4, 82599 DS 7.1.10). */
static int enable_queues(struct intel_pf *f)
{
    int err = 0;
    for (unsigned i = 0; i < f->queues && !err; i++) {
        f->family->place_queue(f, i);
        err = adv_txq_enable(&f->tx[i], f->device.name);
        if (!err)
            err = adv_rxq_enable(&f->rx[i], f->device.name, f->long_frames,
                                 f->queues > 1 || f->master);
    }
    return err;
}

static int disable_queues(struct intel_pf *f)
{
    int err = 0;
    for (unsigned i = 0; i < f->queues; i++) {
        if (f->rx[i].live && adv_rxq_disable(&f->rx[i], f->device.name))
            err = -EIO;
        if (f->tx[i].live && adv_txq_disable(&f->tx[i], f->device.name))
            err = -EIO;
    }
    return err;
}

static void init_interrupts(struct intel_pf *f)
{
    unsigned vectors = pci_msix_on(f->device.pci, f->port.limits.rx_queues_max);
    f->interrupts = (uint16_t)(vectors < f->queues ? vectors : f->queues);
    if (f->interrupts)
        f->family->init_interrupts(f);
}

/* The device is reset and its rings are there: to work.  0 or -ETIMEDOUT. */
static int bring_up(struct intel_pf *f)
{
    f->long_frames = needs_long_frames(f->mtu);
    for (unsigned i = 0; i < f->queues; i++)
        f->rx[i].q.tags = false;
    pci_bus_master(f->device.pci, true);
    f->family->init(f);
    init_interrupts(f);
    if (f->master)
        vf_master_configure(f);
    int err = enable_queues(f);
    if (err)
        return err;
    f->family->run(f);
    f->link_up = false;
    if (f->master)
        vf_master_open(f);
    return 0;
}

/* NULL, or what went wrong: afterwards no DMA lands, and the rings are as they were. */
static const char *take_down(struct intel_pf *f)
{
    collect(f); /* the reset clears them */
    if (f->device.gone)
        return "the device does not answer any more";
    if (f->master)
        vf_master_close(f);
    int err = disable_queues(f);
    if (f->family->reset(f))
        return "reset did not complete";
    return err ? "a queue did not stop" : NULL;
}

/* Whatever of a start there is goes away; the rings are there.  First no DMA lands any more,
 * then memory is freed.  Bus mastering goes off even when the reset does not complete. */
static void tear_down(struct intel_pf *f)
{
    const char *trouble = take_down(f);
    pci_bus_master(f->device.pci, false);
    for (unsigned i = 0; i < f->queues; i++)
        f->rx[i].live = f->tx[i].live = false;
    intel_rings_destroy(&f->port, f->queues);
    f->queues = 0;
    if (trouble)
        port_fail(&f->port, trouble);
}

static int pf_start(struct port *port)
{
    struct intel_pf *f = port->priv;
    uint16_t queues = port->rx_queues;
    if (f->master && queues > f->pool_queues)
        queues = f->pool_queues;
    port->tx_queues = queues; /* those that run: each goes with a receive queue */
    int err = intel_rings_create(port, queues);
    if (err)
        return err;
    f->queues = queues;
    f->mode = port->rx_mode;
    f->offloads = port->offloads;
    f->mtu = port->mtu;
    memcpy(f->mac, port->mac, MAC_LEN);
    err = bring_up(f);
    if (err)
        tear_down(f);
    return err;
}

static void pf_stop(struct port *port)
{
    tear_down(port->priv);
}

int intel_pf_restart(struct intel_pf *f, struct vf_master *master, uint16_t pool,
                     uint16_t pool_queues)
{
    struct port *port = &f->port;
    bool running = port->state == PORT_RUNNING;
    port_stop(port);
    f->master = master;
    f->pool = pool;
    f->pool_queues = pool_queues;
    if (!running || port->state == PORT_FAILED)
        return port->state == PORT_FAILED ? -EIO : 0;
    int err = port_start(port);
    if (err && port->state != PORT_FAILED)
        port_fail(port, "did not start again");
    port_attach(port); /* port_stop() let nobody poll it */
    return err;
}

/* Long frames use the receive buffers differently, so the rings start afresh when they come
 * or go; frames under way are lost. */
static int change_buffers(struct intel_pf *f)
{
    port_detach(&f->port);
    const char *trouble = take_down(f);
    if (!trouble)
        intel_rings_drop(&f->port, f->queues);
    if (!trouble && bring_up(f))
        trouble = "a queue did not start";
    if (trouble)
        port_fail(&f->port, trouble);
    port_attach(&f->port);
    return trouble ? -EIO : 0;
}

/* Settings ------------------------------------------------------------------- */

/* The chip has something new of them, and the master driver looks at it. */
static void settle(struct intel_pf *f, void (*write)(struct intel_pf *f))
{
    if (f->port.state != PORT_RUNNING)
        return;
    if (write)
        write(f);
    if (f->master)
        vf_master_settings_changed(f);
}

static int pf_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    struct intel_pf *f = port->priv;
    f->mode = *mode;
    settle(f, f->family->write_rx_mode);
    return 0;
}

static int pf_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    struct intel_pf *f = port->priv;
    if (f->master && !vf_master_may_have(f, mac))
        return -EADDRINUSE;
    memcpy(f->mac, mac, MAC_LEN);
    settle(f, f->family->write_mac);
    return 0;
}

static int pf_set_offloads(struct port *port, uint32_t offloads)
{
    struct intel_pf *f = port->priv;
    f->offloads = offloads;
    settle(f, f->family->write_offloads);
    return 0;
}

/* Without pools nobody filters. */
static int pf_vlan_filter(struct port *port, uint16_t vid, bool on)
{
    struct intel_pf *f = port->priv;
    uint32_t *word = &f->vlans[vid / 32], bit = 1u << vid % 32;
    if (f->master && on && !(*word & bit) && !vf_master_vlan_fits(f, vid))
        return -ENOSPC;
    *word = on ? *word | bit : *word & ~bit;
    settle(f, NULL);
    return 0;
}

static int pf_set_mtu(struct port *port, uint16_t mtu)
{
    struct intel_pf *f = port->priv;
    f->mtu = mtu;
    if (port->state == PORT_RUNNING && needs_long_frames(mtu) != f->long_frames)
        return change_buffers(f);
    settle(f, f->family->write_frame_limit);
    return 0;
}

/* Every millisecond or so.  What is not urgent is looked at ten times less often: on a VM each
 * register read leaves the guest. */
static bool pf_poll(struct port *port, uint64_t now_us)
{
    struct intel_pf *f = port->priv;
    struct port_link link;
    if (f->master)
        vf_master_poll(f, now_us);
    if (port->state != PORT_RUNNING || now_us < f->look_at)
        return false;
    f->look_at = now_us + LOOK_US;
    f->family->link(port, &link);
    if (f->device.gone) {
        port_fail(port, "the device does not answer any more");
        return true;
    }
    f->family->collect_dropped(f);
    if (link.up != f->link_up && f->master)
        vf_master_link_changed(f);
    f->link_up = link.up;
    if (f->family->look)
        f->family->look(f, &link, now_us);
    return link.up != port->link.up;
}

static void pf_service(struct port *port)
{
    struct intel_pf *f = port->priv;
    if (f->family->service && port->state == PORT_RUNNING)
        f->family->service(f);
}

static void pf_link(struct port *port, struct port_link *link)
{
    struct intel_pf *f = port->priv;
    f->family->link(port, link);
}

static void pf_arm(struct port_queue *queue, bool on)
{
    const struct intel_pf *f = queue->port->priv;
    f->family->arm(queue, on);
}

static const struct port_ops pf_ops = { .start = pf_start,
                                        .stop = pf_stop,
                                        .link = pf_link,
                                        .stats = pf_stats,
                                        .set_mac = pf_set_mac,
                                        .set_rx_mode = pf_set_rx_mode,
                                        .set_mtu = pf_set_mtu,
                                        .set_offloads = pf_set_offloads,
                                        .vlan_filter = pf_vlan_filter,
                                        .arm = pf_arm,
                                        .path = adv_path,
                                        .counters = pf_counters,
                                        .poll = pf_poll,
                                        .service = pf_service };

void intel_pf_init(struct intel_pf *f, const char *driver, struct pci_function *function,
                   const struct intel_pf_family *family, const struct intel_chip *chip,
                   const struct port_limits *limits)
{
    f->family = family;
    intel_device_init(&f->device, driver, function, chip);
    f->port = (struct port){ .rx_queues = 1,
                             .tx_queues = 1,
                             .ops = &pf_ops,
                             .driver = driver,
                             .limits = *limits,
                             .dma = &function->dma,
                             .pci = function,
                             .priv = f };
    for (uint16_t i = 0; i < limits->rx_queues_max; i++) {
        adv_rxq_init(&f->rx[i], &f->port, i, family->format);
        adv_txq_init(&f->tx[i], &f->port, i, family->format);
    }
}
