/* igb_rig.c - igb.c on the igb model (igb_rig.h). */
#include "tests/models/igb_rig.h"

#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <string.h>

TABLE_DECLARE(pci_drivers, struct pci_driver);

struct igb_rig rig;
const uint8_t rig_mac[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

const struct pci_driver *rig_driver(void)
{
    TABLE_FOR_EACH (pci_drivers, struct pci_driver, d)
        if (!strcmp(d->name, "igb"))
            return d;
    return NULL;
}

bool rig_probe(void)
{
    bool taken = pci_probe_drivers() == 1;
    rig.port = port_get(0);
    assert_ptr_equal(rig.model.function->driver, rig_driver());
    return taken;
}

void rig_remove(void)
{
    rig_driver()->remove(rig.model.function);
    assert_int_equal(host_dma_mapped(&rig.model.function->dma), 0);
    assert_int_equal(pci_read16(rig.model.function, PCI_COMMAND) & PCI_COMMAND_MASTER, 0);
}

bool rig_inject(const uint8_t *frame, uint32_t length)
{
    return igb_model_inject(&rig.model, frame, length);
}

uint32_t rig_take(uint8_t *frame, uint32_t size)
{
    return igb_model_take(&rig.model, frame, size);
}

int rig_set_up(void **state)
{
    host_reset();
    port_reset_registry();
    rig.pool = packet_pool_create(RIG_PACKETS);
    packet_cache_init(&rig.cache, rig.pool);
    igb_model_init(&rig.model, IGB_MODEL_82576, rig_mac);
    rig.port = NULL;
    return rig.pool ? 0 : -1;
}

/* Whatever happened: nothing leaked, nothing mapped, no rule of the document broken. */
int rig_tear_down(void **state)
{
    if (rig.port)
        rig_remove();
    packet_cache_flush(&rig.cache);
    assert_int_equal(packet_pool_available(rig.pool), RIG_PACKETS);
    packet_pool_destroy(rig.pool);
    assert_int_equal(host_dma_refused(), 0);
    assert_int_equal(igb_model_violations(&rig.model), 0);
    return 0;
}

uint32_t rig_reg(uint32_t offset)
{
    return igb_model_reg(&rig.model, offset);
}

void rig_run(uint16_t n)
{
    if (!rig.port)
        assert_true(rig_probe());
    assert_int_equal(port_set_queues(rig.port, n), 0);
    for (unsigned i = 0; i < n; i++)
        rig.port->rxq[i]->cache = rig.port->txq[i]->cache = &rig.cache;
    assert_int_equal(port_start(rig.port), 0);
}

bool rig_is_master(void)
{
    return pci_read16(rig.model.function, PCI_COMMAND) & PCI_COMMAND_MASTER;
}

uint64_t rig_counter(const char *name)
{
    struct port_counter rows[128];
    unsigned n = rig.port->ops->counters(rig.port, rows, ARRAY_SIZE(rows));
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(rows[i].name, name))
            return rows[i].value;
    fail_msg("no counter %s", name);
    return 0;
}

struct port_device_stats rig_stats(void)
{
    struct port_device_stats s;
    rig.port->ops->stats(rig.port, &s);
    return s;
}

unsigned rig_poll(unsigned queue)
{
    struct packet *p[PORT_BURST];
    unsigned got = 0;
    for (uint16_t n; (n = port_rx_burst(rig.port->rxq[queue], p, PORT_BURST)); got += n)
        packet_free_burst(&rig.cache, p, n);
    return got;
}

bool rig_exchange(void)
{
    uint8_t frame[100] = { 0 };
    struct packet *p = NULL;
    memcpy(frame, rig.port->mac, MAC_LEN);
    if (!rig_inject(frame, sizeof frame) || port_rx_burst(rig.port->rxq[0], &p, 1) != 1)
        return false;
    bool good = p->frame_length == sizeof frame && !memcmp(p->data, frame, sizeof frame);
    return port_tx_burst(rig.port->txq[0], &p, 1) == 1 && rig_take(frame, sizeof frame) == 100 &&
           good;
}
