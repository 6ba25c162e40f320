/* show_pci.c - the functions on the bus: as a tree, and one decoded.
 *
 * Sources: PCI Local Bus 3.0 6.2 (header), PCI Code and ID Assignment 1.11
 * (class names), PCI-to-PCI Bridge 1.2 3.2.5 (windows).
 * unread in this file: all three. */
#include "apps/machine/show_pci.h"

#include "apps/console/command.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KIB 1024u
#define SIZE_TEXT 24u

/* Names ----------------------------------------------------------------------- */

/* Base class, subclass; a subclass of ff stands for the rest of its class. */
static const struct {
    uint8_t base, subclass;
    const char *name;
} classes[] = {
    { 0x00, 0xff, "unclassified device" },
    { 0x01, 0x00, "SCSI controller" },
    { 0x01, 0x01, "IDE controller" },
    { 0x01, 0x06, "SATA controller" },
    { 0x01, 0x08, "non-volatile memory controller" },
    { 0x01, 0xff, "mass storage controller" },
    { 0x02, 0x00, "Ethernet controller" },
    { 0x02, 0x07, "InfiniBand controller" },
    { 0x02, 0xff, "network controller" },
    { 0x03, 0x00, "VGA controller" },
    { 0x03, 0xff, "display controller" },
    { 0x04, 0xff, "multimedia device" },
    { 0x05, 0xff, "memory controller" },
    { 0x06, 0x00, "host bridge" },
    { 0x06, 0x01, "ISA bridge" },
    { 0x06, 0x04, "PCI bridge" },
    { 0x06, 0x07, "CardBus bridge" },
    { 0x06, 0xff, "bridge" },
    { 0x07, 0x00, "serial port" },
    { 0x07, 0xff, "communication controller" },
    { 0x08, 0x06, "IOMMU" },
    { 0x08, 0xff, "system peripheral" },
    { 0x09, 0xff, "input device" },
    { 0x0b, 0xff, "processor" },
    { 0x0c, 0x03, "USB controller" },
    { 0x0c, 0x05, "SMBus controller" },
    { 0x0c, 0xff, "serial bus controller" },
    { 0x0d, 0xff, "wireless controller" },
    { 0x10, 0xff, "encryption controller" },
    { 0x11, 0xff, "signal processing controller" },
    { 0x12, 0xff, "processing accelerator" },
};

static const char *class_name(uint32_t class_code)
{
    uint8_t base = (uint8_t)(class_code >> 16), subclass = (uint8_t)(class_code >> 8);
    for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
        if (classes[i].base == base &&
            (classes[i].subclass == subclass || classes[i].subclass == 0xff))
            return classes[i].name;
    return "device";
}

void show_bits(struct out *out, uint32_t value, const struct bit_name *names, unsigned n)
{
    bool any = false;
    for (unsigned i = 0; i < n; i++)
        if (value & names[i].bit) {
            out_printf(out, " %s", names[i].name);
            any = true;
        }
    if (!any)
        out_text(out, " none");
}

static const char *size_text(uint64_t size, char text[SIZE_TEXT])
{
    const char *units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    unsigned unit = 0;
    while (size >= KIB && size % KIB == 0 && unit + 1 < ARRAY_SIZE(units)) {
        size /= KIB;
        unit++;
    }
    snprintf(text, SIZE_TEXT, "%" PRIu64 " %s", size, units[unit]);
    return text;
}

/* The tree ---------------------------------------------------------------------- */

/* Who has the driver is told by name; who failed, with the error it failed with. */
static void show_driver(struct out *out, const struct pci_function *f)
{
    if (f->driver)
        out_printf(out, "%s%s", f->driver->name, f->probe_error ? " (failed)" : "");
}

static void show_bars_brief(struct out *out, const struct pci_function *f)
{
    char size[SIZE_TEXT];
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &f->bar[i];
        if (!bar->size)
            continue;
        out_text(out, bar->io ? ", I/O " : ", ");
        if (bar->base)
            out_printf(out, "%" PRIx64 " ", bar->base);
        else
            out_text(out, "unplaced ");
        out_text(out, size_text(bar->size, size));
    }
}

static void show_function(struct out *out, const struct pci_function *f, unsigned indent)
{
    char bdf[PCI_BDF_LEN];
    pci_bdf_format(f->bdf, bdf);
    out_printf(out, "%*s%s %04x:%04x %s", (int)indent, "", bdf, f->vendor, f->device,
               class_name(f->class_code));
    if (f->pf)
        out_printf(out, ", VF %u", f->vf_index);
    if (f->header_type == PCI_HEADER_BRIDGE && f->secondary)
        out_printf(out, ", buses %02x-%02x", f->secondary, f->subordinate);
    if (f->driver)
        out_text(out, ", driver ");
    show_driver(out, f);
    show_bars_brief(out, f);
    out_text(out, "\n");
}

#define NOWHERE UINT32_MAX /* no function: the root buses, or before the first one */

/* What it is shown below: a VF below its PF, all others below their bridge. */
static uint32_t parent_of(const struct pci_function *f)
{
    if (f->pf)
        return f->pf->bdf;
    return f->parent ? f->parent->bdf : NOWHERE;
}

/* The function behind `parent` that follows `last`.  Looked up anew for each
 * line: output may yield, and functions may come and go meanwhile. */
static struct pci_function *next_below(uint32_t parent, uint32_t last)
{
    struct pci_function *f = pci_first();
    while (f && (parent_of(f) != parent || (last != NOWHERE && f->bdf <= last)))
        f = f->next;
    return f;
}

static unsigned show_below(struct out *out, uint32_t parent, unsigned indent)
{
    unsigned count = 0;
    uint32_t last = NOWHERE;
    for (struct pci_function *f; (f = next_below(parent, last)); count++) {
        last = f->bdf;
        pci_look(f);
        bool has_others = f->header_type == PCI_HEADER_BRIDGE || f->sriov;
        struct pci_function copy = *f;
        show_function(out, &copy, indent);
        if (has_others)
            count += show_below(out, last, indent + 2);
    }
    return count;
}

COMMAND(cmd_show_pci, "show pci", "Show the PCI functions as a tree");
static int cmd_show_pci(struct command_call *call)
{
    if (!show_below(call->out, NOWHERE, 0))
        out_text(call->out, "no PCI functions\n");
    return 0;
}

/* One function --------------------------------------------------------------------- */

static const struct bit_name command_bits[] = {
    { PCI_COMMAND_IO, "I/O" },
    { PCI_COMMAND_MEMORY, "memory" },
    { PCI_COMMAND_MASTER, "bus-master" },
    { 0x0008, "special-cycles" },
    { 0x0010, "write-and-invalidate" },
    { 0x0020, "VGA-snoop" },
    { 0x0040, "parity-response" },
    { 0x0100, "SERR" },
    { 0x0200, "fast-back-to-back" },
    { PCI_COMMAND_INTX_OFF, "INTx-off" },
};

static const struct bit_name status_bits[] = {
    { 0x0008, "INTx" },
    { PCI_STATUS_CAPABILITIES, "capabilities" },
    { 0x0020, "66MHz" },
    { 0x0080, "fast-back-to-back" },
    { 0x0100, "master-parity-error" },
    { 0x0800, "signaled-target-abort" },
    { 0x1000, "received-target-abort" },
    { 0x2000, "received-master-abort" },
    { 0x4000, "signaled-system-error" },
    { 0x8000, "parity-error" },
};

static void show_register(struct out *out, const char *name, uint16_t value,
                          const struct bit_name *names, unsigned n)
{
    out_printf(out, "  %-11s%04x", name, value);
    show_bits(out, value, names, n);
    out_text(out, "\n");
}

static void show_bar(struct out *out, const struct pci_bar *bar, unsigned index)
{
    char size[SIZE_TEXT];
    out_printf(out, "  BAR %u      %s ", index, bar->io ? "I/O" : "memory");
    if (bar->base)
        out_printf(out, "%" PRIx64 "-%" PRIx64, bar->base, bar->base + (bar->size - 1));
    else
        out_text(out, "unplaced");
    out_printf(out, ", %s%s%s\n", size_text(bar->size, size), bar->is64 ? ", 64-bit" : "",
               bar->prefetchable ? ", prefetchable" : "");
}

static void show_windows(struct out *out, const struct pci_function *f)
{
    static const char *const names[PCI_WINDOWS] = { "I/O", "memory", "prefetchable" };
    out_printf(out, "  buses      primary %02x, secondary %02x, subordinate %02x\n",
               PCI_BUS(f->bdf), f->secondary, f->subordinate);
    for (unsigned i = 0; i < PCI_WINDOWS; i++) {
        const struct pci_window *w = &f->window[i];
        out_printf(out, "  window     %s ", names[i]);
        if (w->size)
            out_printf(out, "%" PRIx64 "-%" PRIx64 "\n", w->base, w->base + (w->size - 1));
        else
            out_text(out, w->implemented ? "closed\n" : "not implemented\n");
    }
}

static void show_vfs(struct out *out, const struct pci_sriov *s)
{
    out_text(out, "  VFs        ");
    if (s->problem)
        out_printf(out, "none: %s\n", s->problem);
    else
        out_printf(out, "%u in force, %u of %u have a place%s%s\n", s->num_vfs, s->placed_vfs,
                   s->total_vfs, s->short_of[0] ? ": " : "", s->short_of);
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (s->bar[i].base)
            out_printf(out, "  VF BAR %u   memory %" PRIx64 " and on, %" PRIx64 " for each\n", i,
                       s->bar[i].base, s->bar[i].size);
}

static void show_header(struct out *out, const struct pci_function *f)
{
    char bdf[PCI_BDF_LEN];
    pci_bdf_format(f->bdf, bdf);
    out_printf(out, "%s %04x:%04x %s\n", bdf, f->vendor, f->device, class_name(f->class_code));
    out_printf(out, "  class      %06" PRIx32 ", revision %02x\n", f->class_code, f->revision);
    if (f->header_type == PCI_HEADER_DEVICE)
        out_printf(out, "  subsystem  %04x:%04x\n", f->subsystem_vendor, f->subsystem);
    if (f->pf) {
        pci_bdf_format(f->pf->bdf, bdf);
        out_printf(out, "  VF         %u of %s\n", f->vf_index, bdf);
    }
    out_text(out, "  driver     ");
    show_driver(out, f);
    out_text(out, f->driver ? "\n" : "none\n");
    show_register(out, "command", pci_read16(f, PCI_COMMAND), command_bits,
                  ARRAY_SIZE(command_bits));
    show_register(out, "status", pci_read16(f, PCI_STATUS), status_bits, ARRAY_SIZE(status_bits));
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (f->bar[i].size)
            show_bar(out, &f->bar[i], i);
    if (f->header_type == PCI_HEADER_BRIDGE)
        show_windows(out, f);
    if (f->sriov)
        show_vfs(out, f->sriov);
}

COMMAND(cmd_show_pci_function, "show pci BDF", "Show one PCI function decoded");
static int cmd_show_pci_function(struct command_call *call)
{
    struct pci_function *found = pci_find((uint32_t)call->arg[0].number);
    if (!found)
        return command_error(call, "no PCI function %s, expected one that `show pci` lists",
                             call->arg[0].word);
    pci_look(found);
    struct pci_function f = *found; /* output may yield */
    show_header(call->out, &f);
    show_pci_capabilities(call->out, &f);
    return 0;
}
