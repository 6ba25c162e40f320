/* show_pci.h - between the files that print PCI functions. */
#pragma once

#include "apps/console/out.h"
#include "pci/pci.h"

/* The name of each bit that is set in value, blank before each; "none" without any. */
struct bit_name {
    uint32_t bit;
    const char *name;
};
void show_bits(struct out *out, uint32_t value, const struct bit_name *names, unsigned n);

/* Every capability of both lists, a line or two each. */
void show_pci_capabilities(struct out *out, const struct pci_function *f);
