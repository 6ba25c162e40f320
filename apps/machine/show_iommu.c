/* show_iommu.c - what is protected, from whom, and how. */
#include "apps/console/command.h"
#include "apps/machine/fence.h"
#include "iommu/iommu.h"
#include "nic/port.h"
#include "pci/pci.h"

#include <inttypes.h>

static void show_unit(struct out *out, const struct iommu_unit_info *u)
{
    out_printf(out,
               "unit %" PRIx64 ": segment %u, version %u.%u, capabilities %016" PRIx64
               " %016" PRIx64 "\n",
               u->base, u->segment, u->version_major, u->version_minor, u->capability,
               u->extended_capability);
    out_printf(out, "  translation    %s, %s, %u levels, pages of 4K%s%s%s\n",
               u->failed        ? "FAILED: it takes no device any more"
               : u->translating ? "on"
                                : "OFF: its devices are unfenced",
               !u->scalable     ? "legacy mode"
               : u->first_stage ? "scalable mode, first stage"
                                : "scalable mode, second stage",
               u->levels, u->pages_2m ? ", 2M" : "", u->pages_1g ? ", 1G" : "",
               u->coherent ? "" : ", tables flushed by hand");
    out_printf(out, "  invalidation   %s, %" PRIu64 " errors\n",
               u->queued ? "queued" : "by registers", u->queue_errors);
    if (u->compatibility_blocked && u->interrupts)
        out_printf(out, "  interrupts     remapped, %u can be raised, each by one device\n",
                   u->interrupts);
    else
        out_printf(out, "  interrupts     %s\n",
                   !u->interrupt_remapping     ? "not remapped: a device can raise any"
                   : !u->compatibility_blocked ? "remapped, compatibility format passes"
                                               : "remapped, none can be raised");
    out_printf(out, "  covers         %s, %u domains\n",
               u->include_all ? "what no other unit names" : "what the firmware names", u->domains);
    out_printf(out, "  faults         %" PRIu64 ", %" PRIu64 " overflows\n", u->faults,
               u->overflows);
}

static bool device_info(uint32_t requester_id, struct iommu_device_info *d)
{
    for (unsigned i = 0; iommu_device_info(i, d); i++)
        if (d->requester_id == requester_id)
            return true;
    return false;
}

/* d: NULL when no domain holds the device; then `open` says what that means. */
static void show_device(struct out *out, uint32_t bdf, const struct iommu_device_info *d,
                        const char *open)
{
    const struct pci_function *f = pci_find(bdf);
    char group[PCI_BDF_LEN] = "-";
    if (f)
        pci_bdf_format(pci_isolation_group(f), group);
    if (d)
        out_printf(out, "%6u  %8" PRIu64 "  %6u  %7u  %-12s  %" PRIu64 "\n", d->domain,
                   d->mapped / 1024, (unsigned)d->tables, d->reserved_regions, group, d->faults);
    else
        out_printf(out, "%6s  %8s  %6s  %7s  %-12s  %" PRIu64 "\n", "-", open, "-", "-", group,
                   iommu_fault_count(bdf));
}

static void show_port(struct out *out, unsigned number)
{
    const struct port *port = port_get(number);
    struct iommu_device_info d;
    char where[PCI_BDF_LEN] = "-";
    if (!port || !port->dma)
        return;
    uint32_t bdf = port->dma->requester_id;
    bool fenced = port_is_fenced(port), failed = port->state == PORT_FAILED;
    bool known = fenced && device_info(bdf, &d);
    if (port->pci)
        pci_bdf_format(bdf, where);
    out_printf(out, "%-4u  %-12s  %-8s", number, where,
               failed                  ? "failed"
               : known && d.device_tlb ? "trusted"
               : fenced                ? "fenced"
                                       : "unfenced");
    show_device(out, bdf, known ? &d : NULL, failed || fenced ? "none" : "all");
}

static bool is_port(uint32_t requester_id)
{
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *port = port_get(i);
        if (port && port->dma && port->dma->requester_id == requester_id)
            return true;
    }
    return false;
}

static void show_others(struct out *out)
{
    struct iommu_device_info d;
    char where[PCI_BDF_LEN];
    for (unsigned i = 0; iommu_device_info(i, &d); i++) {
        if (is_port(d.requester_id))
            continue;
        pci_bdf_format(d.requester_id, where);
        out_printf(out, "%-4s  %-12s  %-8s", "-", where, "fenced");
        show_device(out, d.requester_id, &d, "none");
    }
}

COMMAND(cmd_show_iommu, "show iommu", "Show what fences devices, and what they tried");
static int cmd_show_iommu(struct command_call *call)
{
    struct iommu_unit_info u;
    if (!iommu_present()) {
        out_text(call->out, "no IOMMU is in force: devices reach all memory\n");
        return 0;
    }
    for (unsigned i = 0; iommu_unit_info(i, &u); i++)
        show_unit(call->out, &u);
    out_text(
        call->out,
        "port  device        fence     domain  KiB open  tables  regions  group         faults\n");
    for (unsigned i = 0; i < port_count(); i++)
        show_port(call->out, i);
    show_others(call->out);
    if (fence_get_limit())
        out_printf(call->out, "a port is stopped after %" PRIu64 " faults\n", fence_get_limit());
    return 0;
}
