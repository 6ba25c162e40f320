/* driver.c - functions and drivers meet; what a driver asks of its function.
 * unread in this file: PM, Bridge, PCIe. */
#include "iommu/iommu.h"
#include "kernel/compiler.h"
#include "kernel/mmio.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "pci/pci_internal.h"
#include "pci/sriov.h"

#include <errno.h>
#include <inttypes.h>

TABLE_DECLARE(pci_drivers, struct pci_driver);

/* Probe ------------------------------------------------------------------------ */

static const struct pci_id *match(const struct pci_driver *d, const struct pci_function *f)
{
    for (const struct pci_id *id = d->ids; id->vendor; id++)
        if ((id->vendor == f->vendor || id->vendor == PCI_ANY) &&
            (id->device == f->device || id->device == PCI_ANY) &&
            (!id->subsystem_vendor || id->subsystem_vendor == f->subsystem_vendor))
            return id;
    return NULL;
}

bool pci_has_driver(const struct pci_function *f)
{
    TABLE_FOR_EACH (pci_drivers, struct pci_driver, d)
        if (match(d, f))
            return true;
    return false;
}

/* True when the driver knows the function, whether it could take it or not. */
static bool offer(struct pci_function *f, const struct pci_driver *d)
{
    const struct pci_id *id = match(d, f);
    if (!id)
        return false;
    f->fence_failed = pci_fence(f) != 0;
    int e = d->probe(f, id);
    if (e)
        pci_unfence(f);
    if (e == -ENODEV)
        return false;
    f->driver = d;
    f->probe_error = e;
    return true;
}

bool pci_probe_function(struct pci_function *f)
{
    TABLE_FOR_EACH (pci_drivers, struct pci_driver, d)
        if (!f->driver && offer(f, d))
            return !f->probe_error;
    return false;
}

int pci_probe_drivers(void)
{
    int taken = 0;
    if (iommu_present())
        pci_acs_enable_all();
    for (struct pci_function *f = pci_first(); f; f = f->next)
        taken += pci_probe_function(f);
    return taken;
}

/* A driver that could not take its function may have registered a failed port. */
void pci_remove_function(struct pci_function *f)
{
    if (f->driver && f->driver->remove)
        f->driver->remove(f);
    pci_unfence(f);
    f->driver = NULL;
    f->probe_error = 0;
    f->fence_failed = false;
}

/* Enable ----------------------------------------------------------------------- */

#define POWER_UP_US (10 * US_PER_MS) /* PM 5.4, from D3hot to D0 */
#define NO_VENDOR 0xffffu

/* A function that leaves D3hot may have forgotten its BARs and what was set (PM 5.4.1). */
static void power_up(struct pci_function *f)
{
    uint16_t at = f->power, control = at ? pci_read16(f, at + PCI_POWER_CONTROL) : 0;
    struct pci_controls controls;
    if (!(control & PCI_POWER_STATE))
        return;
    pci_controls_save(f, &controls);
    pci_write16(f, at + PCI_POWER_CONTROL,
                control & (uint16_t) ~(PCI_POWER_STATE | PCI_POWER_PME_STATUS));
    task_delay_us(POWER_UP_US);
    pci_controls_restore(f, &controls);
}

static uint16_t decode_bit(const struct pci_bar *bar)
{
    return bar->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
}

/* What the function's BARs want decoded; without those that would decode at an
 * address of chance. */
static uint16_t wanted(const struct pci_function *f)
{
    uint16_t bits = 0;
    for (unsigned i = 0; i < PCI_BARS; i++)
        bits |= f->bar[i].size ? decode_bit(&f->bar[i]) : 0;
    return bits;
}

static uint16_t impossible(const struct pci_function *f)
{
    uint16_t bits = 0;
    for (unsigned i = 0; i < PCI_BARS; i++)
        bits |= f->bar[i].size && !f->bar[i].base ? decode_bit(&f->bar[i]) : 0;
    return bits;
}

/* One bit turns on a bridge's own BARs and what it forwards (Bridge 3.2.4.3), so
 * one that has no place stops those below. */
static uint16_t decodable(const struct pci_function *f)
{
    uint16_t bits = wanted(f);
    for (const struct pci_function *b = f; b; b = b->parent)
        bits &= (uint16_t)~impossible(b);
    return bits;
}

/* Of a VF, these bits read 0 and do nothing; its PF's VF MSE is for all (PCIe 9.3.4.1.3). */
static bool decodes_memory(const struct pci_function *f)
{
    if (f->pf)
        return pci_read16(f->pf, f->pf->sriov->at + PCI_SRIOV_CONTROL) & PCI_SRIOV_VF_MEMORY;
    return pci_read16(f, PCI_COMMAND) & PCI_COMMAND_MEMORY;
}

static void command_set(struct pci_function *f, uint16_t bits)
{
    uint16_t command = pci_read16(f, PCI_COMMAND);
    if ((command & bits) != bits)
        pci_write16(f, PCI_COMMAND, command | bits);
}

int pci_enable(struct pci_function *f)
{
    uint16_t vendor = pci_read16(f, PCI_VENDOR_ID), command = pci_read16(f, PCI_COMMAND);
    uint16_t bits = decodable(f);
    uint16_t expected = f->pf ? NO_VENDOR : f->vendor; /* PCIe 9.3.4.1.1 */
    if (vendor != expected || command == UINT16_MAX) {
        pci_log(LOG_ERROR, f, "vendor ID reads %04x and command %04x, expected %04x and not ffff",
                vendor, command, expected);
        return -EIO;
    }
    if (f->fence_failed)
        return -EIO;
    power_up(f);
    for (struct pci_function *b = f->parent; b; b = b->parent)
        command_set(b, bits);
    pci_msi_off(f);
    /* In a VF these bits do nothing (PCIe 9.3.4.1.3), but for QEMU's, which want them. */
    command_set(f, bits | PCI_COMMAND_INTX_OFF);
    return 0;
}

/* Requests of the device travel up through every bridge (Bridge 3.2.5.1). */
void pci_bus_master(struct pci_function *f, bool on)
{
    uint16_t command = pci_read16(f, PCI_COMMAND);
    if (!on) {
        if (command & PCI_COMMAND_MASTER)
            pci_write16(f, PCI_COMMAND, command & (uint16_t)~PCI_COMMAND_MASTER);
        return;
    }
    for (struct pci_function *b = f->parent; b; b = b->parent)
        command_set(b, PCI_COMMAND_MASTER);
    /* Written even when it reads as set: QEMU's legacy virtio sets the bit by
     * itself at status DRIVER, but serves queues only after a write of it. */
    pci_write16(f, PCI_COMMAND, command | PCI_COMMAND_MASTER);
}

void *pci_map_bar(struct pci_function *f, unsigned index, uint64_t min_size)
{
    static const struct pci_bar absent;
    const struct pci_bar *bar = index < PCI_BARS ? &f->bar[index] : &absent;
    const char *problem = NULL;

    if (!bar->size)
        problem = "is not there";
    else if (bar->io)
        problem = "is I/O, expected memory";
    else if (!bar->base)
        problem = "has no place";
    else if (!decodes_memory(f))
        problem = "is not decoded";
    if (problem) {
        pci_log(LOG_ERROR, f, "BAR %u %s", index, problem);
        return NULL;
    }
    if (bar->size < min_size) {
        pci_log(LOG_ERROR, f, "BAR %u has %" PRIx64 " bytes, expected %" PRIx64, index, bar->size,
                min_size);
        return NULL;
    }
    void *registers = mmio_map(bar->base, bar->size);
    if (!registers)
        pci_log(LOG_ERROR, f, "BAR %u at %" PRIx64 " cannot be mapped", index, bar->base);
    return registers;
}
