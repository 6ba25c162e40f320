/* pci_internal.h - between the files of pci/.  unread in this file: PM, PCIe but for 9.3.3.3.1. */
#pragma once

#include "kernel/log.h"
#include "kernel/time.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"

const struct pci_access *pci_get_access(void);
/* The ports alone, which need neither tables nor memory (access.c); NULL: not there. */
const struct pci_access *pci_ports(void);

/* "pci 0000:01:00.0: ..." */
#define pci_log(level, f, fmt, ...) \
    do { \
        char pci_log_bdf[PCI_BDF_LEN]; \
        pci_bdf_format((f)->bdf, pci_log_bdf); \
        log_line(level, "pci %s: " fmt, pci_log_bdf, ##__VA_ARGS__); \
    } while (0)

/* False when the register did not take the address: then the BAR is unplaced. */
bool pci_bar_write(struct pci_function *f, unsigned index, uint64_t base);
/* The same of a PF's VF BARs; VF MSE is off meanwhile. */
void pci_size_vf_bars(struct pci_function *pf);
bool pci_vf_bar_write(struct pci_function *pf, unsigned index, uint64_t base);
/* A bridge's windows (window.c): what firmware set; what it left undefined is closed. */
void pci_windows_read(struct pci_function *bridge);
/* False when the registers did not take it: then the window is as it was before. */
bool pci_window_write(struct pci_function *bridge, enum pci_window_kind kind, uint64_t base,
                      uint64_t size);
void pci_window_close(struct pci_function *bridge, enum pci_window_kind kind);
const char *pci_window_name(enum pci_window_kind kind);
uint64_t pci_window_unit(enum pci_window_kind kind); /* size and alignment are multiples */
void pci_windows_reset(void);
void pci_windows_ask(void); /* the source, once (space.c) */
/* Everything that has no place yet (place.c). */
void pci_place_all(void);

/* The SR-IOV capabilities of a bus's functions (sriov.c), when it is known which functions
 * there are and whether the port above forwards ARI.  False: no memory. */
bool pci_sriov_read_bus(struct pci_function *first);
unsigned pci_sriov_last_bus(const struct pci_function *pf); /* of the last VF, all enabled */
/* BARs and bus numbers are as they will be: how many VFs have both. */
void pci_sriov_placed(struct pci_function *pf);
void pci_sriov_forget(struct pci_function *pf);
/* A second from when VF Enable was cleared until the capability may be read (PCIe 9.3.3.3.1). */
#define PCI_VF_DISABLE_US (1000 * US_PER_MS)

/* ARI (ari.c).  Forwarding in the port above goes on when its device has the capability,
 * off when it has not; the answer is what it is now.  NULL: no port, no device. */
bool pci_ari_set(struct pci_function *port, const struct pci_function *first);
bool pci_forwards_ari(const struct pci_function *port);
/* Number of the function that follows, 0: none. */
unsigned pci_ari_next(const struct pci_function *f);

/* Errors (aer.c): which function reports them, and a clean beginning. */
void pci_aer_find(struct pci_function *f);
void pci_aer_clear(const struct pci_function *f);
void pci_aer_rest(const struct pci_function *f, bool rest); /* while nobody may ask it */
void pci_aer_reset(void);

/* No interrupts of any kind (msi.c). */
void pci_msi_off(struct pci_function *f);
/* Waits that let the poll loop run (reset.c): until then; until a function's registers
 * read as those of a function that is there and ready, which a VF's vendor ID does not tell. */
void pci_wait_until(uint64_t end_us);
bool pci_answers(const struct pci_function *f);
bool pci_answers_until(const struct pci_function *f, uint64_t end_us);
/* Control registers of 16 bits that a reset clears (PCIe 6.6.2, 9.2.2.3), and so may the way out
 * of D3hot (PM 5.4.1): they are put back together with the BARs (reset.c). */
enum {
    PCI_SAVED_DEVICE_CTL,
    PCI_SAVED_DEVICE_CTL2,
    PCI_SAVED_ACS,
    PCI_SAVED_ATS,
    PCI_SAVED_SRIOV,
    PCI_SAVED
};
struct pci_controls {
    uint16_t command;
    uint16_t at[PCI_SAVED], value[PCI_SAVED]; /* at 0: the function has none */
};
void pci_controls_save(const struct pci_function *f, struct pci_controls *s);
void pci_controls_restore(struct pci_function *f, const struct pci_controls *s);
void pci_bars_restore(struct pci_function *f);
void pci_acs_enable(const struct pci_function *f);
/* Whether VFs of this PF would be kept apart; 0, or -EPERM and why not (acs.c). */
int pci_acs_check_vfs(const struct pci_function *pf, bool unisolated, const char **why);

/* A driver will be offered it (driver.c). */
bool pci_has_driver(const struct pci_function *f);

/* The list of functions (scan.c). */
void pci_list_insert(struct pci_function *f);
void pci_list_remove(struct pci_function *f);
void pci_function_free(struct pci_function *f);
/* Its capabilities that everybody asks for, in one walk (capability.c). */
void pci_capabilities_find(struct pci_function *f);
/* Those and the extended space of a function that has its BDF. */
void pci_config_size_find(struct pci_function *f);

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
