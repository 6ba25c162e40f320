/* dmar_table.c - a DMAR table of the test's own (dmar_table.h). */
#include "tests/models/dmar_table.h"

#include "kernel/acpi.h"
#include "tests/host/host.h"

#include <stddef.h>
#include <string.h>

#define RSDP_PA 0xf5000u
#define XSDT_PA 0x5ffe8000u
#define DMAR_PA 0x5fff0000u

static uint8_t table[8192];
static size_t length, row;

static void put(uint8_t *at, uint64_t value, size_t size)
{
    memcpy(at, &value, size);
}

static void set_checksum(uint8_t *bytes, size_t n, size_t at)
{
    uint8_t sum = 0;
    bytes[at] = 0;
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)-sum;
}

static void grow(size_t n)
{
    length += n;
    put(table + row + 2, length - row, 2);
}

static uint8_t *add_row(uint16_t type, size_t size)
{
    row = length;
    put(table + row, type, 2);
    grow(size);
    return table + row;
}

void dmar_table_begin(uint8_t address_width, uint8_t flags)
{
    memset(table, 0, sizeof table);
    memcpy(table, "DMAR", 4);
    table[36] = (uint8_t)(address_width - 1);
    table[37] = flags;
    length = 48;
}

void dmar_table_unit(uint64_t base, uint16_t segment, uint8_t flags)
{
    uint8_t *r = add_row(0, 16);
    r[4] = flags;
    put(r + 6, segment, 2);
    put(r + 8, base, 8);
}

void dmar_table_region(uint64_t base, uint64_t limit, uint16_t segment)
{
    uint8_t *r = add_row(1, 24);
    put(r + 6, segment, 2);
    put(r + 8, base, 8);
    put(r + 16, limit, 8);
}

void dmar_table_ats(uint16_t segment, uint8_t flags)
{
    uint8_t *r = add_row(2, 8);
    r[4] = flags;
    put(r + 6, segment, 2);
}

void dmar_table_scope(uint8_t type, uint8_t start_bus, const uint8_t *path, unsigned path_length)
{
    uint8_t *s = table + length;
    s[0] = type;
    s[1] = (uint8_t)(6 + 2 * path_length);
    s[5] = start_bus;
    for (unsigned i = 0; i < path_length; i++) {
        s[6 + 2 * i] = path[i] >> 3;
        s[7 + 2 * i] = path[i] & 7;
    }
    grow(s[1]);
}

void dmar_table_publish(void)
{
    uint8_t rsdp[36] = "RSD PTR ", xsdt[44] = "XSDT";
    put(table + 4, length, 4);
    set_checksum(table, length, 9);
    put(xsdt + 4, sizeof xsdt, 4);
    put(xsdt + 36, DMAR_PA, 8);
    set_checksum(xsdt, sizeof xsdt, 9);
    rsdp[15] = 2;
    put(rsdp + 20, sizeof rsdp, 4);
    put(rsdp + 24, XSDT_PA, 8);
    set_checksum(rsdp, 20, 8);
    set_checksum(rsdp, sizeof rsdp, 32);
    host_add_memory(DMAR_PA, table, length);
    host_add_memory(XSDT_PA, xsdt, sizeof xsdt);
    host_add_memory(RSDP_PA, rsdp, sizeof rsdp);
    acpi_init(RSDP_PA);
}
