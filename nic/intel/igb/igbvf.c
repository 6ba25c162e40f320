/* igbvf.c - a virtual function of Intel's 82576 or I350 as a port.
 *
 * Documents: named in igbvf_regs.h; the mailbox and its messages: intel_mbx.h.
 *
 * What a VF may do its PF's driver decides: the state machine of that is vf_client.c's.  Until
 * it is through the queues are not touched and the link is down.
 *
 * One queue each way.  Not supported: further unicast addresses, offloads beyond
 * intel_advanced.h's. */
#include "nic/intel/igb/igbvf_regs.h"
#include "nic/intel/intel_port.h"
#include "nic/intel/vf_client.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "pci/pci_regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COLLECT_US (1 * US_PER_S) /* octets wrap after 34 s at 1 Gb/s */
#define REVIVE_US (100 * US_PER_MS)

static const struct {
    const char *name;
    uint16_t offset;
} counters[] = {
    { "VFGPRC", IGBVF_VFGPRC },     { "VFGPTC", IGBVF_VFGPTC },     { "VFGORC", IGBVF_VFGORC },
    { "VFGOTC", IGBVF_VFGOTC },     { "VFMPRC", IGBVF_VFMPRC },     { "VFGPRLBC", IGBVF_VFGPRLBC },
    { "VFGPTLBC", IGBVF_VFGPTLBC }, { "VFGORLBC", IGBVF_VFGORLBC }, { "VFGOTLBC", IGBVF_VFGOTLBC },
};

/* What is told in the log besides. */
enum { NEWS_REVIVED = NEWS_OF_DRIVER, NEWS_FUNCTION_RESET, NEWS_QUEUES, NEWS_COUNT };
_Static_assert((unsigned)NEWS_COUNT <= NEWS_MAX, "a bit each");

struct igbvf {
    struct adv_rxq rx;
    struct adv_txq tx;
    struct adv_echo echo;
    struct vf_client pf; /* and the port */
    struct intel_device device;
    bool started; /* start() was, stop() was not: there are rings */
    bool dma;     /* the queues are on, or may be */
    struct intel_wrapping counters[ARRAY_SIZE(counters)];
    uint64_t missed;
    uint64_t collect_us, revive_us; /* when next */
};

/* The function and its PF ---------------------------------------------------- */

static void igbvf_reset(void *owner)
{
    struct igbvf *e = owner;
    intel_write(&e->device, INTEL_CTRL, INTEL_CTRL_RST);
    e->dma = false;
}

static void igbvf_clean(void *owner)
{
    struct igbvf *e = owner;
    port_detach(&e->pf.port);
    intel_rings_drop(&e->pf.port, 1);
    port_attach(&e->pf.port);
}

static void igbvf_lost(void *owner)
{
    struct igbvf *e = owner;
    store_relaxed(&e->rx.live, false);
    store_relaxed(&e->tx.live, false);
}

/* A function reset switches decoding off as well (unread: PCIe 6.6.2); of a VF whose PF we have,
 * the PF's capability decides on that. */
static void igbvf_revive(struct igbvf *e)
{
    uint16_t command = pci_read16(e->device.pci, PCI_COMMAND);
    if (e->pf.now_us < e->revive_us || e->device.pci->pf || command == UINT16_MAX ||
        command & PCI_COMMAND_MEMORY)
        return;
    e->revive_us = e->pf.now_us + REVIVE_US;
    if (!pci_enable(e->device.pci) && vf_client_tells(&e->pf, NEWS_REVIVED))
        log_warning("%s: it was reset behind our back: its registers are decoded again",
                    e->device.name);
}

/* The chip's reset cleared the counters. */
static void igbvf_away(void *owner, bool gone)
{
    struct igbvf *e = owner;
    e->dma = false;
    if (gone)
        igbvf_revive(e);
    else
        for (unsigned i = 0; i < ARRAY_SIZE(counters); i++)
            e->counters[i].last = 0;
}

/* Statistics -------------------------------------------------------------- */

static void igbvf_collect(struct igbvf *e)
{
    e->collect_us = e->pf.now_us + COLLECT_US;
    if (e->pf.state != VF_OPEN || !vf_client_look(&e->pf))
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(counters); i++)
        intel_wrapping_add(&e->counters[i], intel_read(&e->device, counters[i].offset));
    if (e->rx.live)
        e->missed += FIELD_GET(IGB_Q_DROPPED_COUNT,
                               intel_read(&e->device, IGBVF_RX_BLOCK(0) + IGB_Q_DROPPED));
}

/* Queues ------------------------------------------------------------------ */

/* The receive queue's vector, masked until it is armed; a reset of the function cleared it. */
static void set_up_interrupt(const struct igbvf *e)
{
    if (!pci_msix_on(e->device.pci, 1))
        return;
    intel_write(&e->device, IGBVF_VTIVAR, IGB_IVAR_VALID);
    intel_write(&e->device, IGBVF_VTEIAC, 1);
}

static void igbvf_arm(struct port_queue *queue, bool on)
{
    const struct igbvf *e = queue->port->priv;
    intel_write(&e->device, on ? IGBVF_VTEIMS : IGBVF_VTEIMC, 1);
}

/* With our rings there and the PF's leave.  Buffers are used from their first byte whatever
 * the MTU: how long a frame gets through is the PF's to say, and not to be trusted. */
static void queues_on(struct igbvf *e)
{
    pci_bus_master(e->device.pci, true);
    e->dma = true;
    set_up_interrupt(e);
    int err = adv_rxq_enable(&e->rx, e->device.name, true, true);
    if (!err)
        err = adv_txq_enable(&e->tx, e->device.name);
    if (err && vf_client_lost(&e->pf, NEWS_QUEUES))
        log_warning("%s: its queues do not start; trying again in %u ms", e->device.name,
                    vf_client_pause_ms(&e->pf));
}

/* No DMA afterwards.  Where the queues do not obey the function's reset has to do. */
static void queues_off(struct igbvf *e)
{
    store_relaxed(&e->rx.live, false);
    store_relaxed(&e->tx.live, false);
    if (vf_client_there(&e->pf) && e->dma) {
        int err = adv_rxq_disable(&e->rx, e->device.name);
        err = adv_txq_disable(&e->tx, e->device.name) || err;
        if (err) {
            vf_client_reset(&e->pf);
            task_delay_us(INTEL_DRAIN_US);
        }
    }
    e->dma = false;
    pci_bus_master(e->device.pci, false);
}

/* Served by the PF ------------------------------------------------------- */

static void igbvf_service(struct port *port)
{
    struct igbvf *e = port->priv;
    if (!e->started || e->rx.live || e->pf.state != VF_OPEN)
        return;
    port_detach(port);
    queues_on(e);
    port_attach(port);
}

static bool igbvf_ready(void *owner)
{
    struct igbvf *e = owner;
    if (e->started && !e->rx.live)
        port_ask_service(&e->pf.port);
    return !e->started || e->rx.live;
}

/* Somebody reset the function behind our back: its queues are off. */
static void igbvf_check_queues(struct igbvf *e)
{
    if (!e->rx.live || intel_read(&e->device, IGBVF_RX_BLOCK(0) + ADV_Q_CTL) & ADV_Q_CTL_ENABLE)
        return;
    if (vf_client_lost(&e->pf, NEWS_FUNCTION_RESET))
        log_warning("%s: its queues were switched off: a function reset, or the PF's doing; "
                    "resetting in %u ms",
                    e->device.name, vf_client_pause_ms(&e->pf));
}

static const struct vf_client_ops igbvf_client_ops = { .reset = igbvf_reset,
                                                       .clean = igbvf_clean,
                                                       .lost = igbvf_lost,
                                                       .away = igbvf_away,
                                                       .ready = igbvf_ready };

static void igbvf_step(struct igbvf *e)
{
    igbvf_check_queues(e);
    if (e->pf.now_us >= e->collect_us)
        igbvf_collect(e);
}

static bool igbvf_up(const struct igbvf *e)
{
    return vf_client_is_open(&e->pf) && e->rx.live;
}

static bool igbvf_poll(struct port *port, uint64_t now_us)
{
    struct igbvf *e = port->priv;
    bool up = igbvf_up(e);
    if (vf_client_poll(&e->pf, now_us))
        igbvf_step(e);
    return e->pf.link_news || up != igbvf_up(e);
}

/* Link -------------------------------------------------------------------- */

/* The wire's, as the chip shows it to every VF; what the PF wants of it comes by mailbox. */
static void igbvf_link(struct port *port, struct port_link *link)
{
    struct igbvf *e = port->priv;
    uint32_t status = igbvf_up(e) ? intel_read(&e->device, INTEL_STATUS) : 0;
    *link = intel_link_of(status == UINT32_MAX ? 0 : status); /* all ones: gone */
}

/* Start and stop ---------------------------------------------------------- */

/* Never fails for the PF's sake: without it the port runs, its link down.  The queues wait
 * for a word of the PF's: its pool may have been switched off meanwhile. */
static int igbvf_start(struct port *port)
{
    struct igbvf *e = port->priv;
    int err = intel_rings_create(port, 1);
    if (err)
        return err;
    e->started = true;
    port->pending = true;
    vf_settings_check(&e->pf);
    return 0;
}

/* First no DMA lands any more, then memory is freed. */
static void igbvf_stop(struct port *port)
{
    struct igbvf *e = port->priv;
    e->pf.now_us = time_us();
    igbvf_collect(e);
    e->started = false;
    queues_off(e);
    intel_rings_destroy(port, 1);
}

/* The chip's own errors are the PF's to count. */
static void igbvf_stats(struct port *port, struct port_device_stats *stats)
{
    struct igbvf *e = port->priv;
    e->pf.now_us = time_us();
    igbvf_collect(e);
    *stats = (struct port_device_stats){ .rx_missed = e->missed };
}

static unsigned igbvf_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    struct igbvf *e = port->priv;
    const struct port_counter ours[] = { { "echoes", load_relaxed(&e->echo.dropped) },
                                         { "resets", e->pf.generation },
                                         { "mailbox timeouts", e->pf.timeouts },
                                         { "mailbox refusals", e->pf.refusals },
                                         { "mailbox nonsense", e->pf.nonsense } };
    unsigned count = 0;
    e->pf.now_us = time_us();
    igbvf_collect(e);
    for (unsigned i = 0; i < ARRAY_SIZE(counters) && count < n; i++)
        rows[count++] = (struct port_counter){ counters[i].name, e->counters[i].total };
    for (unsigned i = 0; i < ARRAY_SIZE(ours) && count < n; i++)
        rows[count++] = ours[i];
    return count;
}

/* Tags are taken off by the PF's doing, for a VF that joined a VLAN; asked or not. */
static int igbvf_set_offloads(struct port *port, uint32_t offloads)
{
    struct igbvf *e = port->priv;
    intel_rx_set_tags(&e->rx.q, true, offloads & PORT_OFFLOAD_VLAN_STRIP);
    store_relaxed(&e->tx.q.insert, offloads & PORT_OFFLOAD_VLAN_INSERT);
    return 0;
}

static const struct port_ops igbvf_ops = { .start = igbvf_start,
                                           .stop = igbvf_stop,
                                           .link = igbvf_link,
                                           .stats = igbvf_stats,
                                           .set_mac = vf_client_set_mac,
                                           .set_rx_mode = vf_client_set_rx_mode,
                                           .set_mtu = vf_client_set_mtu,
                                           .set_offloads = igbvf_set_offloads,
                                           .vlan_filter = vf_client_vlan_filter,
                                           .arm = igbvf_arm,
                                           .path = adv_path,
                                           .counters = igbvf_counters,
                                           .poll = igbvf_poll,
                                           .service = igbvf_service };

/* The chip's: unread: 82576 DS 8.10, 8.12; frames: 9.5 KiB, 1.3. */
static const struct port_limits igbvf_limits = INTEL_PORT_LIMITS(1);

/* The tag of what came through the switch has its bytes swapped (as Intel's drivers know). */
#define QUIRK_SWAPS_TAGS 1u

/* Probe ------------------------------------------------------------------- */

static struct igbvf *igbvf_create(struct pci_function *f, uint32_t quirks)
{
    struct igbvf *e = port_alloc("igbvf", sizeof *e);
    if (!e)
        return NULL;
    intel_device_init(&e->device, "igbvf", f, NULL);
    e->pf.ops = &igbvf_client_ops;
    e->pf.family = &vf_family_igb;
    e->pf.owner = e;
    e->pf.name = e->device.name;
    e->pf.mtu_wanted = MTU_DEFAULT;
    e->pf.port = (struct port){ .rx_queues = 1,
                                .tx_queues = 1,
                                .ops = &igbvf_ops,
                                .driver = "igbvf",
                                .limits = igbvf_limits,
                                .dma = &f->dma,
                                .pci = f,
                                .pending = true,
                                .priv = e };
    adv_rxq_init(&e->rx, &e->pf.port, 0, &adv_format_igb);
    adv_txq_init(&e->tx, &e->pf.port, 0, &adv_format_igb);
    igbvf_set_offloads(&e->pf.port, 0);
    e->rx.joined = e->pf.vlans_seen;
    e->rx.swaps = quirks & QUIRK_SWAPS_TAGS;
    e->rx.echo = e->tx.echo = quirks & IGB_QUIRK_ECHOES ? &e->echo : NULL;
    return e;
}

/* NULL, or what went wrong.  The PF is not waited for: the first poll resets the function,
 * whatever its last owner left, and nothing before that touches a queue. */
static const char *igbvf_set_up(struct igbvf *e)
{
    const char *trouble = intel_device_map(&e->device, IGBVF_BAR, IGBVF_BAR_SIZE);
    if (trouble)
        return trouble;
    e->pf.mailbox = e->device.regs + MBX_V2P;
    e->pf.memory = e->device.regs + MBX_VF_MEMORY(0);
    e->rx.block = e->device.regs + IGBVF_RX_BLOCK(0);
    e->tx.block = e->device.regs + IGBVF_TX_BLOCK(0);
    return NULL;
}

static int igbvf_probe(struct pci_function *f, const struct pci_id *id)
{
    struct igbvf *e = igbvf_create(f, id->quirks);
    return e ? port_register_probed(&e->pf.port, igbvf_set_up(e)) : -ENOMEM;
}

/* The next owner, or the PF's driver, finds the function at rest. */
static void igbvf_remove(struct pci_function *f)
{
    struct igbvf *e = f->driver_data;
    if (!e) /* there was no number for its port */
        return;
    port_stop(&e->pf.port);
    port_unregister(&e->pf.port);
    if (e->device.regs && vf_client_there(&e->pf))
        vf_client_reset(&e->pf);
    f->driver_data = NULL;
    free(e);
}

/* unread: 82576 DS and I350 DS, device IDs of virtual functions; the second of each is shown by
 * Hyper-V. */
static const struct pci_id igbvf_ids[] = {
    PCI_ID_SUBSYSTEM(0x8086, 0x10ca, IGB_SUBSYSTEM_QEMU, IGB_QUIRK_ECHOES),
    PCI_ID(0x8086, 0x10ca, 0), /* 82576 */
    PCI_ID(0x8086, 0x152d, 0),
    PCI_ID(0x8086, 0x1520, QUIRK_SWAPS_TAGS), /* I350 */
    PCI_ID(0x8086, 0x152f, QUIRK_SWAPS_TAGS),
    { 0 },
};

PCI_DRIVER(igbvf_driver) = {
    .name = "igbvf", .ids = igbvf_ids, .probe = igbvf_probe, .remove = igbvf_remove
};
