/* q35_recording.c - reads tests/data/pci/q35-*.bin (q35_recording.h). */
#include "tests/models/q35_recording.h"

#include "kernel/compiler.h"
#include "pci/pci_regs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB 1024u
#define MIB (1024u * KIB)
#define M32(n) \
    { \
        .size = (n) \
    }
#define M64(n) \
    { \
        .size = (n), .is64 = true \
    }
#define P64(n) \
    { \
        .size = (n), .is64 = true, .prefetchable = true \
    }
#define IO(n) \
    { \
        .size = (n), .io = true \
    }

/* Sizes are not in a recording: lspci printed them beside it. */
static const struct {
    uint8_t bus, device, function;
    struct pcispace_bar bar[6];
} recorded[] = {
    { 0x00, 0x00, 0, { { 0 } } },
    { 0x00, 0x01, 0, { IO(32), M32(4 * KIB), { 0 }, { 0 }, P64(16 * KIB) } },
    { 0x00, 0x04, 0, { M32(4 * KIB) } },
    { 0x00, 0x05, 0, { M32(4 * KIB) } },
    { 0x00, 0x06, 0, { M32(4 * KIB) } },
    { 0x00, 0x07, 0, { M32(4 * KIB) } },
    { 0x00, 0x08, 0, { M32(4 * KIB) } },
    { 0x00, 0x09, 0, { M32(4 * KIB) } },
    { 0x00, 0x0a, 0, { M32(4 * KIB) } },
    { 0x00, 0x0b, 0, { M32(4 * KIB) } },
    { 0x00, 0x10, 0, { M32(128 * KIB), IO(64) } },
    { 0x00, 0x11, 0, { IO(32), M32(4 * KIB), { 0 }, { 0 }, P64(16 * KIB) } },
    { 0x00, 0x1f, 0, { { 0 } } },
    { 0x00, 0x1f, 2, { { 0 }, { 0 }, { 0 }, { 0 }, IO(32), M32(4 * KIB) } },
    { 0x00, 0x1f, 3, { { 0 }, { 0 }, { 0 }, { 0 }, IO(64) } },
    { 0x01, 0x00, 0, { M32(128 * KIB), M32(128 * KIB), IO(32), M64(16 * KIB) } },
    { 0x01, 0x10, 0, { { 0 } } },
    { 0x02, 0x00, 0, { M32(128 * KIB), M32(128 * KIB), IO(32), M32(16 * KIB) } },
    { 0x03, 0x00, 0, { M32(4 * KIB), M32(4 * KIB), M32(8 * KIB) } },
    { 0x04, 0x00, 0, { { 0 }, M32(4 * KIB), { 0 }, { 0 }, P64(16 * KIB) } },
    { 0x05, 0x00, 0, { { 0 }, M32(4 * KIB), { 0 }, { 0 }, P64(8 * MIB) } },
    { 0x06, 0x00, 0, { M32(128 * KIB), M32(128 * KIB), IO(32), M64(16 * KIB) } },
};

static struct pcispace_device devices[ARRAY_SIZE(recorded)];

static void load(unsigned i)
{
    uint8_t bytes[PCI_EXTENDED_SIZE];
    char path[64];
    snprintf(path, sizeof path, "tests/data/pci/q35-%02x.%02x.%u.bin", recorded[i].bus,
             recorded[i].device, recorded[i].function);
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (size != PCI_CONFIG_SIZE && size != PCI_EXTENDED_SIZE) {
        fprintf(stderr, "%s: cannot be read\n", path);
        abort();
    }
    fclose(file);
    memset(&devices[i], 0, sizeof devices[i]);
    pcispace_device_load(&devices[i], bytes, size);
    memcpy(devices[i].bar, recorded[i].bar, sizeof devices[i].bar);
}

/* Who was the bridge to that bus when it was recorded. */
static struct pcispace_device *bridge_to(unsigned bus)
{
    for (unsigned i = 0; i < ARRAY_SIZE(recorded); i++)
        if ((devices[i].config[PCI_HEADER_TYPE] & PCI_HEADER_LAYOUT) == PCI_HEADER_BRIDGE &&
            devices[i].config[PCI_SECONDARY_BUS] == bus)
            return &devices[i];
    return NULL;
}

unsigned q35_load(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(recorded); i++)
        load(i);
    for (unsigned i = 0; i < ARRAY_SIZE(recorded); i++)
        pcispace_add(&devices[i], bridge_to(recorded[i].bus), recorded[i].device,
                     recorded[i].function);
    return ARRAY_SIZE(recorded);
}

struct pcispace_device *q35_device(unsigned bus, unsigned device, unsigned function)
{
    for (unsigned i = 0; i < ARRAY_SIZE(recorded); i++)
        if (recorded[i].bus == bus && recorded[i].device == device &&
            recorded[i].function == function)
            return &devices[i];
    abort();
}

void q35_unplace(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(recorded); i++) {
        uint8_t *config = devices[i].config;
        const uint8_t *writable = devices[i].writable;
        config[PCI_COMMAND] = 0;
        for (unsigned at = PCI_BAR0; at < PCI_CAPABILITIES; at++)
            config[at] &= (uint8_t)~writable[at];
    }
}
