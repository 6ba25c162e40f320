/* port.c - the registry of ports and the state machine around every driver. */
#include "nic/port.h"

#include "iommu/iommu.h"
#include "kernel/log.h"
#include "kernel/numbered.h"
#include "pci/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What ports take, estimated: a descriptor with what is kept for it, a queue's last pages and
 * its share of the heap, and all else of a device. */
#define DESCRIPTOR_BYTES 64u
#define QUEUE_BYTES (4u * PAGE_SIZE)
#define PORT_BYTES (64u * 1024u)
#define QUEUES_KEPT 16u

static struct numbered ports;
static unsigned registrations;
static unsigned numbers = NUMBERED_MAX;
static bool fence_required;

static const struct port_pollers *pollers;

/* Registration ------------------------------------------------------------- */

static const char *ops_missing(const struct port_ops *ops, uint32_t offloads)
{
    if (!ops)
        return "operations";
    if (!ops->start || !ops->stop)
        return "start or stop";
    if (!ops->link)
        return "link";
    if (offloads && !ops->set_offloads)
        return "set_offloads, which goes with offloads";
    return ops->stats ? NULL : "stats";
}

static bool sizes_good(uint16_t min, uint16_t max, uint16_t usual)
{
    return min && min <= max && usual >= min && usual <= max;
}

static bool is_power_of_two(uint16_t n)
{
    return n && !(n & (n - 1));
}

static bool sizes_fit(const struct port_limits *l, uint16_t usual)
{
    return l->size_multiple && usual % l->size_multiple == 0 &&
           (!l->size_power_of_two || is_power_of_two(usual));
}

static bool queues_good(uint16_t most)
{
    return most && most <= PORT_QUEUES_MAX;
}

static bool limits_good(const struct port_limits *l)
{
    return queues_good(l->rx_queues_max) && queues_good(l->tx_queues_max) &&
           sizes_good(l->rx_size_min, l->rx_size_max, l->rx_size_default) &&
           sizes_good(l->tx_size_min, l->tx_size_max, l->tx_size_default) &&
           sizes_fit(l, l->rx_size_default) && sizes_fit(l, l->tx_size_default) &&
           /* some devices state an MTU below 1500 (virtio 1.2 5.1.4.1) */
           l->max_frame >= FRAME_LIMIT(MTU_MIN) && l->max_frame <= FRAME_LONGEST;
}

/* A VF's driver is asked after its PF's, and removed before. */
static struct port *uplink_of(const struct port *port)
{
    for (unsigned i = 0; port->pci && port->pci->pf && i < port_count(); i++)
        if (port_get(i) && port_get(i)->pci == port->pci->pf)
            return port_get(i);
    return NULL;
}

/* -EINVAL after a line in the log: its driver is not made as the contract has it. */
static int check_driver(const struct port *port)
{
    const char *missing = ops_missing(port->ops, port->limits.offloads);
    if (missing) {
        log_error("port: driver %s does not offer %s", port->driver, missing);
        return -EINVAL;
    }
    if (!limits_good(&port->limits)) {
        log_error("port: driver %s states limits that contradict themselves", port->driver);
        return -EINVAL;
    }
    return 0;
}

static void begin(struct port *port, unsigned number)
{
    port->unfenced |= port->dma && !port->dma->domain && iommu_present();
    port->uplink = uplink_of(port);
    port->number = (uint16_t)number;
    port->admin_up = true;
    port->mtu = port->mtu ? port->mtu : MTU_DEFAULT;
    if (FRAME_LIMIT(port->mtu) > port->limits.max_frame)
        port->mtu = (uint16_t)(port->limits.max_frame - FRAME_LIMIT(0));
    port->first_mtu = port->mtu;
}

int port_register_at(struct port *port, unsigned number)
{
    number = number == PORT_NONE ? numbered_lowest(&ports) : number;
    if (port_get(number))
        return -EADDRINUSE;
    if (number >= numbers) {
        log_error("port: no number left for another %s port, %u is the most", port->driver,
                  numbers);
        return -ENOSPC;
    }
    int e = check_driver(port);
    if (e)
        return e;
    begin(port, number);
    if (numbered_set(&ports, number, port)) {
        log_error("port: no memory to register another %s port", port->driver);
        return -ENOMEM;
    }
    port->life = ++registrations;
    return 0;
}

int port_register(struct port *port)
{
    return port_register_at(port, PORT_NONE);
}

void *port_alloc(const char *driver, size_t size)
{
    void *memory = aligned_alloc(CACHE_LINE, ALIGN_UP(size, (size_t)CACHE_LINE));
    if (memory)
        memset(memory, 0, size);
    else
        log_error("%s: no memory for a port", driver);
    return memory;
}

void port_take_mac(struct port *port, const char *name, const uint8_t mac[MAC_LEN])
{
    char theirs[MAC_TEXT], ours[MAC_TEXT];
    memcpy(port->mac, mac, MAC_LEN);
    if (!mac_is_station(mac)) {
        mac_invent(port->mac);
        log_warning("%s: the device's address is %s, which is no station's; using %s", name,
                    mac_format(mac, theirs), mac_format(port->mac, ours));
    }
    memcpy(port->permanent_mac, port->mac, MAC_LEN);
}

int port_register_probed(struct port *port, const char *trouble)
{
    int err = port_register(port);
    if (err) {
        free(port->priv);
        return err;
    }
    port->pci->driver_data = port->priv;
    if (!trouble)
        return 0;
    port_fail(port, trouble);
    return -EIO;
}

void port_unregister(struct port *port)
{
    if (port_get(port->number) != port)
        return;
    if (pollers)
        pollers->removal(port);
    numbered_clear(&ports, port->number);
    if (pollers)
        pollers->quiesce();
}

struct port *port_get(unsigned number)
{
    return numbered_get(&ports, number);
}

unsigned port_count(void)
{
    return load_relaxed(&ports.limit);
}

unsigned port_numbers_left(void)
{
    unsigned left = numbers;
    for (unsigned i = 0; i < port_count(); i++)
        left -= port_get(i) != NULL;
    return left;
}

unsigned port_registrations(void)
{
    return registrations;
}

void port_set_pollers(const struct port_pollers *new_pollers)
{
    pollers = new_pollers;
}

void port_detach(struct port *port)
{
    if (pollers)
        pollers->detach(port);
}

void port_attach(struct port *port)
{
    if (pollers && port->state == PORT_RUNNING)
        pollers->attach(port);
}

void port_reset_registry(void)
{
    numbered_free(&ports);
    numbers = NUMBERED_MAX;
    fence_required = false;
}

void port_limit_numbers(unsigned most)
{
    numbers = most;
}

/* State -------------------------------------------------------------------- */

/* Drivers take buffers from the caches already while they start. */
static bool queues_have_caches(const struct port *port)
{
    for (unsigned i = 0; i < port->rx_queues; i++)
        if (!port->rxq[i]->cache)
            return false;
    for (unsigned i = 0; i < port->tx_queues; i++)
        if (!port->txq[i]->cache)
            return false;
    return true;
}

bool port_is_fenced(const struct port *port)
{
    return !port->dma || (port->dma->domain && !port->unfenced);
}

void port_require_fence(bool on)
{
    fence_required = on;
}

bool port_fence_is_required(void)
{
    return fence_required;
}

static int start(struct port *port)
{
    if (port->state == PORT_FAILED)
        return -EIO;
    if (port->state == PORT_RUNNING)
        return 0;
    if (!queues_have_caches(port)) {
        log_error("port %u (%s): started before its queues belong to cores", port->number,
                  port->driver);
        return -EINVAL;
    }
    if (fence_required && !port_is_fenced(port)) {
        log_error("port %u (%s): not started: no IOMMU fences it (iommu=strict)", port->number,
                  port->driver);
        return -EPERM;
    }
    int e = port->ops->start(port);
    if (!e)
        store_relaxed(&port->state, PORT_RUNNING);
    return e;
}

int port_start(struct port *port)
{
    int e = port_hold_wait(port);
    if (e)
        return e;
    e = start(port);
    port_release(port);
    return e;
}

/* 0: held, and not failed. */
static int begin_setting(struct port *port)
{
    int e = port_hold_wait(port);
    if (e)
        return e;
    if (port->state != PORT_FAILED)
        return 0;
    port_release(port);
    return -EIO;
}

static int set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    if (!port->ops->set_mac)
        return -ENOTSUP;
    if (!mac_is_station(mac))
        return -EINVAL;
    int e = port->ops->set_mac(port, mac);
    if (!e)
        memcpy(port->mac, mac, MAC_LEN);
    return e;
}

int port_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    int e = begin_setting(port);
    if (e)
        return e;
    e = set_mac(port, mac);
    port_release(port);
    return e;
}

static int set_mtu(struct port *port, uint16_t mtu)
{
    if (mtu < MTU_MIN || FRAME_LIMIT(mtu) > port->limits.max_frame)
        return -EINVAL;
    if (!port->ops->set_mtu && mtu > MTU_DEFAULT)
        return -ENOTSUP;
    int e = port->ops->set_mtu ? port->ops->set_mtu(port, mtu) : 0;
    if (!e)
        store_relaxed(&port->mtu, mtu);
    return e;
}

int port_set_mtu(struct port *port, uint16_t mtu)
{
    int e = begin_setting(port);
    if (e)
        return e;
    e = set_mtu(port, mtu);
    port_release(port);
    return e;
}

static bool addresses_good(const struct port_rx_mode *mode)
{
    for (uint16_t i = 0; i < mode->multicast_count; i++)
        if (!(mode->multicast[i][0] & 1))
            return false;
    for (uint16_t i = 0; i < mode->unicast_count; i++)
        if (!mac_is_station(mode->unicast[i]))
            return false;
    return true;
}

static int set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    if (!port->ops->set_rx_mode)
        return -ENOTSUP;
    if (!addresses_good(mode))
        return -EINVAL;
    if (mode->unicast_count > port->limits.unicast_max)
        return -ENOSPC;
    int e = port->ops->set_rx_mode(port, mode);
    if (!e)
        port->rx_mode = *mode;
    return e;
}

int port_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    int e = begin_setting(port);
    if (e)
        return e;
    e = set_rx_mode(port, mode);
    port_release(port);
    return e;
}

static int set_offloads(struct port *port, uint32_t offloads)
{
    if (offloads & ~port->limits.offloads)
        return -ENOTSUP;
    if (offloads == port->offloads)
        return 0;
    int e = port->ops->set_offloads(port, offloads);
    if (!e)
        store_relaxed(&port->offloads, offloads);
    return e;
}

int port_set_offloads(struct port *port, uint32_t offloads)
{
    int e = begin_setting(port);
    if (e)
        return e;
    e = set_offloads(port, offloads);
    port_release(port);
    return e;
}

static int vlan_filter(struct port *port, uint16_t vid, bool on)
{
    if (!vid || vid > VLAN_MAX)
        return -EINVAL;
    return port->ops->vlan_filter ? port->ops->vlan_filter(port, vid, on) : 0;
}

int port_vlan_filter(struct port *port, uint16_t vid, bool on)
{
    int e = begin_setting(port);
    if (e)
        return e;
    e = vlan_filter(port, vid, on);
    port_release(port);
    return e;
}

/* Watching ------------------------------------------------------------------- */

bool port_poll_link(struct port *port)
{
    struct port_link now = { 0 };
    if (port_is_busy(port))
        return false;
    if (port->state == PORT_RUNNING)
        port->ops->link(port, &now);
    bool changed = now.up != port->link.up || now.speed_mbps != port->link.speed_mbps ||
                   now.full_duplex != port->link.full_duplex;
    port->link = now;
    return changed;
}

bool port_poll(struct port *port, uint64_t now_us)
{
    return port->state != PORT_FAILED && !port_is_busy(port) && port->ops->poll &&
           port->ops->poll(port, now_us);
}

void port_read_stats(struct port *port, struct port_device_stats *stats)
{
    if (port->state != PORT_FAILED && !port_is_busy(port)) {
        port->device_stats = (struct port_device_stats){ 0 };
        port->ops->stats(port, &port->device_stats);
    }
    *stats = port->device_stats;
}

unsigned port_read_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    bool can = port->ops->counters && !port_is_busy(port);
    return can ? port->ops->counters(port, rows, n) : 0;
}

unsigned port_queues_limit(const struct port *port)
{
    return port->limits.rx_queues_max;
}

unsigned port_queues_kept(unsigned limit, unsigned cpus)
{
    return (unsigned)min_u64(limit, max_u64(cpus, QUEUES_KEPT));
}

uint64_t port_memory(const struct port *port, unsigned rx_queues, unsigned tx_queues)
{
    const struct port_limits *l = &port->limits;
    uint64_t each = l->descriptor_bytes ? l->descriptor_bytes : DESCRIPTOR_BYTES;
    uint64_t descriptors =
        (uint64_t)rx_queues * l->rx_size_default + (uint64_t)tx_queues * l->tx_size_default;
    return descriptors * each + (rx_queues + tx_queues) * QUEUE_BYTES + PORT_BYTES;
}

static bool shorten(uint16_t *size, struct port_queue **queues, unsigned n)
{
    if (*size < 2 * RING_SIZE_USUAL)
        return false;
    *size /= 2;
    for (unsigned i = 0; i < n; i++)
        queues[i]->size = *size;
    return true;
}

bool ports_shorten_rings(void)
{
    bool any = false;
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        struct port_limits *l = &port->limits;
        any |= shorten(&l->rx_size_default, port->rxq, l->rx_queues_max);
        any |= shorten(&l->tx_size_default, port->txq, l->tx_queues_max);
    }
    return any;
}

static int set_queues(struct port *port, uint16_t queues)
{
    uint16_t most_tx = port->limits.tx_queues_max;
    if (port->state == PORT_RUNNING)
        return -EBUSY;
    if (!queues || queues > port_queues_limit(port))
        return -EINVAL;
    port->rx_queues = queues;
    port->tx_queues = queues < most_tx ? queues : most_tx;
    return 0;
}

int port_set_queues(struct port *port, uint16_t queues)
{
    int e = begin_setting(port);
    if (e)
        return e;
    e = set_queues(port, queues);
    port_release(port);
    return e;
}

void port_give_queue(struct port *port, unsigned queue, unsigned cpu)
{
    struct port_queue *rxq = port->rxq[queue];
    unsigned entry = port->first_vector + queue;
    bool can = port->ops->arm && (!port->pci || !pci_msix_route(port->pci, entry, cpu));
    store_relaxed(&rxq->cpu, (uint16_t)cpu);
    store_relaxed(&rxq->interrupts, can);
}
