/* pcispace.h - a made-up or recorded PCI tree with live registers.
 *
 * Devices sit on root buses or behind bridges, and a configuration access finds
 * them only through bridges whose bus numbers lead there, as on the wire.  BARs
 * can be sized and moved; accesses to where a BAR decodes reach the model, if all
 * bridges above forward them; DMA is refused while bus mastering is off. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCISPACE_MEMORY 0xc0000000ull /* where unplaced memory BARs may go */
#define PCISPACE_MEMORY_SIZE 0x20000000ull
#define PCISPACE_MEMORY64 0x800000000ull
#define PCISPACE_MEMORY64_SIZE 0x4000000000ull

#define PCISPACE_VECTORS 129u

struct pcispace_bar {
    uint64_t size; /* power of two; 0: absent */
    bool io, is64, prefetchable;
};

struct pcispace_device {
    /* The model's part; all optional. */
    struct pcispace_bar bar[6];
    uint64_t (*bar_read)(void *ctx, unsigned bar, uint64_t offset, unsigned size);
    void (*bar_write)(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value);
    void (*config_written)(void *ctx, uint16_t offset, unsigned size);
    bool (*answers)(void *ctx);                     /* NULL: always there */
    uint64_t (*bar_at)(void *ctx, unsigned bar);    /* of a VF: where it decodes now, 0: nowhere */
    void *ctx;

    /* Configuration space: what a read returns, and which bits a write changes. */
    uint8_t config[4096], writable[4096];
    uint16_t config_size; /* 256 or 4096 */

    struct pcispace_device *bridge; /* NULL: on root bus root_bus */
    struct pcispace_device *pf;     /* of a VF: its routing ID is the PF's + routing_offset */
    uint16_t routing_offset;
    uint8_t root_bus, devfn;
    uint16_t segment;
    uint16_t capability_end, capability_last; /* of pcispace_capability() */
    unsigned dma_refused;                     /* attempts with bus mastering off */
    unsigned interrupts[PCISPACE_VECTORS];    /* messages that it wrote */
    bool pin;                                 /* level of its interrupt pin */
};

/* An empty tree and its access method; also empties pci/ itself. */
void pcispace_reset(void);
/* The header of a device or of a bridge; the caller then sets BARs and hooks. */
void pcispace_device_init(struct pcispace_device *d, uint16_t vendor, uint16_t device,
                          uint32_t class_code);
void pcispace_bridge_init(struct pcispace_device *d, uint16_t vendor, uint16_t device);
/* A recorded space, BARs as they were; sizes are the caller's to name in d->bar. */
void pcispace_device_load(struct pcispace_device *d, const void *bytes, size_t size);
/* Appends a capability (bytes[0] is the ID, bytes[1] is overwritten); its offset. */
uint16_t pcispace_capability(struct pcispace_device *d, const void *bytes, size_t size);
/* Plugs it in; it stays the caller's and must live on. */
void pcispace_add(struct pcispace_device *d, struct pcispace_device *bridge, unsigned device,
                  unsigned function);
/* A VF, once and for all: `answers` says when it is there. Its BARs are `bar_at`'s and the PF's;
 * its own registers are the caller's to fill. */
void pcispace_add_vf(struct pcispace_device *d, struct pcispace_device *pf, uint16_t offset);
/* What tests of pci/ look at: configuration reads since the reset, and things no
 * driver of a bus may do (a BAR changed while it decodes, decoding at address 0). */
const struct pci_access *pcispace_access(void);
/* The machine tells the scan which root buses there are, as it does from the reset on; or not:
 * then all others are looked at too, which takes long. */
void pcispace_tell_root_buses(bool on);
unsigned pcispace_reads(void);
unsigned pcispace_violations(void);
/* The bus it answers on now; -1: no bridge leads there. */
int pcispace_bus(const struct pcispace_device *d);

/* Bus-master access by the model: 0, or -1 when bus mastering is off or the
 * memory is not the device's (host_dma_read). */
int pcispace_dma_read(struct pcispace_device *d, uint64_t iova, void *to, size_t n);
int pcispace_dma_write(struct pcispace_device *d, uint64_t iova, const void *from, size_t n);

/* The model interrupts: entry `vector` of its MSI-X table, or the pin. */
void pcispace_interrupt(struct pcispace_device *d, unsigned vector);
void pcispace_pin(struct pcispace_device *d, bool level);
