/* config.c - configuration space by function, and BDFs as text. */
#include "pci/pci_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct pci_access *access;

void pci_set_access(const struct pci_access *a)
{
    access = a;
}

const struct pci_access *pci_get_access(void)
{
    return access;
}

static uint32_t read_config(const struct pci_function *f, uint16_t offset, unsigned size)
{
    return offset + size > f->config_size ? ~0u : access->read(f->bdf, offset, size);
}

static void write_config(const struct pci_function *f, uint16_t offset, unsigned size,
                         uint32_t value)
{
    if (offset + size <= f->config_size)
        access->write(f->bdf, offset, size, value);
}

uint8_t pci_read8(const struct pci_function *f, uint16_t offset)
{
    return (uint8_t)read_config(f, offset, 1);
}

uint16_t pci_read16(const struct pci_function *f, uint16_t offset)
{
    return (uint16_t)read_config(f, offset, 2);
}

uint32_t pci_read32(const struct pci_function *f, uint16_t offset)
{
    return read_config(f, offset, 4);
}

void pci_write8(const struct pci_function *f, uint16_t offset, uint8_t value)
{
    write_config(f, offset, 1, value);
}

void pci_write16(const struct pci_function *f, uint16_t offset, uint16_t value)
{
    write_config(f, offset, 2, value);
}

void pci_write32(const struct pci_function *f, uint16_t offset, uint32_t value)
{
    write_config(f, offset, 4, value);
}

void pci_bdf_format(uint32_t bdf, char text[PCI_BDF_LEN])
{
    snprintf(text, PCI_BDF_LEN, "%04x:%02x:%02x.%x", PCI_SEGMENT(bdf), PCI_BUS(bdf),
             PCI_DEVICE(bdf), PCI_FUNCTION(bdf));
}

/* One to `digits` hexadecimal digits and what must stand behind them. */
static bool take_hex(const char **text, unsigned digits, char end, unsigned *value)
{
    unsigned n = 0;
    for (*value = 0; n < digits && isxdigit((unsigned char)**text); n++, ++*text) {
        int c = tolower((unsigned char)**text);
        *value = *value << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return n && *(*text)++ == end;
}

bool pci_bdf_parse(const char *text, uint32_t *bdf)
{
    unsigned segment = 0, bus, device, function;
    const char *colon = strchr(text, ':');
    if (colon && strchr(colon + 1, ':') && !take_hex(&text, 4, ':', &segment))
        return false;
    if (!take_hex(&text, 2, ':', &bus) || !take_hex(&text, 2, '.', &device) ||
        !take_hex(&text, 1, 0, &function) || device > 31 || function > 7)
        return false;
    *bdf = PCI_BDF(segment, bus, device, function);
    return true;
}
