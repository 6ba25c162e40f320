/* nic_rig.c - a driver of a PCI NIC over a model of its device (nic_rig.h). */
#include "tests/models/nic_rig.h"

#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <string.h>

TABLE_DECLARE(pci_drivers, struct pci_driver);

struct nic_rig nic;

const struct pci_driver *nic_driver(void)
{
    TABLE_FOR_EACH (pci_drivers, struct pci_driver, d)
        if (!strcmp(d->name, nic.model->driver))
            return d;
    return NULL;
}

bool nic_probe(void)
{
    bool taken = pci_probe_drivers() == 1;
    nic.port = port_get(0);
    assert_ptr_equal(nic.model->function()->driver, nic_driver());
    return taken;
}

bool nic_is_master(void)
{
    return pci_read16(nic.model->function(), PCI_COMMAND) & PCI_COMMAND_MASTER;
}

void nic_remove(void)
{
    nic_driver()->remove(nic.model->function());
    assert_int_equal(host_dma_mapped(&nic.model->function()->dma), 0);
    assert_false(nic_is_master());
}

void nic_set_up(const struct nic_model *model)
{
    host_reset();
    port_reset_registry();
    nic.model = model;
    nic.port = NULL;
    nic.pool = packet_pool_create(NIC_PACKETS);
    assert_non_null(nic.pool);
    packet_cache_init(&nic.cache, nic.pool);
}

void nic_tear_down(void)
{
    if (nic.port)
        nic_remove();
    packet_cache_flush(&nic.cache);
    assert_int_equal(packet_pool_available(nic.pool), NIC_PACKETS);
    packet_pool_destroy(nic.pool);
    assert_int_equal(host_dma_refused(), 0);
    assert_int_equal(nic.model->violations(), 0);
}

static void prepare(struct packet_cache *cache, uint16_t rx_queues, uint16_t tx_queues)
{
    nic.port->rx_queues = rx_queues;
    nic.port->tx_queues = tx_queues;
    for (unsigned i = 0; i < rx_queues; i++)
        nic.port->rxq[i]->cache = cache;
    for (unsigned i = 0; i < tx_queues; i++)
        nic.port->txq[i]->cache = cache;
}

struct port *nic_create(struct packet_cache *cache, uint16_t rx_queues, uint16_t tx_queues,
                        uint16_t size)
{
    if (!nic_probe())
        return NULL;
    prepare(cache, rx_queues, tx_queues);
    for (unsigned i = 0; size && i < rx_queues; i++)
        nic.port->rxq[i]->size = size;
    for (unsigned i = 0; size && i < tx_queues; i++)
        nic.port->txq[i]->size = size;
    return nic.port;
}

int nic_start(uint16_t rx_queues, uint16_t tx_queues)
{
    if (!nic.port)
        assert_true(nic_probe());
    prepare(&nic.cache, rx_queues, tx_queues);
    return port_start(nic.port);
}

void nic_run(uint16_t rx_queues)
{
    assert_int_equal(nic_start(rx_queues, 1), 0);
}

struct packet *nic_receive(void)
{
    struct packet *p;
    return port_rx_burst(nic.port->rxq[0], &p, 1) ? p : NULL;
}

unsigned nic_poll(unsigned queue)
{
    struct packet *p[PORT_BURST];
    unsigned got = 0;
    for (uint16_t n; (n = port_rx_burst(nic.port->rxq[queue], p, PORT_BURST)); got += n)
        packet_free_burst(&nic.cache, p, n);
    return got;
}

uint32_t nic_flow(uint8_t *frame, uint8_t protocol, uint32_t from, uint32_t to)
{
    uint8_t *ip = frame + ETHERNET_HEADER;
    memset(frame, 0, 80);
    memcpy(frame, nic.port->mac, MAC_LEN);
    frame[12] = 0x08;
    ip[0] = 0x45;
    ip[3] = 46;
    ip[9] = protocol;
    ip[12] = ip[16] = 10;
    ip[15] = (uint8_t)from;
    ip[19] = (uint8_t)to;
    ip[21] = (uint8_t)(from * 7);
    ip[23] = (uint8_t)(to * 7);
    return 60;
}

unsigned nic_queue_of(uint8_t protocol, uint32_t from, uint32_t to)
{
    uint8_t frame[80];
    unsigned found = 99;
    assert_true(nic.model->inject(frame, nic_flow(frame, protocol, from, to)));
    for (unsigned i = 0; i < nic.port->rx_queues; i++)
        if (nic_poll(i)) {
            assert_int_equal(found, 99);
            found = i;
        }
    assert_int_not_equal(found, 99);
    return found;
}

bool nic_exchange(void)
{
    uint8_t frame[100] = { 0 };
    memcpy(frame, nic.port->mac, MAC_LEN);
    struct packet *p = nic.model->inject(frame, sizeof frame) ? nic_receive() : NULL;
    if (!p)
        return false;
    bool good = p->frame_length == sizeof frame && !memcmp(p->data, frame, sizeof frame);
    return port_tx_burst(nic.port->txq[0], &p, 1) == 1 &&
           nic.model->take(frame, sizeof frame) == sizeof frame && good;
}

uint64_t nic_counter(const char *name)
{
    struct port_counter rows[128];
    unsigned n = nic.port->ops->counters(nic.port, rows, ARRAY_SIZE(rows));
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(rows[i].name, name))
            return rows[i].value;
    fail_msg("no counter %s", name);
    return 0;
}

struct port_device_stats nic_stats(void)
{
    struct port_device_stats s;
    nic.port->ops->stats(nic.port, &s);
    return s;
}
