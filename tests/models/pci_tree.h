/* pci_tree.h - devices and bridges to make a PCI tree of, up to 64 from one set-up to the next;
 * above: NULL: on root bus 0. */
#pragma once

#include "pci/pci.h"
#include "tests/models/pcispace.h"

/* cmocka fixtures: an empty tree; at the end nothing that the bus forbids was done. */
int pci_tree_set_up(void **state);
int pci_tree_tear_down(void **state);

extern const struct pcispace_bar pci_tree_io32, pci_tree_mem4k; /* 32 ports; 4 KiB */

/* An Ethernet controller with this BAR 0. */
struct pcispace_device *pci_tree_endpoint(struct pcispace_device *above, unsigned device,
                                          struct pcispace_bar bar);
struct pcispace_device *pci_tree_bridge(struct pcispace_device *above, unsigned device);
/* What a port without any trouble is; its windows are closed. */
struct pcispace_device *pci_tree_root_port(unsigned device);
void pci_tree_put(struct pcispace_device *d, uint16_t at, uint64_t value, unsigned size);
void pci_tree_set_memory_window(struct pcispace_device *b, uint64_t base, uint64_t last);
void pci_tree_set_prefetchable_window(struct pcispace_device *b, uint64_t base, uint64_t last);
/* The n-th one made since the set-up; or room for one that the test makes itself. */
struct pcispace_device *pci_tree_device(unsigned n);
/* What the scan found there. */
struct pci_function *pci_tree_function(const struct pcispace_device *d);
