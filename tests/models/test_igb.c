/* nic/igb.c over the model. */
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/igb_model.h"

#include <errno.h>
#include <string.h>

TABLE_DECLARE(pci_drivers, struct pci_driver);

#define POOL_PACKETS 2048u

static const uint8_t address[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static struct igb_model model;
static struct port *port;
static enum igb_model_chip chip;
static uint16_t ring_size, queues;

static const struct pci_driver *driver(void)
{
    TABLE_FOR_EACH (pci_drivers, struct pci_driver, d)
        if (!strcmp(d->name, "igb"))
            return d;
    return NULL;
}

static bool probe(void)
{
    bool taken = pci_probe_drivers() == 1;
    port = port_get(0);
    assert_ptr_equal(model.function->driver, driver());
    return taken;
}

static struct port *create(struct packet_cache *cache)
{
    igb_model_init(&model, chip, address);
    if (!probe() || port_set_queues(port, queues))
        return NULL;
    for (unsigned i = 0; i < queues; i++) {
        port->rxq[i]->cache = port->txq[i]->cache = cache;
        if (ring_size)
            port->rxq[i]->size = port->txq[i]->size = ring_size;
    }
    return port;
}

static void destroy(void)
{
    driver()->remove(model.function);
    assert_int_equal(host_dma_mapped(&model.function->dma), 0);
    assert_int_equal(pci_read16(model.function, PCI_COMMAND) & PCI_COMMAND_MASTER, 0);
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    return igb_model_inject(&model, frame, length);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return igb_model_take(&model, frame, size);
}

static void set_link(bool up)
{
    igb_model_set_link(&model, up);
}

static unsigned violations(void)
{
    return igb_model_violations(&model);
}

static int conformance(const char *name, enum igb_model_chip which, uint16_t n, uint16_t size)
{
    chip = which;
    queues = n;
    ring_size = size;
    return conformance_run(
        &(struct conformance_subject){ .name = name,
                                       .flags = CONFORMANCE_FILTERS | CONFORMANCE_PADS,
                                       .create = create,
                                       .destroy = destroy,
                                       .inject = inject,
                                       .take = take,
                                       .set_link = set_link,
                                       .violations = violations });
}

int main(void)
{
    int failed = conformance("igb_82576", IGB_MODEL_82576, 1, 0);
    failed += conformance("igb_82576_4_queues", IGB_MODEL_82576, 4, 0);
    failed += conformance("igb_i350", IGB_MODEL_I350, 1, 64);
    failed += conformance("igb_i350_4_queues", IGB_MODEL_I350, 4, 128);
    return failed;
}
