/* pci_internal.h - between the files of pci/. */
#pragma once

#include "kernel/log.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"

const struct pci_access *pci_get_access(void);

/* "pci 0000:01:00.0: ..." */
#define pci_log(level, f, fmt, ...) \
    do { \
        char pci_log_bdf[PCI_BDF_LEN]; \
        pci_bdf_format((f)->bdf, pci_log_bdf); \
        log_line(level, "pci %s: " fmt, pci_log_bdf, ##__VA_ARGS__); \
    } while (0)

/* Fills f->bar with sizes and what firmware set (bar.c); decodes nothing meanwhile. */
void pci_size_bars(struct pci_function *f);
/* False when the register did not take the address: then the BAR is unplaced. */
bool pci_bar_write(struct pci_function *f, unsigned index, uint64_t base);
/* A bridge's windows (window.c): what firmware set; what it left undefined is closed. */
void pci_windows_read(struct pci_function *bridge);
bool pci_window_write(struct pci_function *bridge, enum pci_window_kind kind, uint64_t base,
                      uint64_t size);
const char *pci_window_name(enum pci_window_kind kind);
uint64_t pci_window_unit(enum pci_window_kind kind);     /* size and alignment are multiples */
void pci_windows_reset(void);
/* Everything that has no place yet (place.c). */
void pci_place_all(void);

#define PCI_EXPRESS_NONE 0xffu
/* PCI_EXPRESS_ROOT_PORT and so on; PCI_EXPRESS_NONE: a conventional function. */
unsigned pci_express_type(const struct pci_function *f);

struct iommu_place;
/* 0, or -E2BIG: deeper below the root, or with more aliases, than can be told. */
int pci_place_of(const struct pci_function *f, struct iommu_place *place);

/* ATS: whether the user trusts a function that has it; and on or off, with the
 * smallest translation unit of one page. */
bool pci_ats_wanted(const struct pci_function *f);
void pci_ats_set(const struct pci_function *f, bool on);
/* No more translation blocking at this bridge. */
void pci_acs_pass_translated(const struct pci_function *bridge);
