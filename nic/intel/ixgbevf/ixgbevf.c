/* ixgbevf.c - a virtual function of Intel's 82599 or X540 as a port.
 *
 * Documents: named in ixgbevf_regs.h; the mailbox and its messages: intel_mbx.h.
 *
 * What a VF may do its PF's driver decides: the state machine of that is vf_client.c's, what is
 * asked for beyond all VFs' settings is in ixgbevf_settings.c.  Until it is through the queues are
 * not touched and the link is down.
 *
 * Up to four queues each way, as far as the PF grants them.  Frames are spread by the PF's hash key
 * and table, which its VFs share with it: here nothing is to be set.  Not supported: further
 * unicast addresses, offloads beyond intel_advanced.c's. */
#include "nic/intel/ixgbevf/ixgbevf.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/intel_advanced.h"
#include "nic/intel/intel_port.h"
#include "pci/pci_regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUEUES_MAX 4u             /* that a PF with VFs grants; registers: IXGBEVF_QUEUES */
#define COLLECT_US (1 * US_PER_S) /* octets wrap in 32 bits after 3.4 s at 10 Gb/s */
#define REVIVE_US (100 * US_PER_MS)

static const struct {
    const char *name;
    uint16_t offset;
} counters[] = {
    { "VFGPRC", IXGBEVF_VFGPRC }, { "VFGPTC", IXGBEVF_VFGPTC }, { "VFGORC", IXGBEVF_VFGORC },
    { "VFGOTC", IXGBEVF_VFGOTC }, { "VFMPRC", IXGBEVF_VFMPRC },
};

/* What is told in the log besides. */
enum { NEWS_REVIVED = NEWS_OF_DRIVER, NEWS_FUNCTION_RESET, NEWS_QUEUES, NEWS_FEWER, NEWS_COUNT };
_Static_assert((unsigned)NEWS_COUNT <= NEWS_MAX, "a bit each");

struct ixgbevf {
    struct adv_rxq rx[QUEUES_MAX];
    struct adv_txq tx[QUEUES_MAX];
    struct vf_client pf; /* and the port */
    struct intel_device device;
    uint16_t queues;     /* rings there are, each way; 0: stopped */
    uint16_t live;       /* of them that are on */
    uint16_t interrupts; /* queues that have a vector */
    bool dma;            /* the queues are on, or may be */
    struct intel_wrapping counters[ARRAY_SIZE(counters)];
    uint64_t collect_us, revive_us; /* when next */
};

/* The function and its PF ---------------------------------------------------- */

static void ixgbevf_reset(void *owner)
{
    struct ixgbevf *e = owner;
    intel_write(&e->device, INTEL_CTRL, INTEL_CTRL_RST);
    intel_flush(&e->device);
    e->dma = false;
}

/* Whether a reset of the PF cleared the counters or not: what they say now is none of ours. */
static void ixgbevf_clean(void *owner)
{
    struct ixgbevf *e = owner;
    for (unsigned i = 0; i < ARRAY_SIZE(counters); i++)
        e->counters[i].last = intel_read(&e->device, counters[i].offset);
    port_detach(&e->pf.port);
    intel_rings_drop(&e->pf.port, e->queues);
    port_attach(&e->pf.port);
}

static void ixgbevf_lost(void *owner)
{
    struct ixgbevf *e = owner;
    for (unsigned i = 0; i < QUEUES_MAX; i++) {
        store_relaxed(&e->rx[i].live, false);
        store_relaxed(&e->tx[i].live, false);
    }
    e->live = 0;
}

/* A function reset switches decoding off as well (unread: PCIe 6.6.2); of a VF whose PF we have,
 * the PF's capability decides on that. */
static void ixgbevf_revive(struct ixgbevf *e)
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

static void ixgbevf_away(void *owner, bool gone)
{
    struct ixgbevf *e = owner;
    e->dma = false;
    if (gone)
        ixgbevf_revive(e);
}

/* Statistics -------------------------------------------------------------- */

static void ixgbevf_collect(struct ixgbevf *e)
{
    e->collect_us = e->pf.now_us + COLLECT_US;
    if (e->pf.state != VF_OPEN || !vf_client_look(&e->pf))
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(counters); i++)
        intel_wrapping_add(&e->counters[i], intel_read(&e->device, counters[i].offset));
}

/* Queues ------------------------------------------------------------------ */

/* Those that there are rings for and that the PF grants, a power of two. */
static uint16_t queues_to_use(const struct ixgbevf *e)
{
    uint16_t n = e->queues;
    n = e->pf.rx_granted < n ? e->pf.rx_granted : n;
    n = e->pf.tx_granted < n ? e->pf.tx_granted : n;
    return n >= 4 ? 4 : n >= 2 ? 2 : n;
}

/* A vector each, masked until it is armed; a reset of the function cleared them. */
static void set_up_interrupts(struct ixgbevf *e)
{
    uint32_t vtivar[QUEUES_MAX / 2] = { 0 };
    unsigned vectors = pci_msix_on(e->device.pci, IXGBEVF_VECTORS);
    e->interrupts = (uint16_t)(vectors < e->queues ? vectors : e->queues);
    for (unsigned q = 0; q < e->interrupts; q++)
        vtivar[q / 2] |= (q | IXGBE_IVAR_VALID) << 16 * (q % 2);
    for (unsigned i = 0; i < ARRAY_SIZE(vtivar) && e->interrupts; i++)
        intel_write(&e->device, IXGBEVF_VTIVAR(i), vtivar[i]);
    if (e->interrupts)
        intel_write(&e->device, IXGBEVF_VTEIAC, (1u << e->interrupts) - 1);
}

static void ixgbevf_arm(struct port_queue *queue, bool on)
{
    const struct ixgbevf *e = queue->port->priv;
    if (queue->index < e->interrupts)
        intel_write(&e->device, on ? IXGBEVF_VTEIMS : IXGBEVF_VTEIMC, 1u << queue->index);
}

/* So many bits of the hash choose a queue of this pool. */
static void write_spread(const struct ixgbevf *e, uint16_t queues)
{
    intel_write(&e->device, IXGBEVF_VFPSRTYPE, FIELD_PUT(IXGBE_PSRTYPE_RQPL, (uint32_t)queues / 2));
}

static int queue_on(struct ixgbevf *e, unsigned i)
{
    int err = adv_rxq_enable(&e->rx[i], e->device.name, true, true);
    return err ? err : adv_txq_enable(&e->tx[i], e->device.name);
}

/* With our rings there and the PF's leave.  Buffers are used from their first byte whatever
 * the MTU: how long a frame gets through is the PF's to say, and not to be trusted. */
static void queues_on(struct ixgbevf *e)
{
    uint16_t n = queues_to_use(e);
    int err = 0;
    pci_bus_master(e->device.pci, true);
    e->dma = true;
    set_up_interrupts(e);
    write_spread(e, n);
    for (unsigned i = 0; i < n && !err; i++)
        err = queue_on(e, i);
    if (!err) {
        e->live = n;
        e->pf.port.tx_queues = n; /* whoever has no queue of its own sends through another's */
    } else if (vf_client_lost(&e->pf, NEWS_QUEUES)) {
        log_warning("%s: its queues do not start; trying again in %u ms", e->device.name,
                    vf_client_pause_ms(&e->pf));
    }
    if (!err && n < e->queues && vf_client_tells(&e->pf, NEWS_FEWER))
        log_warning("%s: the PF grants %u queues to receive and %u to send with: %u of %u are used",
                    e->device.name, e->pf.rx_granted, e->pf.tx_granted, n, e->queues);
}

/* No DMA afterwards.  Where the queues do not obey the function's reset has to do. */
static void queues_off(struct ixgbevf *e)
{
    uint16_t live = e->live;
    int err = 0;
    ixgbevf_lost(e);
    if (vf_client_there(&e->pf) && e->dma) {
        for (unsigned i = 0; i < live; i++) {
            err = adv_rxq_disable(&e->rx[i], e->device.name) || err;
            err = adv_txq_disable(&e->tx[i], e->device.name) || err;
        }
        if (err || !live) { /* not live: some may be on all the same */
            vf_client_reset(&e->pf);
            task_delay_us(INTEL_DRAIN_US);
        }
    }
    e->dma = false;
    pci_bus_master(e->device.pci, false);
}

/* Served by the PF ------------------------------------------------------- */

static void ixgbevf_service(struct port *port)
{
    struct ixgbevf *e = port->priv;
    if (!e->queues || e->live || e->pf.state != VF_OPEN)
        return;
    port_detach(port);
    queues_on(e);
    port_attach(port);
}

static bool ixgbevf_ready(void *owner)
{
    struct ixgbevf *e = owner;
    if (e->queues && !e->live)
        port_ask_service(&e->pf.port);
    return !e->queues || e->live;
}

/* Somebody reset the function behind our back: its queues are off. */
static void ixgbevf_check_queues(struct ixgbevf *e)
{
    if (!e->live || intel_read(&e->device, IXGBEVF_RX_BLOCK(0) + ADV_Q_CTL) & ADV_Q_CTL_ENABLE)
        return;
    if (vf_client_lost(&e->pf, NEWS_FUNCTION_RESET))
        log_warning("%s: its queues were switched off: a function reset, or the PF's doing; "
                    "resetting in %u ms",
                    e->device.name, vf_client_pause_ms(&e->pf));
}

static void hyperv_address(void *owner, uint8_t mac[MAC_LEN])
{
    struct ixgbevf *e = owner;
    for (unsigned i = 0; i < MAC_LEN; i++)
        mac[i] = pci_read8(e->device.pci, (uint16_t)(IXGBEVF_HYPERV_MAC + i));
}

/* Reading the address does it. */
static void hyperv_reset(void *owner)
{
    struct ixgbevf *e = owner;
    uint8_t mac[MAC_LEN];
    hyperv_address(owner, mac);
    e->dma = false;
}

static const struct vf_client_ops hyperv_client_ops = { .reset = hyperv_reset,
                                                        .clean = ixgbevf_clean,
                                                        .lost = ixgbevf_lost,
                                                        .away = ixgbevf_away,
                                                        .ready = ixgbevf_ready,
                                                        .address = hyperv_address };

static const struct vf_client_ops ixgbevf_client_ops = { .reset = ixgbevf_reset,
                                                         .clean = ixgbevf_clean,
                                                         .lost = ixgbevf_lost,
                                                         .away = ixgbevf_away,
                                                         .ready = ixgbevf_ready };

static bool ixgbevf_up(const struct ixgbevf *e)
{
    return vf_client_is_open(&e->pf) && e->live;
}

static bool ixgbevf_poll(struct port *port, uint64_t now_us)
{
    struct ixgbevf *e = port->priv;
    bool up = ixgbevf_up(e);
    if (vf_client_poll(&e->pf, now_us)) {
        ixgbevf_check_queues(e);
        if (now_us >= e->collect_us)
            ixgbevf_collect(e);
    }
    return e->pf.link_news || up != ixgbevf_up(e);
}

/* Link -------------------------------------------------------------------- */

/* The wire's, as the chip shows it to every VF; what the PF wants of it comes by mailbox. */
static void ixgbevf_link(struct port *port, struct port_link *link)
{
    static const uint32_t speeds[] = { 0, 100, 1000, 10000 };
    struct ixgbevf *e = port->priv;
    uint32_t links = ixgbevf_up(e) ? intel_read(&e->device, IXGBEVF_VFLINKS) : 0;
    *link = (struct port_link){ 0 };
    if (links != UINT32_MAX && links & IXGBE_LINKS_UP) /* all ones: gone */
        *link = (struct port_link){ .up = true,
                                    .full_duplex = true,
                                    .speed_mbps = speeds[FIELD_GET(IXGBE_LINKS_SPEED, links)] };
}

/* Start and stop ---------------------------------------------------------- */

/* Never fails for the PF's sake: without it the port runs, its link down.  The queues wait
 * for a word of the PF's: its pool may have been switched off meanwhile. */
static int ixgbevf_start(struct port *port)
{
    struct ixgbevf *e = port->priv;
    uint16_t queues = port->rx_queues;
    port->tx_queues = queues; /* each goes with a receive queue */
    int err = intel_rings_create(port, queues);
    if (err)
        return err;
    e->queues = queues;
    port->pending = true;
    vf_settings_check(&e->pf);
    e->pf.due |= 1u << SETTING_RETA | 1u << SETTING_RSS_KEY;
    return 0;
}

/* First no DMA lands any more, then memory is freed. */
static void ixgbevf_stop(struct port *port)
{
    struct ixgbevf *e = port->priv;
    e->pf.now_us = time_us();
    ixgbevf_collect(e);
    queues_off(e);
    intel_rings_destroy(port, e->queues);
    e->queues = 0;
}

/* The chip's own errors, and what it dropped, are the PF's to count. */
static void ixgbevf_stats(struct port *port, struct port_device_stats *stats)
{
    struct ixgbevf *e = port->priv;
    e->pf.now_us = time_us();
    ixgbevf_collect(e);
    *stats = (struct port_device_stats){ 0 };
}

static unsigned ixgbevf_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    static const uint8_t minor[MBX_APIS] = { 0, 0, 1, 2, 3, 4, 5 };
    struct ixgbevf *e = port->priv;
    const struct port_counter ours[] = { { "mailbox API 1.", minor[e->pf.api] },
                                         { "receive queues granted", e->pf.rx_granted },
                                         { "transmit queues granted", e->pf.tx_granted },
                                         { "queues in the PF's RETA", e->pf.spread },
                                         { "PF's RSS key symmetric", e->pf.key_symmetric },
                                         { "resets", e->pf.generation },
                                         { "mailbox timeouts", e->pf.timeouts },
                                         { "mailbox refusals", e->pf.refusals },
                                         { "mailbox nonsense", e->pf.nonsense } };
    unsigned count = 0;
    e->pf.now_us = time_us();
    ixgbevf_collect(e);
    for (unsigned i = 0; i < ARRAY_SIZE(counters) && count < n; i++)
        rows[count++] = (struct port_counter){ counters[i].name, e->counters[i].total };
    for (unsigned i = 0; i < ARRAY_SIZE(ours) && count < n; i++)
        rows[count++] = ours[i];
    return count;
}

/* Tags are always taken off by the queue: one that the administrator's VLAN put there is not ours
 * to see. */
static int ixgbevf_set_offloads(struct port *port, uint32_t offloads)
{
    struct ixgbevf *e = port->priv;
    for (unsigned i = 0; i < QUEUES_MAX; i++) {
        intel_rx_set_tags(&e->rx[i].q, true, offloads & PORT_OFFLOAD_VLAN_STRIP);
        store_relaxed(&e->tx[i].q.insert, offloads & PORT_OFFLOAD_VLAN_INSERT);
    }
    return 0;
}

static const struct port_ops ixgbevf_ops = { .start = ixgbevf_start,
                                             .stop = ixgbevf_stop,
                                             .link = ixgbevf_link,
                                             .stats = ixgbevf_stats,
                                             .set_mac = vf_client_set_mac,
                                             .set_rx_mode = vf_client_set_rx_mode,
                                             .set_mtu = vf_client_set_mtu,
                                             .set_offloads = ixgbevf_set_offloads,
                                             .vlan_filter = vf_client_vlan_filter,
                                             .arm = ixgbevf_arm,
                                             .path = adv_path,
                                             .counters = ixgbevf_counters,
                                             .poll = ixgbevf_poll,
                                             .service = ixgbevf_service };

static const struct port_limits ixgbevf_limits = INTEL_PORT_LIMITS(QUEUES_MAX);

/* Probe ------------------------------------------------------------------- */

/* Of ID rows: shown by Hyper-V, whose PF is not asked by mailbox. */
#define QUIRK_HYPERV 1u

static struct ixgbevf *ixgbevf_create(struct pci_function *f, uint32_t quirks)
{
    bool hyperv = quirks & QUIRK_HYPERV;
    struct ixgbevf *e = port_alloc("ixgbevf", sizeof *e);
    if (!e)
        return NULL;
    intel_device_init(&e->device, "ixgbevf", f, NULL);
    e->pf.ops = hyperv ? &hyperv_client_ops : &ixgbevf_client_ops;
    e->pf.family = hyperv ? &vf_family_hyperv : &vf_family_ixgbe;
    e->pf.owner = e;
    e->pf.name = e->device.name;
    e->pf.mtu_wanted = MTU_DEFAULT;
    e->pf.rx_granted = e->pf.tx_granted = 1;
    e->pf.port = (struct port){ .rx_queues = 1,
                                .tx_queues = 1,
                                .ops = &ixgbevf_ops,
                                .driver = "ixgbevf",
                                .limits = ixgbevf_limits,
                                .dma = &f->dma,
                                .pci = f,
                                .pending = true,
                                .priv = e };
    for (uint16_t i = 0; i < QUEUES_MAX; i++) {
        adv_rxq_init(&e->rx[i], &e->pf.port, i, &adv_format_ixgbe);
        adv_txq_init(&e->tx[i], &e->pf.port, i, &adv_format_ixgbe);
        e->rx[i].joined = e->pf.vlans_seen;
        e->rx[i].ctl = IXGBE_RXDCTL_VME;
        e->tx[i].check = true;
    }
    ixgbevf_set_offloads(&e->pf.port, 0);
    return e;
}

/* NULL, or what went wrong.  The PF is not waited for: the first poll resets the function,
 * whatever its last owner left, and nothing before that touches a queue. */
static const char *ixgbevf_set_up(struct ixgbevf *e)
{
    const char *trouble = intel_device_map(&e->device, IXGBEVF_BAR, IXGBEVF_BAR_SIZE);
    if (trouble)
        return trouble;
    e->pf.mailbox = e->device.regs + MBX_VFMAILBOX;
    e->pf.memory = e->device.regs + MBX_VFMBMEM;
    for (unsigned i = 0; i < QUEUES_MAX; i++) {
        e->rx[i].block = e->device.regs + IXGBEVF_RX_BLOCK(i);
        e->tx[i].block = e->device.regs + IXGBEVF_TX_BLOCK(i);
    }
    return NULL;
}

static int ixgbevf_probe(struct pci_function *f, const struct pci_id *id)
{
    struct ixgbevf *e = ixgbevf_create(f, id->quirks);
    return e ? port_register_probed(&e->pf.port, ixgbevf_set_up(e)) : -ENOMEM;
}

/* The next owner, or the PF's driver, finds the function at rest. */
static void ixgbevf_remove(struct pci_function *f)
{
    struct ixgbevf *e = f->driver_data;
    if (!e) /* there was no number for its port */
        return;
    port_stop(&e->pf.port);
    port_unregister(&e->pf.port);
    if (e->device.regs && vf_client_there(&e->pf))
        vf_client_reset(&e->pf);
    f->driver_data = NULL;
    free(e);
}

/* Device IDs: Linux's ixgbevf and DPDK agree. */
static const struct pci_id ixgbevf_ids[] = {
    PCI_ID(0x8086, 0x10ed, 0),            /* 82599 */
    PCI_ID(0x8086, 0x1515, 0),            /* X540 */
    PCI_ID(0x8086, 0x152e, QUIRK_HYPERV), /* 82599 */
    PCI_ID(0x8086, 0x1530, QUIRK_HYPERV), /* X540 */
    { 0 },
};

PCI_DRIVER(ixgbevf_driver) = {
    .name = "ixgbevf", .ids = ixgbevf_ids, .probe = ixgbevf_probe, .remove = ixgbevf_remove
};
