/* pci_tree.c - devices and bridges to make a PCI tree of (pci_tree.h). */
#include "tests/models/pci_tree.h"

#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/made_pf.h"

#include <string.h>

#define DEVICES 64u

static struct pcispace_device tree[DEVICES];
static unsigned count;

int pci_tree_set_up(void **state)
{
    host_reset();
    pcispace_reset();
    memset(tree, 0, sizeof tree);
    count = 0;
    return 0;
}

int pci_tree_tear_down(void **state)
{
    assert_int_equal(pcispace_violations(), 0);
    pci_reset();
    pci_set_access(NULL);
    return 0;
}

const struct pcispace_bar pci_tree_io32 = { .size = 32, .io = true };
const struct pcispace_bar pci_tree_mem4k = { .size = 4096 };

struct pcispace_device *pci_tree_endpoint(struct pcispace_device *above, unsigned device,
                                          struct pcispace_bar bar)
{
    struct pcispace_device *d = &tree[count++];
    pcispace_device_init(d, 0x1234, (uint16_t)count, 0x020000);
    d->bar[0] = bar;
    pcispace_add(d, above, device, 0);
    return d;
}

struct pcispace_device *pci_tree_bridge(struct pcispace_device *above, unsigned device)
{
    struct pcispace_device *d = &tree[count++];
    pcispace_bridge_init(d, 0x1234, (uint16_t)count);
    pcispace_add(d, above, device, 0);
    return d;
}

void pci_tree_put(struct pcispace_device *d, uint16_t at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        d->config[at + i] = (uint8_t)(value >> 8 * i);
}

void pci_tree_set_memory_window(struct pcispace_device *b, uint64_t base, uint64_t last)
{
    pci_tree_put(b, PCI_MEMORY_BASE, base >> 16, 2);
    pci_tree_put(b, PCI_MEMORY_LIMIT, last >> 16, 2);
}

/* What a port without any trouble is; its windows are closed. */
struct pcispace_device *pci_tree_root_port(unsigned device)
{
    struct pcispace_device *d = &tree[count++];
    made_port_init(d, PCI_EXPRESS_ROOT_PORT, true, true);
    pcispace_add(d, NULL, device, 0);
    return d;
}

void pci_tree_set_prefetchable_window(struct pcispace_device *b, uint64_t base, uint64_t last)
{
    pci_tree_put(b, PCI_PREFETCH_BASE, (base >> 16 & 0xfff0) | 1, 2);
    pci_tree_put(b, PCI_PREFETCH_LIMIT, (last >> 16 & 0xfff0) | 1, 2);
    pci_tree_put(b, PCI_PREFETCH_BASE_HIGH, base >> 32, 4);
    pci_tree_put(b, PCI_PREFETCH_LIMIT_HIGH, last >> 32, 4);
}

struct pci_function *pci_tree_function(const struct pcispace_device *d)
{
    return pci_find(PCI_BDF(d->segment, pcispace_bus(d), d->devfn >> 3, d->devfn & 7));
}

struct pcispace_device *pci_tree_device(unsigned n)
{
    return &tree[n];
}
