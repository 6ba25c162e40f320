/* pci_internal.h - between the files of pci/. */
#pragma once

#include "pci/pci.h"
#include "pci/pci_regs.h"

const struct pci_access *pci_get_access(void);
/* Segments that can be reached, 0 first; how many. */
unsigned pci_segments(uint16_t *segments, unsigned n);
bool pci_bus_reachable(uint32_t bdf);

/* Reads base, size and kind of every BAR; decoding is off meanwhile. */
void pci_size_bars(struct pci_function *f);
/* Writes a BAR's address register(s) and remembers it. */
void pci_set_bar(struct pci_function *f, unsigned bar, uint64_t base);
void pci_forget_windows(void);
/* Places what firmware left unplaced; nothing that was placed moves. */
void pci_place_all(void);
