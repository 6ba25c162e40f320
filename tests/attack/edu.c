/* edu.c - a device that does what it should not: QEMU's `edu` under the command
 * of the console.  Linked into build/attack.elf only, never into the appliance.
 *
 * Document: QEMU, docs/specs/edu.rst.  The device copies between its 4 KiB
 * buffer and any address that it is told; started with
 * dma_mask=0xffffffffffffffff it leaves none out.  A copy takes 100 ms. */
#include "apps/console/command.h"
#include "iommu/iommu.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/packet.h"
#include "nic/port.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define EDU_RAISE 0x60       /* WO 32: raises an interrupt */
#define EDU_SOURCE 0x80      /* RW 64 */
#define EDU_DESTINATION 0x88 /* RW 64 */
#define EDU_COUNT 0x90       /* RW 64 */
#define EDU_COMMAND 0x98     /* RW 64 */
#define EDU_COMMAND_START 0x1u
#define EDU_COMMAND_TO_MEMORY 0x2u
#define EDU_BUFFER 0x40000u
#define EDU_BAR_SIZE 0x100000u
#define EDU_COPY_US (5 * US_PER_S) /* 100 ms of virtual time, on a busy host */

/* PCI 3.0 6.8.1, 64-bit MSI */
#define MSI_CONTROL 2 /* RW 16 */
#define MSI_CONTROL_ENABLE 0x1u
#define MSI_ADDRESS 4 /* RW 32, upper half behind it */
#define MSI_DATA 12   /* RW 16 */
#define MSI_ADDRESS_BASE 0xfee00000u
/* VT-d 5.1.2.2: bit 4 remappable; 19:5 and 2 the handle. */
#define MSI_REMAPPABLE 0x10u

#define E1000_RDBAL 0x2800 /* 8254x SDM 13.4.25, upper half behind it */
#define VTD_RTADDR 0x20    /* VT-d 11.4.5 */
#define PATTERN 0xa5

static struct {
    struct pci_function *function;
    uint8_t *regs;
    struct dma_memory both, read_only, write_only, gone;
} edu;

/* The device ------------------------------------------------------------------- */

static int copy(uint64_t address, uint64_t count, bool to_memory)
{
    struct deadline d = deadline_us(EDU_COPY_US);
    mmio_write64(edu.regs + EDU_SOURCE, to_memory ? EDU_BUFFER : address);
    mmio_write64(edu.regs + EDU_DESTINATION, to_memory ? address : EDU_BUFFER);
    mmio_write64(edu.regs + EDU_COUNT, count);
    mmio_write64(edu.regs + EDU_COMMAND,
                 EDU_COMMAND_START | (to_memory ? EDU_COMMAND_TO_MEMORY : 0));
    while (mmio_read64(edu.regs + EDU_COMMAND) & EDU_COMMAND_START) {
        if (deadline_passed(&d))
            return -EIO;
        task_yield();
    }
    return 0;
}

static int get_memory(struct pci_function *f)
{
    struct dma_device *dma = &f->dma;
    int e = dma_alloc(dma, PAGE_SIZE, PAGE_SIZE, DMA_BIDIRECTIONAL, &edu.both);
    e = e ? e : dma_alloc(dma, PAGE_SIZE, PAGE_SIZE, DMA_TO_DEVICE, &edu.read_only);
    e = e ? e : dma_alloc(dma, PAGE_SIZE, PAGE_SIZE, DMA_FROM_DEVICE, &edu.write_only);
    e = e ? e : dma_alloc(dma, PAGE_SIZE, PAGE_SIZE, DMA_BIDIRECTIONAL, &edu.gone);
    if (!e)
        memset(edu.both.va, PATTERN, PAGE_SIZE);
    return e;
}

static int edu_probe(struct pci_function *f, const struct pci_id *id)
{
    if (pci_enable(f))
        return -EIO;
    edu.regs = pci_map_bar(f, 0, EDU_BAR_SIZE);
    if (!edu.regs)
        return -EIO;
    int e = get_memory(f);
    if (e)
        return e;
    edu.function = f;
    pci_bus_master(f, true);
    return 0;
}

static void edu_remove(struct pci_function *f)
{
    edu.function = NULL;
}

static const struct pci_id edu_ids[] = { PCI_ID(0x1234, 0x11e8, 0), { 0 } };

PCI_DRIVER(edu_driver) = {
    .name = "edu", .ids = edu_ids, .probe = edu_probe, .remove = edu_remove
};

/* What there is to attack --------------------------------------------------------- */

static void target(struct out *out, const char *name, uint64_t address)
{
    out_printf(out, "%s %" PRIx64 "\n", name, address);
}

static uint64_t page_table(void)
{
    uint64_t cr3;
    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    return cr3 & ~(uint64_t)(PAGE_SIZE - 1);
}

/* Of the first e1000 port, as its device knows it. */
static uint64_t ring_of_another(void)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        if (!port || strcmp(port->driver, "e1000"))
            continue;
        const uint8_t *regs = pci_map_bar(port->pci, 0, E1000_RDBAL + 8);
        return regs ? mmio_read32(regs + E1000_RDBAL) |
                          (uint64_t)mmio_read32(regs + E1000_RDBAL + 4) << 32
                    : 0;
    }
    return 0;
}

static uint64_t iommu_root(void)
{
    struct iommu_unit_info info;
    if (!iommu_unit_info(0, &info))
        return 0;
    const uint8_t *regs = mmio_map(info.base, PAGE_SIZE);
    return regs ? mmio_read64(regs + VTD_RTADDR) & ~(uint64_t)(PAGE_SIZE - 1) : 0;
}

COMMAND(cmd_targets, "attack targets", "Tell the addresses worth attacking");
static int cmd_targets(struct command_call *call)
{
    struct port *first = port_get(0);
    const struct dma_memory *pool = first ? packet_pool_memory(first->rxq[0]->cache->pool) : NULL;
    target(call->out, "text", (uintptr_t)cmd_targets & ~(uintptr_t)(PAGE_SIZE - 1));
    target(call->out, "page_table", page_table());
    target(call->out, "iommu_root", iommu_root());
    target(call->out, "ring", ring_of_another());
    target(call->out, "pool", pool ? pool->iova : 0);
    target(call->out, "past_pool", pool ? pool->iova + pool->size : 0);
    target(call->out, "both", edu.both.iova);
    target(call->out, "read_only", edu.read_only.iova);
    target(call->out, "write_only", edu.write_only.iova);
    target(call->out, "gone", edu.gone.iova);
    return 0;
}

/* FNV-1a over memory, as the CPU sees it. */
COMMAND(cmd_sum, "attack sum NUMBER NUMBER", "Tell the checksum of memory");
static int cmd_sum(struct command_call *call)
{
    const volatile uint8_t *p = (const volatile uint8_t *)(uintptr_t)call->arg[0].number;
    uint64_t sum = 0xcbf29ce484222325;
    for (uint64_t i = 0; i < call->arg[1].number; i++)
        sum = (sum ^ p[i]) * 0x100000001b3;
    out_printf(call->out, "%016" PRIx64 "\n", sum);
    return 0;
}

/* Attacks ----------------------------------------------------------------------------- */

COMMAND(cmd_copy, "attack read|write NUMBER NUMBER", "Let the device read or write an address");
static int cmd_copy(struct command_call *call)
{
    if (!edu.function)
        return command_error(call, "there is no device to attack with");
    int e = copy(call->arg[1].number, call->arg[2].number, call->arg[0].choice);
    if (e)
        return command_error(call, "the device did not finish");
    out_text(call->out, "done\n");
    return 0;
}

COMMAND(cmd_forget, "attack forget", "Give back the page `gone`");
static int cmd_forget(struct command_call *call)
{
    dma_free(&edu.function->dma, &edu.gone);
    return 0;
}

COMMAND(cmd_bus_master, "attack master on|off", "Switch the device's bus mastering");
static int cmd_bus_master(struct command_call *call)
{
    pci_bus_master(edu.function, !call->arg[0].choice);
    return 0;
}

COMMAND(cmd_stop, "attack stop", "Take the device out of use, as a driver's end does");
static int cmd_stop(struct command_call *call)
{
    struct dma_device *dma = &edu.function->dma;
    pci_bus_master(edu.function, false);
    dma_free(dma, &edu.both);
    dma_free(dma, &edu.read_only);
    dma_free(dma, &edu.write_only);
    pci_unfence(edu.function);
    return 0;
}

/* The message goes to the interrupt table's entry 0. */
COMMAND(cmd_interrupt, "attack interrupt remappable|compatible", "Let the device interrupt us");
static int cmd_interrupt(struct command_call *call)
{
    struct pci_function *f = edu.function;
    uint16_t msi = pci_find_capability(f, PCI_CAP_MSI, 0);
    if (!msi)
        return command_error(call, "the device has no MSI");
    pci_write32(f, msi + MSI_ADDRESS,
                MSI_ADDRESS_BASE | (call->arg[0].choice ? 0 : MSI_REMAPPABLE));
    pci_write32(f, msi + MSI_ADDRESS + 4, 0);
    pci_write16(f, msi + MSI_DATA, 0x40);
    pci_write16(f, msi + MSI_CONTROL, MSI_CONTROL_ENABLE);
    mmio_write32(edu.regs + EDU_RAISE, 1);
    pci_write16(f, msi + MSI_CONTROL, 0);
    return 0;
}

/* From then on the port's device writes where it may not, frame by frame. */
COMMAND(cmd_revoke, "attack revoke PORT", "Take the packet pool away under a running port");
static int cmd_revoke(struct command_call *call)
{
    struct port *port = call->arg[0].port;
    dma_unshare(port->dma, packet_pool_memory(port->rxq[0]->cache->pool));
    return 0;
}
