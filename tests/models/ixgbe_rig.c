/* ixgbe_rig.c - ixgbe.c on the model of an 82599 or X540 (ixgbe_rig.h). */
#include "tests/models/ixgbe_rig.h"

#include "kernel/time.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <string.h>

TABLE_DECLARE(pci_drivers, struct pci_driver);

struct ixgbe_rig ixgbe_rig;
const uint8_t ixgbe_rig_mac[MAC_LEN] = { 0x00, 0x1b, 0x21, 0x12, 0x34, 0x56 };

static struct ixgbe_rig *const rig = &ixgbe_rig;

const struct pci_driver *ixgbe_rig_driver(void)
{
    TABLE_FOR_EACH (pci_drivers, struct pci_driver, d)
        if (!strcmp(d->name, "ixgbe"))
            return d;
    return NULL;
}

bool ixgbe_rig_probe(void)
{
    bool taken = pci_probe_drivers() == 1;
    rig->port = port_get(0);
    assert_ptr_equal(rig->model.function->driver, ixgbe_rig_driver());
    return taken;
}

void ixgbe_rig_remove(void)
{
    ixgbe_rig_driver()->remove(rig->model.function);
    rig->port = NULL;
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
    assert_false(ixgbe_rig_is_master());
}

void ixgbe_rig_make(enum ixgbe_model_chip chip)
{
    if (rig->port)
        ixgbe_rig_remove();
    ixgbe_model_init(&rig->model, chip, ixgbe_rig_mac);
}

int ixgbe_rig_set_up(void **state)
{
    host_reset();
    port_reset_registry();
    rig->port = NULL;
    rig->pool = packet_pool_create(IXGBE_RIG_PACKETS);
    packet_cache_init(&rig->cache, rig->pool);
    ixgbe_rig_make(IXGBE_MODEL_82599);
    return rig->pool ? 0 : -1;
}

int ixgbe_rig_tear_down(void **state)
{
    if (rig->port)
        ixgbe_rig_remove();
    packet_cache_flush(&rig->cache);
    assert_int_equal(packet_pool_available(rig->pool), IXGBE_RIG_PACKETS);
    packet_pool_destroy(rig->pool);
    assert_int_equal(host_dma_refused(), 0);
    assert_int_equal(ixgbe_model_violations(&rig->model), 0);
    return 0;
}

void ixgbe_rig_run(uint16_t queues)
{
    if (!rig->port)
        assert_true(ixgbe_rig_probe());
    assert_int_equal(port_set_queues(rig->port, queues), 0);
    for (unsigned i = 0; i < queues; i++)
        rig->port->rxq[i]->cache = rig->port->txq[i]->cache = &rig->cache;
    assert_int_equal(port_start(rig->port), 0);
}

bool ixgbe_rig_is_master(void)
{
    return pci_read16(rig->model.function, PCI_COMMAND) & PCI_COMMAND_MASTER;
}

unsigned ixgbe_rig_poll(unsigned queue)
{
    struct packet *p[PORT_BURST];
    unsigned got = 0;
    for (uint16_t n; (n = port_rx_burst(rig->port->rxq[queue], p, PORT_BURST)); got += n)
        packet_free_burst(&rig->cache, p, n);
    return got;
}

bool ixgbe_rig_exchange(void)
{
    uint8_t frame[100] = { 0 };
    struct packet *p = NULL;
    memcpy(frame, rig->port->mac, MAC_LEN);
    if (!ixgbe_model_inject(&rig->model, frame, sizeof frame) ||
        port_rx_burst(rig->port->rxq[0], &p, 1) != 1)
        return false;
    bool good = p->frame_length == sizeof frame && !memcmp(p->data, frame, sizeof frame);
    return port_tx_burst(rig->port->txq[0], &p, 1) == 1 &&
           ixgbe_model_take(&rig->model, frame, sizeof frame) == 100 && good;
}

uint64_t ixgbe_rig_counter(const char *name)
{
    struct port_counter rows[128];
    unsigned n = rig->port->ops->counters(rig->port, rows, ARRAY_SIZE(rows));
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(rows[i].name, name))
            return rows[i].value;
    fail_msg("no counter %s", name);
    return 0;
}

struct port_device_stats ixgbe_rig_stats(void)
{
    struct port_device_stats s;
    rig->port->ops->stats(rig->port, &s);
    return s;
}

uint32_t ixgbe_rig_reg(uint32_t offset)
{
    return ixgbe_model_reg(&rig->model, offset);
}

void ixgbe_rig_turn(uint64_t us)
{
    for (uint64_t end = time_us() + us; time_us() < end;) {
        host_advance_us(1000);
        port_poll(rig->port, time_us());
        port_poll_link(rig->port);
    }
}
