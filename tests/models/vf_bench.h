/* vf_bench.h - a lone VF on a bench: its driver over a model, its PF in the test's hands.
 *
 * For test programs, each of which is one of its own: everything here is static.  igbvf_bench.h and
 * the like include it and say which chip's: `model`, `chip`, MODEL(), MESSAGE, DRIVER and more.
 * The model's `pf` says what the PF grants; poll_both() gives both sides their turn. */
#pragma once

#include "kernel/time.h"
#include "nic/intel/intel_mbx.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"

#include <string.h>

TABLE_DECLARE(pci_drivers, struct pci_driver);

#define POOL_PACKETS 2048u

static const uint8_t given[MAC_LEN] = { 0x02, 0, 0, 0, 0x10, 1 };
static struct port *port;
static bool pf_is_deaf; /* the test's PF serves nothing */

static inline const struct pci_driver *driver(void)
{
    TABLE_FOR_EACH (pci_drivers, struct pci_driver, d)
        if (!strcmp(d->name, DRIVER))
            return d;
    return NULL;
}

/* One millisecond of the poll loop; the PF's driver gets its turn too.  True: the link is to
 * be looked at. */
static inline bool poll_both(void)
{
    host_advance_us(1000);
    bool look = port_poll(port, time_us());
    while (!pf_is_deaf && MODEL(pf_serve)(&model))
        ;
    return look;
}

static inline void turn(void)
{
    if (poll_both())
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

static inline bool probe(void)
{
    bool taken = pci_probe_drivers() == 1;
    port = port_get(0);
    assert_ptr_equal(model.function->driver, driver());
    return taken;
}

/* Until nothing is asked for any more. */
static inline void settle(void)
{
    for (unsigned i = 0; i < 100 && port->pending; i++)
        poll_both();
    assert_false(port->pending);
}

static inline void make_vf(void)
{
    MODEL(init_vf)(&model, chip);
    memcpy(model.pf.mac, given, MAC_LEN);
}

static inline void destroy(void)
{
    pci_remove_function(model.function);
    assert_int_equal(host_dma_mapped(&model.function->dma), 0);
    assert_int_equal(pci_read16(model.function, PCI_COMMAND) & PCI_COMMAND_MASTER, 0);
}

static struct packet_pool *pool;
static struct packet_cache cache;

static inline void destroy_port(void)
{
    if (port)
        destroy();
    port = NULL;
    port_reset_registry();
}

static inline int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&cache, pool);
    pf_is_deaf = false;
    make_vf();
    port = NULL;
    return pool ? 0 : -1;
}

/* Whatever happened: nothing leaked, nothing mapped, no queue touched while the PF was away,
 * no rule of the document broken. */
static inline int tear_down(void **state)
{
    if (port)
        destroy();
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), POOL_PACKETS);
    packet_pool_destroy(pool);
    assert_int_equal(host_dma_refused(), 0);
    assert_int_equal(MODEL(violations)(&model), 0);
    return 0;
}

static inline void start(void)
{
    assert_true(probe());
    port->rxq[0]->cache = port->txq[0]->cache = &cache;
    assert_int_equal(port_start(port), 0);
}

static inline void start_and_link(void)
{
    start();
    assert_in_range(link_comes_within(50), 0, 49);
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
    if (!port_rx_burst(port->rxq[0], &p, 1))
        return false;
    packet_free(&cache, p);
    return true;
}

static inline bool reaches(const uint8_t mac[MAC_LEN])
{
    uint8_t frame[100] = { 0 };
    memcpy(frame, mac, MAC_LEN);
    frame[6] = 0x02;
    return MODEL(inject)(&model, frame, sizeof frame) && receive_one();
}

/* Frames go and come. */
static inline void traffic_flows(void)
{
    static uint8_t mark;
    uint8_t frame[128];
    assert_true(port->link.up);
    assert_true(send_one(++mark));
    assert_int_equal(MODEL(take)(&model, frame, sizeof frame), 100);
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

static inline void refuse(unsigned type, bool on)
{
    model.pf.refused = on ? model.pf.refused | 1u << type : model.pf.refused & ~(1u << type);
}

/* The VF's message, after so many milliseconds at most, not answered. */
static inline uint32_t asks(unsigned ms, uint32_t words[MESSAGE])
{
    pf_is_deaf = true;
    for (unsigned i = 0; i < ms; i++) {
        turn();
        if (MODEL(pf_receive)(&model, words))
            return words[0];
    }
    return 0;
}

/* The same of what all VFs ask for: what comes before is refused. */
static inline uint32_t asks_for_setting(unsigned ms, uint32_t words[MESSAGE])
{
    uint32_t word;
    while ((word = asks(ms, words)) == MBX_VF_API_NEGOTIATE || word == MBX_VF_GET_QUEUES) {
        word |= MBX_CTS | MBX_NACK;
        MODEL(pf_send)(&model, &word, 1);
    }
    return word;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
