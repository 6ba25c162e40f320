/* intel_vf.c - a virtual function with advanced queues as a port (intel_vf.h). */
#include "nic/intel/intel_vf.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/intel_port.h"
#include "pci/pci_regs.h"

#include <errno.h>
#include <stdlib.h>

#define COLLECT_US (1 * US_PER_S) /* octets wrap in 32 bits after 3.4 s at 10 Gb/s */
#define REVIVE_US (100 * US_PER_MS)

/* The function and its PF ---------------------------------------------------- */

void intel_vf_clean(void *owner)
{
    struct intel_vf *v = owner;
    port_detach(&v->pf.port);
    intel_rings_drop(&v->pf.port, v->queues);
    port_attach(&v->pf.port);
}

void intel_vf_lost(void *owner)
{
    struct intel_vf *v = owner;
    for (unsigned i = 0; i < INTEL_VF_QUEUES_MAX; i++) {
        store_relaxed(&v->rx[i].live, false);
        store_relaxed(&v->tx[i].live, false);
    }
    v->live = 0;
}

/* A function reset switches decoding off as well (unread: PCIe 6.6.2); of a VF whose PF we have,
 * the PF's capability decides on that. */
static void revive(struct intel_vf *v)
{
    uint16_t command = pci_read16(v->device.pci, PCI_COMMAND);
    if (v->pf.now_us < v->revive_us || v->device.pci->pf || command == UINT16_MAX ||
        command & PCI_COMMAND_MEMORY)
        return;
    v->revive_us = v->pf.now_us + REVIVE_US;
    if (!pci_enable(v->device.pci) && vf_client_tells(&v->pf, INTEL_VF_NEWS_REVIVED))
        log_warning("%s: it was reset behind our back: its registers are decoded again",
                    v->device.name);
}

void intel_vf_away(void *owner, bool gone)
{
    struct intel_vf *v = owner;
    v->dma = false;
    if (gone)
        revive(v);
}

/* Statistics -------------------------------------------------------------- */

static void collect(struct intel_vf *v)
{
    v->collect_us = v->pf.now_us + COLLECT_US;
    if (v->pf.state != VF_OPEN || !vf_client_look(&v->pf))
        return;
    for (unsigned i = 0; v->family->counters[i].name; i++)
        intel_wrapping_add(&v->counters[i], intel_read(&v->device, v->family->counters[i].offset));
    if (v->family->collect)
        v->family->collect(v);
}

static void collect_now(struct intel_vf *v)
{
    v->pf.now_us = time_us();
    collect(v);
}

/* The chip's own errors are the PF's to count. */
static void vf_stats(struct port *port, struct port_device_stats *stats)
{
    struct intel_vf *v = port->priv;
    collect_now(v);
    *stats = (struct port_device_stats){ .rx_missed = v->missed };
}

static unsigned vf_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    struct intel_vf *v = port->priv;
    const struct port_counter ours[] = { { "resets", v->pf.generation },
                                         { "mailbox timeouts", v->pf.timeouts },
                                         { "mailbox refusals", v->pf.refusals },
                                         { "mailbox nonsense", v->pf.nonsense } };
    unsigned count = 0;
    collect_now(v);
    for (unsigned i = 0; v->family->counters[i].name && count < n; i++)
        rows[count++] = (struct port_counter){ v->family->counters[i].name, v->counters[i].total };
    if (v->family->rows)
        count += v->family->rows(v, rows + count, n - count);
    for (unsigned i = 0; i < ARRAY_SIZE(ours) && count < n; i++)
        rows[count++] = ours[i];
    return count;
}

/* Queues ------------------------------------------------------------------ */

/* Those that there are rings for and that the PF grants, a power of two. */
static uint16_t queues_to_use(const struct intel_vf *v)
{
    uint16_t n = v->queues;
    n = v->pf.rx_granted < n ? v->pf.rx_granted : n;
    n = v->pf.tx_granted < n ? v->pf.tx_granted : n;
    return n >= 4 ? 4 : n >= 2 ? 2 : n;
}

/* A vector for each receive queue, masked until it is armed; a reset of the function cleared them.
 */
static void set_up_interrupts(struct intel_vf *v)
{
    unsigned vectors = pci_msix_on(v->device.pci, v->family->vectors);
    v->interrupts = (uint16_t)(vectors < v->queues ? vectors : v->queues);
    if (!v->interrupts)
        return;
    v->family->write_vectors(v);
    intel_write(&v->device, v->family->vteiac, (1u << v->interrupts) - 1);
}

static void vf_arm(struct port_queue *queue, bool on)
{
    const struct intel_vf *v = queue->port->priv;
    if (queue->index < v->interrupts)
        intel_write(&v->device, on ? v->family->vteims : v->family->vteimc, 1u << queue->index);
}

/* Buffers are used from their first byte whatever the MTU: how long a frame gets through is the
 * PF's to say, and not to be trusted. */
static int queue_on(struct intel_vf *v, unsigned i)
{
    int err = adv_rxq_enable(&v->rx[i], v->device.name, true, true);
    return err ? err : adv_txq_enable(&v->tx[i], v->device.name);
}

/* With our rings there and the PF's leave. */
static void queues_on(struct intel_vf *v)
{
    uint16_t n = queues_to_use(v);
    int err = 0;
    pci_bus_master(v->device.pci, true);
    v->dma = true;
    set_up_interrupts(v);
    if (v->family->write_spread)
        v->family->write_spread(v, n);
    for (unsigned i = 0; i < n && !err; i++)
        err = queue_on(v, i);
    if (!err) {
        v->live = n;
        v->pf.port.tx_queues = n; /* whoever has no queue of its own sends through another's */
    } else if (vf_client_lost(&v->pf, INTEL_VF_NEWS_QUEUES)) {
        log_warning("%s: its queues do not start; trying again in %u ms", v->device.name,
                    vf_client_pause_ms(&v->pf));
    }
    if (!err && n < v->queues && vf_client_tells(&v->pf, INTEL_VF_NEWS_FEWER))
        log_warning("%s: the PF grants %u queues to receive and %u to send with: %u of %u are used",
                    v->device.name, v->pf.rx_granted, v->pf.tx_granted, n, v->queues);
}

/* No DMA afterwards.  Where the queues do not obey the function's reset has to do. */
static void queues_off(struct intel_vf *v)
{
    uint16_t live = v->live;
    int err = 0;
    intel_vf_lost(v);
    if (vf_client_there(&v->pf) && v->dma) {
        for (unsigned i = 0; i < live; i++) {
            err = adv_rxq_disable(&v->rx[i], v->device.name) || err;
            err = adv_txq_disable(&v->tx[i], v->device.name) || err;
        }
        if (err || !live) { /* not live: some may be on all the same */
            vf_client_reset(&v->pf);
            task_delay_us(INTEL_DRAIN_US);
        }
    }
    v->dma = false;
    pci_bus_master(v->device.pci, false);
}

/* Tags are taken off by the PF's doing, or by the queue, asked or not: one that the
 * administrator's VLAN put there is not ours to see. */
static int vf_set_offloads(struct port *port, uint32_t offloads)
{
    intel_rx_offloads(port, port->limits.rx_queues_max, offloads, true);
    intel_tx_offloads(port, port->limits.tx_queues_max, offloads);
    return 0;
}

/* Served by the PF ------------------------------------------------------- */

static void vf_service(struct port *port)
{
    struct intel_vf *v = port->priv;
    if (!v->queues || v->live || v->pf.state != VF_OPEN)
        return;
    port_detach(port);
    queues_on(v);
    port_attach(port);
}

bool intel_vf_ready(void *owner)
{
    struct intel_vf *v = owner;
    if (v->queues && !v->live)
        port_ask_service(&v->pf.port);
    return !v->queues || v->live;
}

/* Somebody reset the function behind our back: its queues are off. */
static void check_queues(struct intel_vf *v)
{
    if (!v->live || mmio_read32(v->rx[0].block + ADV_Q_CTL) & ADV_Q_CTL_ENABLE)
        return;
    if (vf_client_lost(&v->pf, INTEL_VF_NEWS_FUNCTION_RESET))
        log_warning("%s: its queues were switched off: a function reset, or the PF's doing; "
                    "resetting in %u ms",
                    v->device.name, vf_client_pause_ms(&v->pf));
}

static bool is_up(const struct intel_vf *v)
{
    return vf_client_is_open(&v->pf) && v->live;
}

static bool vf_poll(struct port *port, uint64_t now_us)
{
    struct intel_vf *v = port->priv;
    bool up = is_up(v);
    if (vf_client_poll(&v->pf, now_us)) {
        check_queues(v);
        if (now_us >= v->collect_us)
            collect(v);
    }
    return v->pf.link_news || up != is_up(v);
}

/* The wire's, as the chip shows it to every VF; what the PF wants of it comes by mailbox. */
static void vf_link(struct port *port, struct port_link *link)
{
    struct intel_vf *v = port->priv;
    *link = (struct port_link){ 0 };
    if (is_up(v))
        v->family->link(v, link);
}

/* Start and stop ---------------------------------------------------------- */

/* Never fails for the PF's sake: without it the port runs, its link down.  The queues wait
 * for a word of the PF's: its pool may have been switched off meanwhile. */
static int vf_start(struct port *port)
{
    struct intel_vf *v = port->priv;
    uint16_t queues = port->rx_queues;
    port->tx_queues = queues; /* each goes with a receive queue */
    int err = intel_rings_create(port, queues);
    if (err)
        return err;
    v->queues = queues;
    port->pending = true;
    vf_settings_check(&v->pf);
    v->pf.due |= v->family->due_at_start;
    return 0;
}

/* First no DMA lands any more, then memory is freed. */
static void vf_stop(struct port *port)
{
    struct intel_vf *v = port->priv;
    collect_now(v);
    queues_off(v);
    intel_rings_destroy(port, v->queues);
    v->queues = 0;
}

static const struct port_ops vf_ops = { .start = vf_start,
                                        .stop = vf_stop,
                                        .link = vf_link,
                                        .stats = vf_stats,
                                        .set_mac = vf_client_set_mac,
                                        .set_rx_mode = vf_client_set_rx_mode,
                                        .set_mtu = vf_client_set_mtu,
                                        .set_offloads = vf_set_offloads,
                                        .vlan_filter = vf_client_vlan_filter,
                                        .arm = vf_arm,
                                        .path = adv_path,
                                        .counters = vf_counters,
                                        .poll = vf_poll,
                                        .service = vf_service };

/* Probe ------------------------------------------------------------------- */

struct intel_vf *intel_vf_create(size_t size, struct pci_function *function,
                                 const struct intel_vf_family *family,
                                 const struct vf_client_ops *ops, const struct vf_family *grants)
{
    struct intel_vf *v = port_alloc(family->driver, size);
    if (!v)
        return NULL;
    v->family = family;
    intel_device_init(&v->device, family->driver, function, NULL);
    v->pf.ops = ops;
    v->pf.transport = &vf_mailbox;
    v->pf.family = grants;
    v->pf.owner = v;
    v->pf.name = v->device.name;
    v->pf.mtu_wanted = MTU_DEFAULT;
    v->pf.rx_granted = v->pf.tx_granted = 1;
    v->pf.port = (struct port){ .rx_queues = 1,
                                .tx_queues = 1,
                                .ops = &vf_ops,
                                .driver = family->driver,
                                .limits = *family->limits,
                                .dma = &function->dma,
                                .pci = function,
                                .pending = true,
                                .priv = v };
    for (uint16_t i = 0; i < family->limits->rx_queues_max; i++) {
        adv_rxq_init(&v->rx[i], &v->pf.port, i, family->format);
        adv_txq_init(&v->tx[i], &v->pf.port, i, family->format);
        v->rx[i].joined = v->pf.vlans_seen;
    }
    vf_set_offloads(&v->pf.port, 0);
    return v;
}

/* NULL, or what went wrong. */
static const char *set_up(struct intel_vf *v)
{
    const struct intel_vf_family *family = v->family;
    const char *trouble = intel_device_map(&v->device, family->bar, family->bar_size);
    if (trouble)
        return trouble;
    v->pf.mailbox = v->device.regs + family->mailbox;
    v->pf.memory = v->device.regs + family->memory;
    for (unsigned i = 0; i < family->limits->rx_queues_max; i++)
        family->place_queue(v, i);
    return NULL;
}

int intel_vf_register(struct intel_vf *v)
{
    return port_register_probed(&v->pf.port, set_up(v));
}

/* The next owner, or the PF's driver, finds the function at rest. */
void intel_vf_remove(struct pci_function *function)
{
    struct intel_vf *v = function->driver_data;
    if (!v) /* there was no number for its port */
        return;
    port_stop(&v->pf.port);
    port_unregister(&v->pf.port);
    if (v->device.regs && vf_client_there(&v->pf))
        vf_client_reset(&v->pf);
    function->driver_data = NULL;
    free(v);
}
