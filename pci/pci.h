/* pci.h - functions found on the bus, their registers and capabilities.
 *
 * Order of life: pci_init() chooses the access method, pci_scan() finds every
 * function below every host bridge, places what firmware left unplaced and
 * switches bus mastering off everywhere (bridges excepted); pci_probe_drivers() offers
 * each function to the drivers in BDF order.  A driver that takes a function
 * calls pci_enable() and, once its DMA memory is in place, pci_bus_master().
 *
 * Source throughout: PCI Local Bus 3.0 (PCI), PCI-to-PCI Bridge 1.2 (Bridge),
 * PCI Express Base 5.0 (PCIe).  unread in this file: PCI, Bridge, PCIe. */
#pragma once

#include "kernel/dma.h"
#include "kernel/table.h"

#include <stdbool.h>
#include <stdint.h>

/* A function's address: segment << 16 | bus << 8 | device << 3 | function. */
#define PCI_BDF(segment, bus, device, function) \
    ((uint32_t)(segment) << 16 | (uint32_t)(bus) << 8 | (uint32_t)(device) << 3 | \
     (uint32_t)(function))
#define PCI_SEGMENT(bdf) ((uint16_t)((bdf) >> 16))
#define PCI_BUS(bdf) ((uint8_t)((bdf) >> 8))
#define PCI_DEVICE(bdf) ((uint8_t)((bdf) >> 3 & 0x1f))
#define PCI_FUNCTION(bdf) ((uint8_t)((bdf) & 7))
#define PCI_BDF_LEN 13  /* "0000:01:00.0" and its NUL */

void pci_bdf_format(uint32_t bdf, char text[PCI_BDF_LEN]);
/* "0000:01:00.0" or "01:00.0"; false when it is anything else. */
bool pci_bdf_parse(const char *text, uint32_t *bdf);

/* Buses that can be reached, for the scan. */
struct pci_bus_range {
    uint16_t segment;
    uint8_t first, last;
};

/* How configuration space is reached: ECAM through the MCFG table, CF8/CFC, or
 * a recorded space in tests.  size is 1, 2 or 4 and offset is aligned to it.
 * A read of what does not exist returns all ones. */
struct pci_access {
    const char *name;
    uint32_t (*read)(uint32_t bdf, uint16_t offset, unsigned size);
    void (*write)(uint32_t bdf, uint16_t offset, unsigned size, uint32_t value);
    uint16_t config_size;   /* 4096, or 256 where extended space is out of reach */
    const struct pci_bus_range *ranges;     /* NULL: segment 0, every bus */
    unsigned range_count;
    const uint8_t *root_buses;  /* one bit a bus: no other begins a tree; NULL: any may */
};

struct pci_bar {
    uint64_t base;          /* physical or I/O address; 0: not placed */
    uint64_t size;          /* 0: not implemented (or upper half of a 64-bit BAR) */
    bool io, is64, prefetchable;
};

#define PCI_BARS 6

/* What a bridge forwards downwards.  Prefetchable and I/O windows are optional
 * (Bridge 3.2.5.6, 3.2.5.9): a bridge may lack them. */
enum pci_window_kind { PCI_WINDOW_IO, PCI_WINDOW_MEMORY, PCI_WINDOW_PREFETCHABLE, PCI_WINDOWS };

struct pci_window {
    uint64_t base, size;    /* size 0: closed */
    bool implemented;
    bool is64;              /* may lie above 4 GiB; I/O: above 64 KiB */
    bool given;             /* firmware opened it */
    /* The placing's own: what lies behind it and has no place; of VFs apart. */
    uint64_t needed, needed_align, vf_needed, vf_align;
    bool needed_low;        /* must lie below 4 GiB */
};

struct pci_aer;
struct pci_driver;
struct pci_sriov;

struct pci_function {
    uint32_t bdf;
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint32_t class_code;    /* 24 bits: base class, subclass, programming interface */
    uint8_t revision;
    uint8_t header_type;    /* layout without the multi-function bit: 0 device, 1 bridge */
    uint16_t config_size;   /* 256, or 4096 with extended space */
    /* Offsets of these capabilities, the first of each; 0: none. */
    uint16_t express, power, msi, msix;
    uint16_t msix_entries;              /* in use: pci_msix_on(); 0: MSI-X is off */
    uint8_t *msix_table;
    struct pci_bar bar[PCI_BARS];       /* once `looked`: pci_look() */
    bool looked;
    uint8_t secondary, subordinate;     /* bridges only; 0: no bus behind it is reachable */
    struct pci_window window[PCI_WINDOWS];  /* bridges only */
    struct pci_function *parent;        /* the bridge above; NULL on a root bus */
    struct pci_function *next;          /* all functions, BDF order */
    struct pci_sriov *sriov;            /* of a PF (pci/sriov.h); NULL: none */
    struct pci_function *pf;            /* of a VF; NULL: it is none */
    uint16_t vf_index;                  /* of a VF: 0 for the first */
    struct pci_aer *aer;                /* its errors (pci/aer.h); NULL: it does not report any */
    struct dma_device dma;
    bool fence_failed;      /* an IOMMU should fence it and could not: it stays off */
    const struct pci_driver *driver;    /* who recognised it; NULL: nobody */
    int probe_error;                    /* 0, or why that driver could not take it */
    void *driver_data;                  /* the driver's */
};

/* Scan -------------------------------------------------------------------- */

/* Bus mastering off wherever the ports CF8/CFC lead, before there is memory or any table; how many
 * functions had it on.  Without the ports, as on microvm, nobody booted us through a device. */
unsigned pci_quiesce(void);
/* 0, or -ENODEV when there is no way to configuration space. */
int pci_init(void);                     /* bare metal: MCFG, else CF8/CFC */
void pci_set_access(const struct pci_access *access);   /* tests; and pci_init */
int pci_scan(void);                     /* number of functions found, or -E... */
struct pci_function *pci_first(void);   /* then ->next */
struct pci_function *pci_find(uint32_t bdf);
void pci_reset(void);                   /* tests: no functions, no windows */
/* How large the function's BARs are.  The scan looks at those that a driver wants, or that
 * firmware left off; at the others when something has to be placed.  While it looks the
 * function decodes nothing. */
void pci_look(struct pci_function *f);

/* Placing ------------------------------------------------------------------ */

/* The scan gives addresses to BARs, to BARs of virtual functions and to bridge windows
 * that firmware left unset, and moves none that it set, but network functions' where VFs
 * would not fit.  Behind a bridge whose window is set they come from that window's gaps,
 * or it is widened into what is free beside it; on root buses, from these rows, first
 * row first.  Without rows nothing is placed there.  -EINVAL: empty or wrapping; -ENOSPC. */
int pci_window_add(uint64_t base, uint64_t size);
/* Who adds the rows where it takes time to find them: asked when something has no place. */
void pci_windows_from(void (*source)(void));
/* Never placed on: ECAM itself, say.  The same errors. */
int pci_window_reserve(uint64_t base, uint64_t size);
/* Those that the only host bridge's constant _CRS tells, above 1 MiB.  False: none, or several
 * bridges; rows are as they were. */
bool pci_windows_of_firmware(void);
/* The windows of a PC whose RAM ends at low_end below 4 GiB and at ram_end
 * altogether, and whose physical addresses end at address_end. */
void pci_windows_of_pc(uint64_t low_end, uint64_t ram_end, uint64_t address_end);

/* Configuration space ------------------------------------------------------ */

uint8_t pci_read8(const struct pci_function *f, uint16_t offset);
uint16_t pci_read16(const struct pci_function *f, uint16_t offset);
uint32_t pci_read32(const struct pci_function *f, uint16_t offset);
void pci_write8(const struct pci_function *f, uint16_t offset, uint8_t value);
void pci_write16(const struct pci_function *f, uint16_t offset, uint16_t value);
void pci_write32(const struct pci_function *f, uint16_t offset, uint32_t value);

/* Offset of the capability with this ID after the one at `after` (0: the first), or
 * 0.  Both walks survive loops, all-ones and bad pointers. */
uint16_t pci_find_capability(const struct pci_function *f, uint8_t id, uint16_t after);
uint16_t pci_find_extended_capability(const struct pci_function *f, uint16_t id, uint16_t after);

/* All of a list, each once:
 *     struct pci_walk w = { .f = f };           (.extended = true: the other list)
 *     while (pci_walk_next(&w)) ... w.offset, w.id */
struct pci_walk {
    const struct pci_function *f;
    bool extended;
    uint16_t offset, id;
    uint8_t version;        /* of an extended capability */
    uint8_t seen[4096 / 4 / 8];     /* one bit a dword */
};
bool pci_walk_next(struct pci_walk *w);

/* Taking a function -------------------------------------------------------- */

/* Out of power saving, memory and I/O decoding on (INTx off), here and in the
 * bridges above; a kind of decoding stays off while one of its BARs has no place.
 * 0, or -EIO with a log line when the function does not answer or its fence failed. */
int pci_enable(struct pci_function *f);
/* Bus mastering: from here on the device can reach what its DMA domain holds. */
void pci_bus_master(struct pci_function *f, bool on);
/* The registers behind a memory BAR, or NULL with a log line: absent, unplaced,
 * I/O, smaller than min_size, not decoded. */
void *pci_map_bar(struct pci_function *f, unsigned bar, uint64_t min_size);

/* MSI-X on, with up to so many entries, all masked: how many there are, 0: none can be used.
 * pci_enable() ends it as well. */
unsigned pci_msix_on(struct pci_function *f, unsigned most);
void pci_msix_off(struct pci_function *f);
/* What the device raises by that entry interrupts that CPU from now on, which ends its halt and
 * does nothing else; where an IOMMU remaps interrupts, by an entry that this function alone may
 * use.  0, or -E...: it stays masked. */
int pci_msix_route(struct pci_function *f, unsigned entry, unsigned cpu);

/* The function gets an IOMMU domain of its own, where a unit covers it: before
 * its driver asks for DMA memory.  0, also without an IOMMU; -E...: it should
 * have one and has not (logged).  pci_probe_drivers() does it. */
int pci_fence(struct pci_function *f);
/* Bus mastering off, then the domain goes. */
void pci_unfence(struct pci_function *f);
/* Whether transactions of the function may carry this requester ID, not its own. */
bool pci_has_alias(const struct pci_function *f, uint32_t requester_id);
/* Functions that may keep translations of their own (ATS), and so reach memory
 * unchecked: "all", or BDFs with commas between them.  False: anything else. */
#define PCI_TRUSTED_MAX 4u
struct pci_trusted {
    bool all;
    unsigned count;
    uint32_t bdf[PCI_TRUSTED_MAX];
};
bool pci_trusted_parse(const char *list, struct pci_trusted *t);
void pci_trust(const struct pci_trusted *t);    /* before pci_probe_drivers(); nobody by default */
/* Access control services on, wherever they are: what is meant for a neighbor
 * passes the IOMMU. */
void pci_acs_enable_all(void);
/* Functions of one group could reach one another without passing the IOMMU.
 * Named by its lowest member that decides. */
uint32_t pci_isolation_group(const struct pci_function *f);

#define PCI_ANY 0xffff

struct pci_id {
    uint16_t vendor, device;
    uint32_t quirks;        /* the driver's own named flags */
    uint16_t subsystem_vendor; /* 0: any; such rows stand before the ones that take any */
};

struct pci_driver {
    const char *name;
    const struct pci_id *ids;   /* ends with a zero row */
    /* 0: taken.  -ENODEV: not mine after all.  Anything else: recognised, but
     * failed; the driver has logged why and registered the failed port. */
    int (*probe)(struct pci_function *f, const struct pci_id *id);
    void (*remove)(struct pci_function *f);
};

/* Rows of an ID table. */
#define PCI_ID(v, d, q) { .vendor = (v), .device = (d), .quirks = (q) }
#define PCI_ID_SUBSYSTEM(v, d, s, q) \
    { .vendor = (v), .device = (d), .subsystem_vendor = (s), .quirks = (q) }

#define PCI_DRIVER(symbol) TABLE_ENTRY(pci_drivers, struct pci_driver, symbol)

/* Offers every function to every driver, in BDF order.  Returns functions taken. */
int pci_probe_drivers(void);
