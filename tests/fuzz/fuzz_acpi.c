/* Firmware's tables: the input is memory from 4096 on, with the RSDP first.
 * Checksums are made right, or a fuzzer would see nothing but refusals. */
#include "kernel/acpi.h"

#include "kernel/acpi_tables.h"
#include "kernel/endian.h"
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#define BASE 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fix_sum(uint8_t *bytes, size_t n, size_t at)
{
    uint8_t sum = 0;
    bytes[at] = 0;
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)-sum;
}

/* The table at pa, when its length lies within memory. */
static uint8_t *fix_table(uint8_t *memory, size_t size, uint64_t pa)
{
    if (pa < BASE || size < 36 || pa - BASE > size - 36)
        return NULL;
    uint8_t *t = memory + (pa - BASE);
    uint32_t length = load_le32(t + 4);
    if (length < 36 || length > size - (pa - BASE))
        return NULL;
    fix_sum(t, length, 9);
    return t;
}

static void fix_root(uint8_t *memory, size_t size, uint64_t pa, size_t entry_size)
{
    uint8_t *root = fix_table(memory, size, pa);
    for (size_t at = 36; root && at + entry_size <= load_le32(root + 4); at += entry_size) {
        uint64_t entry = entry_size == 8 ? load_le64(root + at) : load_le32(root + at);
        uint8_t *t = fix_table(memory, size, entry);
        if (t && !memcmp(t, "FACP", 4))
            fix_table(memory, size, load_le32(t + 40));
    }
    if (root)
        fix_sum(root, load_le32(root + 4), 9);
}

/* SCI_EN is set, so that nothing is waited for. */
static uint64_t any_read(void *ctx, uint64_t offset, unsigned size)
{
    return 1;
}
static void any_write(void *ctx, uint64_t offset, unsigned size, uint64_t value) {}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct acpi_mcfg_window windows[4];
    struct acpi_cpu cpus[16];
    struct acpi_serial serial;
    struct acpi_device device;
    struct acpi_host_bridges bridges = { 0 };
    uint8_t a, b;

    acpi_find_s5(data, size, &a, &b);
    acpi_find_host_bridges(data, size, &bridges);
    for (unsigned i = 0; i < 3; i++) {
        unsigned lnro = i, bridge = i;
        acpi_find_device(data, size, "LNRO0005", &lnro, &device);
        acpi_find_device(data, size, "PNP0A08", &bridge, &device);
    }
    if (size < 36)
        return 0;
    uint8_t *memory = malloc(size);
    memcpy(memory, data, size);
    memcpy(memory, "RSD PTR ", 8);
    fix_root(memory, size, load_le32(memory + 16), 4);
    fix_root(memory, size, load_le64(memory + 24), 8);
    fix_sum(memory, 20, 8);
    fix_sum(memory, 36, 32);

    host_reset();
    host_add_memory(BASE, memory, size);
    host_add_pio(&(struct host_window){ 0, 0x10000, any_read, any_write, NULL });
    host_add_mmio(&(struct host_window){ 0, 1ull << 47, any_read, any_write, NULL });
    acpi_init(BASE);
    if (acpi_mcfg(windows, 4) > 4 || acpi_cpus(cpus, 16) > 16)
        abort();
    if (acpi_spcr(&serial) && (!serial.register_stride || !serial.address))
        abort();
    acpi_pm_timer_port();
    acpi_poweroff();
    acpi_reset();
    free(memory);
    return 0;
}
