/* hostile_port.h - a virtual function's port under whatever its harness plays: it is polled,
 * started, stopped, set and used as the input says.  Whatever its PF, or another VF of its chip,
 * does: frames handed up keep the rules of nic/packet.h and are counted once, the port's facts stay
 * possible, the log is not filled, and in the end every packet is back in the pool, once.
 *
 * For a harness of its own for each way to talk to a PF, which says before: QUEUES; and defines
 * plug(), step(), and end() of an input. */
#pragma once

#include "apps/forward/access.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "nic/port.h"
#include "pci/pci.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/conformance.h"
#include "tests/models/pcispace.h"

#include <stdlib.h>
#include <string.h>

#define POOL_PACKETS 256u /* cleared for each input */
#define RING 64u
#define LINES_MAX 400u /* of the log for one input */
#define QUIET_MS_MAX 16u

static struct packet_pool *pool;
static struct packet_cache cache;
static struct input in;
static struct pcispace_device device;
static struct pci_function *function;
static size_t idle; /* bytes that are mapped for it while its port is stopped */
static unsigned lines;
static uint64_t received, taken; /* frames handed up, and frames that the port took */
static bool stirred;             /* the driver changed something in its device */

static void plug(void);
static void step(struct port *port);
static void end(struct port *port);

static uint64_t take(size_t n)
{
    return take_value(&in, n);
}

static void receive(struct port *port)
{
    struct packet *p[8];
    for (unsigned q = 0; q < QUEUES; q++) {
        uint16_t n = port_rx_burst(port->rxq[q], p, 8);
        for (uint16_t i = 0; i < n; i++)
            check_frame(port, p[i]);
        received += n;
        packet_free_burst(&cache, p, n);
    }
}

static void send(struct port *port, uint16_t shape)
{
    static const uint8_t bytes[1600];
    uint32_t length = shape % 1600u, segment = length > 300 ? PACKET_ROOM : 1 + shape % 251u;
    for (unsigned i = 0; i < 1u + shape % 16u; i++) {
        struct packet *p = conformance_packet(&cache, bytes, length, segment);
        if (p && port_tx_burst(port->txq[i % port->tx_queues], &p, 1))
            taken++;
        else
            packet_free(&cache, p);
    }
}

static void check_port(const struct port *port)
{
    must(!(port->mac[0] & 1) && !(port->permanent_mac[0] & 1));
    must(port->mtu >= MTU_MIN && port_frame_limit(port) <= port->limits.max_frame);
    must(port->vlan <= VLAN_MAX);
    must(!port->link.up || memcmp(port->mac, (uint8_t[MAC_LEN]){ 0 }, MAC_LEN));
}

/* Each frame is counted once, where it ends. */
static void check_counters(const struct port *port)
{
    uint64_t rx = 0, tx = 0;
    for (unsigned q = 0; q < QUEUES; q++) {
        rx += port->rxq[q]->packets;
        tx += port->txq[q]->packets + port->txq[q]->errors;
    }
    must(rx == received && tx == taken);
}

static void set_something(struct port *port)
{
    static uint8_t groups[40][MAC_LEN];
    uint8_t which = (uint8_t)take(1);
    uint64_t value = take(6);
    for (unsigned i = 0; i < 40; i++)
        groups[i][0] = 1;
    switch (which % 4) {
    case 0:
        port_set_mac(port, (const uint8_t *)&value);
        break;
    case 1:
        port_set_mtu(port, (uint16_t)value);
        break;
    case 2:
        access_set_vlan(port, (uint16_t)value & 0xfff);
        break;
    default:
        port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = value & 1,
                                                       .all_multicast = value & 2,
                                                       .multicast = groups,
                                                       .multicast_count = value >> 8 & 0x1f });
        break;
    }
}

static void look(struct port *port)
{
    struct port_counter rows[32];
    struct port_device_stats stats;
    port->ops->counters(port, rows, 32);
    port->ops->stats(port, &stats);
    port_poll_link(port);
}

/* Each millisecond while anything happens; else in ever longer steps. */
static void poll(struct port *port, unsigned ms)
{
    for (unsigned step = 1; ms; step = stirred ? 1 : 2 * step) {
        step = step < QUIET_MS_MAX ? step : QUIET_MS_MAX;
        step = step < ms ? step : ms;
        ms -= step;
        stirred = false;
        host_advance_us(step * US_PER_MS);
        if (port_poll(port, time_us())) {
            port_poll_link(port);
            stirred = true;
        }
        check_port(port);
    }
}

static void count_line(const char *text, size_t n)
{
    lines++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    in = (struct input){ data, size < 4096 ? size : 4096 };
    log_set_sink(count_line);
    lines = 0;
    received = taken = 0;
    pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&cache, pool);
    plug();
    must(pci_probe_drivers() == 1);
    struct port *port = port_get(0);
    must(port_set_queues(port, QUEUES) == 0);
    for (unsigned q = 0; q < QUEUES; q++) {
        port->rxq[q]->cache = port->txq[q]->cache = &cache;
        port->rxq[q]->size = port->txq[q]->size = RING;
    }
    idle = host_dma_mapped(&function->dma);
    must(port_start(port) == 0);
    while (in.size && port->state == PORT_RUNNING)
        step(port);
    end(port);
    must(lines < LINES_MAX);
    check_counters(port);
    function->driver->remove(function);
    packet_cache_flush(&cache);
    must(packet_pool_available(pool) == POOL_PACKETS);
    packet_pool_destroy(pool);
    must(host_dma_mapped(&function->dma) == 0);
    harness_end();
    return 0;
}
