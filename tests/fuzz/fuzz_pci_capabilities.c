/* Configuration space that a device made up: the input is one function's bytes,
 * on root bus 0, behind a bridge, or as the bridge itself.  Scan, placing, walks
 * and `show pci` must end, and what was placed must keep the rules of placing. */
#include "apps/console/command.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/pcispace.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 1048576u

static size_t printed;

static void count_text(struct out *out, const char *text, size_t n)
{
    printed += n;
    if (printed > TEXT_MAX)
        abort();
}

static void walk_all(const struct pci_function *f)
{
    struct pci_walk w = { .f = f }, x = { .f = f, .extended = true };
    for (unsigned n = 0; pci_walk_next(&w); n++)
        if (n == 48 || w.offset < 0x40 || w.offset > 0xfc)
            abort();
    for (unsigned n = 0; pci_walk_next(&x); n++)
        if (n == 960 || x.offset < 0x100 || x.offset > 0xffc)
            abort();
    for (unsigned id = 0; id < 0x20; id++) {
        pci_find_capability(f, (uint8_t)id, 0x40);
        pci_find_extended_capability(f, (uint16_t)id, 0x100);
    }
}

/* PCI 6.2.5.1: naturally aligned; and never beyond the end of its space. */
static void check_bars(const struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *b = &f->bar[i];
        if ((b->size & (b->size - 1)) || (b->size && (b->base & (b->size - 1))) ||
            (b->base && b->base + (b->size - 1) < b->base))
            abort();
    }
}

static void show(const char *line)
{
    struct out out = { .write = count_text };
    printed = 0;
    must(!command_run(line, &out, "fuzzer", 0));
}

static void show_function(uint32_t bdf)
{
    char line[32] = "show pci ";
    pci_bdf_format(bdf, line + strlen(line));
    show(line);
}

/* The first byte says where it is plugged in, the second which bits can be written. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pcispace_device device, port, behind;
    if (size < 2 || size > PCI_EXTENDED_SIZE)
        return 0;
    pcispace_reset();
    memset(&device, 0, sizeof device);
    memset(&port, 0, sizeof port);
    memset(&behind, 0, sizeof behind);
    pcispace_bridge_init(&port, 0x1b36, 0x000c);
    pcispace_device_init(&behind, 0x1af4, 0x10ff, 0x020000);
    behind.bar[0].size = 4096;
    memcpy(device.config, data, size);
    memset(device.writable, data[1], sizeof device.writable);
    device.config_size = PCI_EXTENDED_SIZE;
    device.config[PCI_VENDOR_ID] = 0x34;
    device.config[PCI_VENDOR_ID + 1] = 0x12;
    memset(device.writable, 0, 4);
    pcispace_add(&port, NULL, 1, 0);
    pcispace_add(&device, data[0] & 1 ? &port : NULL, 0, 0);
    pcispace_add(&behind, data[0] & 2 ? &device : NULL, 2, 0);

    pci_scan();
    for (struct pci_function *f = pci_first(); f; f = f->next) {
        walk_all(f);
        check_bars(f);
        pci_enable(f);
        for (unsigned i = 0; i < PCI_BARS; i++)
            pci_map_bar(f, i, 4);
        pci_bus_master(f, true);
        show_function(f->bdf);
    }
    show("show pci");
    harness_end();
    return 0;
}
