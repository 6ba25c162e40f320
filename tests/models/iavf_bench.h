/* iavf_bench.h - iavf.c over the model of a VF, its PF played, on a bench.  For test programs, each
 * of which is one of its own: everything here is static. */
#pragma once

#include "kernel/time.h"

#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/iavf_model.h"

#include <string.h>

TABLE_DECLARE(pci_drivers, struct pci_driver);

#define POOL_PACKETS 8192u

static const uint8_t given[MAC_LEN] = { 0x02, 0x82, 0x59, 0x90, 0, 1 };
static struct iavf_model model;
static enum iavf_model_kind kind;
static struct port *port;
static struct packet_pool *pool;
static struct packet_cache cache;

/* One millisecond of the poll loop.  True: the link is to be looked at. */
static inline bool poll_once(void)
{
    host_advance_us(1000);
    return port_poll(port, time_us());
}

static inline void turn(void)
{
    if (poll_once())
        port_poll_link(port);
}

static inline void run_ms(unsigned ms)
{
    while (ms--)
        turn();
}

/* Milliseconds until the link is up; at most `limit`, which is too many. */
static inline unsigned link_comes_within(unsigned limit)
{
    unsigned ms = 0;
    port_poll_link(port);
    for (; !port->link.up && ms < limit; ms++) {
        turn();
        port_poll_link(port);
    }
    return ms;
}

/* Until nothing is asked for any more. */
static inline void settle(void)
{
    for (unsigned i = 0; i < 300 && port->pending; i++)
        turn();
    assert_false(port->pending);
}

static inline void make_vf(void)
{
    iavf_model_init(&model, kind);
}

static inline void probe(void)
{
    assert_int_equal(pci_probe_drivers(), 1);
    port = port_get(0);
    assert_string_equal(port->driver, "iavf");
}

static inline void destroy_port(void)
{
    if (!port)
        return;
    pci_remove_function(model.function);
    assert_int_equal(host_dma_mapped(&model.function->dma), 0);
    assert_int_equal(pci_read16(model.function, PCI_COMMAND) & PCI_COMMAND_MASTER, 0);
    port = NULL;
    port_reset_registry();
}

static inline int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&cache, pool);
    make_vf();
    port = NULL;
    return pool ? 0 : -1;
}

/* Whatever happened: nothing leaked, nothing mapped, no queue touched while the PF was away,
 * no rule of the protocol broken. */
static inline int tear_down(void **state)
{
    destroy_port();
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), POOL_PACKETS);
    packet_pool_destroy(pool);
    assert_int_equal(host_dma_refused(), 0);
    assert_int_equal(iavf_model_violations(&model), 0);
    return 0;
}

static inline void start(uint16_t queues)
{
    probe();
    assert_int_equal(port_set_queues(port, queues), 0);
    for (unsigned i = 0; i < queues; i++)
        port->rxq[i]->cache = port->txq[i]->cache = &cache;
    assert_int_equal(port_start(port), 0);
}

static inline void start_and_link(void)
{
    start(1);
    assert_in_range(link_comes_within(100), 0, 99);
    settle();
}

static inline bool send_one(uint8_t mark)
{
    uint8_t frame[100] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    memcpy(frame + MAC_LEN, port->mac, MAC_LEN);
    frame[20] = mark;
    struct packet *p = conformance_packet(&cache, frame, sizeof frame, PACKET_ROOM);
    if (port_tx_burst(port->txq[0], &p, 1))
        return true;
    packet_free(&cache, p);
    return false;
}

static inline bool receive_one(void)
{
    struct packet *p;
    for (unsigned q = 0; q < port->rx_queues; q++) {
        if (!port_rx_burst(port->rxq[q], &p, 1))
            continue;
        packet_free(&cache, p);
        return true;
    }
    return false;
}

static inline bool reaches(const uint8_t mac[MAC_LEN])
{
    uint8_t frame[100] = { 0 };
    memcpy(frame, mac, MAC_LEN);
    frame[6] = 0x02;
    return iavf_model_inject(&model, frame, sizeof frame) && receive_one();
}

/* Frames go and come. */
static inline void traffic_flows(void)
{
    static uint8_t mark;
    uint8_t frame[128];
    assert_true(port->link.up);
    assert_true(send_one(++mark));
    assert_int_equal(iavf_model_take(&model, frame, sizeof frame), 100);
    assert_int_equal(frame[20], mark);
    assert_true(reaches(port->mac));
}

/* Neither queue is live: nothing goes, nothing comes, and nobody asks the device. */
static inline void traffic_rests(void)
{
    port_poll_link(port);
    assert_false(port->link.up);
    assert_false(send_one(0));
    assert_false(receive_one());
}

static inline uint64_t counter(const char *name)
{
    struct port_counter rows[32];
    unsigned n = port->ops->counters(port, rows, 32);
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(rows[i].name, name))
            return rows[i].value;
    fail_msg("no counter %s", name);
    return 0;
}

static inline void refuse(unsigned op, bool on)
{
    model.pf.refused = on ? model.pf.refused | 1ull << op : model.pf.refused & ~(1ull << op);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
