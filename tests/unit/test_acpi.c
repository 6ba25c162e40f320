/* kernel/acpi.c, kernel/acpi_power.c, pci/host_bridge.c: ACPI 6.6 over recorded and made-up tables.
 */
#include "kernel/acpi.h"

#include "kernel/acpi_tables.h"
#include "pci/place.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RSDP_PA 0xf5000u
#define ROOT_PA 0x5ffe8000u
#define TABLES_PA 0x5fff0000u
#define DSDT_PA 0x5ffe0040u /* where the recorded FADT says */
#define MIB (1024ull * 1024)

/* Making tables --------------------------------------------------------------- */

static uint64_t addresses[80];
static unsigned address_count;
static uint64_t next_pa;

static void set_checksum(uint8_t *bytes, size_t n, size_t at)
{
    uint8_t sum = 0;
    bytes[at] = 0;
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)-sum;
}

static void put(uint8_t *bytes, size_t at, uint64_t value, size_t size)
{
    memcpy(bytes + at, &value, size);
}

/* Lists an address in the root table. */
static void list(uint64_t pa)
{
    addresses[address_count++] = pa;
}

/* A table as it is, wherever the next free place is. */
static uint64_t add_bytes(const void *bytes, size_t size)
{
    uint64_t pa = next_pa;
    host_add_memory(pa, bytes, size);
    next_pa += ALIGN_UP(size, PAGE_SIZE) + PAGE_SIZE;
    list(pa);
    return pa;
}

/* A table with this signature and bytes behind the header. */
static uint64_t add_table(const char *signature, const void *body, size_t n)
{
    static uint8_t t[65536];
    memset(t, 0, 36);
    memcpy(t, signature, 4);
    put(t, 4, 36 + n, 4);
    memcpy(t + 36, body, n);
    set_checksum(t, 36 + n, 9);
    return add_bytes(t, 36 + n);
}

static size_t load(const char *name, uint8_t *bytes, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "tests/data/acpi/%s", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, room, f);
    fclose(f);
    return n;
}

static uint64_t add_recorded(const char *name)
{
    static uint8_t bytes[65536];
    return add_bytes(bytes, load(name, bytes, sizeof bytes));
}

static void place_root(const char *signature, size_t entry_size)
{
    uint8_t t[36 + sizeof addresses] = { 0 };
    size_t n = 36 + address_count * entry_size;
    memcpy(t, signature, 4);
    put(t, 4, n, 4);
    for (unsigned i = 0; i < address_count; i++)
        put(t, 36 + i * entry_size, addresses[i], entry_size);
    set_checksum(t, n, 9);
    host_add_memory(ROOT_PA + (entry_size == 8 ? 0 : 0x800), t, n);
}

/* revision 0 has no XSDT; 2 has both addresses. */
static void make_rsdp(uint8_t rsdp[36], uint8_t revision)
{
    memset(rsdp, 0, 36);
    memcpy(rsdp, "RSD PTR ", 8);
    rsdp[15] = revision;
    put(rsdp, 16, ROOT_PA + 0x800, 4);
    if (revision >= 2) {
        put(rsdp, 20, 36, 4);
        put(rsdp, 24, ROOT_PA, 8);
    }
    set_checksum(rsdp, 20, 8);
    if (revision >= 2)
        set_checksum(rsdp, 36, 32);
}

static int start(uint8_t revision)
{
    uint8_t rsdp[36];
    make_rsdp(rsdp, revision);
    host_add_memory(RSDP_PA, rsdp, revision >= 2 ? 36 : 20);
    place_root("XSDT", 8);
    place_root("RSDT", 4);
    return acpi_init(RSDP_PA);
}

static int setup(void **state)
{
    host_reset();
    address_count = 0;
    next_pa = TABLES_PA;
    return 0;
}

/* The RSDP and the roots -------------------------------------------------------- */

static void xsdt_is_preferred(void **state)
{
    uint8_t rsdp[36];
    add_table("AAAA", "x", 1);
    place_root("XSDT", 8);
    addresses[0] = add_table("BBBB", "y", 1);
    place_root("RSDT", 4);
    make_rsdp(rsdp, 2);
    host_add_memory(RSDP_PA, rsdp, 36);
    assert_int_equal(acpi_init(RSDP_PA), 0);
    assert_non_null(acpi_find("AAAA", 0));
    assert_null(acpi_find("BBBB", 0));
}

static void rsdt_of_acpi_1(void **state)
{
    add_table("AAAA", "x", 1);
    assert_int_equal(start(0), 0);
    assert_non_null(acpi_find("AAAA", 0));
    assert_null(acpi_find("AAAA", 1));
}

/* A broken XSDT, or a broken second half of the RSDP, leaves the RSDT. */
static void rsdt_when_the_xsdt_is_broken(void **state)
{
    uint8_t rsdp[36];
    add_table("AAAA", "x", 1);
    place_root("XXXX", 8);
    place_root("RSDT", 4);
    make_rsdp(rsdp, 2);
    host_add_memory(RSDP_PA, rsdp, 36);
    assert_int_equal(acpi_init(RSDP_PA), 0);
    assert_non_null(acpi_find("AAAA", 0));

    setup(NULL);
    add_table("AAAA", "x", 1);
    place_root("RSDT", 4);
    rsdp[32]++;
    host_add_memory(RSDP_PA, rsdp, 36);
    assert_int_equal(acpi_init(RSDP_PA), 0);
    assert_non_null(acpi_find("AAAA", 0));
    assert_true(host_log_contains("extended checksum"));
}

/* 5.2.5.1: first KiB of the EBDA, then E0000 to FFFFF, on 16-byte boundaries. */
static void search_in_ebda_and_bios_area(void **state)
{
    static uint8_t bios[0x20000], ebda[1024];
    uint8_t segment[2] = { 0xc0, 0x9f };
    add_table("AAAA", "x", 1);
    place_root("XSDT", 8);
    host_add_memory(0xe0000, bios, sizeof bios);
    assert_int_equal(acpi_init(0), -ENOENT);
    assert_null(acpi_find("AAAA", 0));

    make_rsdp(ebda + 1024 - 48, 2);
    host_add_memory(0x40e, segment, 2);
    host_add_memory(0x9fc00, ebda, sizeof ebda);
    assert_int_equal(acpi_init(0), 0);
    assert_non_null(acpi_find("AAAA", 0));

    setup(NULL);
    add_table("BBBB", "x", 1);
    place_root("XSDT", 8);
    make_rsdp(bios + 0x1ffd0, 2);
    host_add_memory(0xe0000, bios, sizeof bios);
    assert_int_equal(acpi_init(0), 0);
    assert_non_null(acpi_find("BBBB", 0));

    setup(NULL);
    add_table("CCCC", "x", 1);
    place_root("XSDT", 8);
    memset(bios, 0, sizeof bios);
    make_rsdp(bios + 8, 2); /* not on a boundary */
    host_add_memory(0xe0000, bios, sizeof bios);
    assert_int_equal(acpi_init(0), -ENOENT);
}

static void a_wrong_rsdp_leads_to_the_search(void **state)
{
    static uint8_t bios[0x20000];
    uint8_t bad[36];
    add_table("AAAA", "x", 1);
    place_root("XSDT", 8);
    make_rsdp(bios + 0x15000, 2);
    host_add_memory(0xe0000, bios, sizeof bios);
    assert_int_equal(acpi_init(0x123450), 0); /* nothing there */
    make_rsdp(bad, 2);
    bad[10] ^= 1; /* checksum */
    host_add_memory(0x200000, bad, 36);
    assert_int_equal(acpi_init(0x200000), 0);
    assert_non_null(acpi_find("AAAA", 0));
}

static void no_root_at_all(void **state)
{
    uint8_t rsdp[36];
    make_rsdp(rsdp, 2);
    host_add_memory(RSDP_PA, rsdp, 36);
    assert_int_equal(acpi_init(RSDP_PA), -ENOENT);
    assert_true(host_log_contains("neither XSDT nor RSDT"));
    assert_false(acpi_spcr(&(struct acpi_serial){ 0 }));
    assert_int_equal(acpi_pm_timer_port(), 0);
    assert_int_equal(acpi_poweroff(), -ENOTSUP);
    assert_int_equal(acpi_reset(), -ENOTSUP);
}

/* Tables that lie --------------------------------------------------------------- */

/* Wherever a byte is wrong, and however long the table: behind the last sixteen, too. */
static void every_byte_is_in_the_checksum(void **state)
{
    static uint8_t t[36 + 17];
    for (size_t n = 36; n <= sizeof t; n++)
        for (size_t wrong = 8; wrong <= n; wrong++) { /* n: none */
            setup(state);
            memset(t, 0xf1, sizeof t);
            memcpy(t, "EACH", 4);
            put(t, 4, n, 4);
            set_checksum(t, n, 9);
            if (wrong < n)
                t[wrong] ^= 0x80;
            bool sound = acpi_table_at(add_bytes(t, n)) != NULL;
            assert_int_equal(sound, wrong == n);
        }
}

static void bad_tables_are_named_and_absent(void **state)
{
    uint8_t t[48] = "CSUM";
    put(t, 4, 48, 4);
    set_checksum(t, 48, 9);
    t[40]++;
    add_bytes(t, 48);
    memcpy(t, "SHRT", 4);
    put(t, 4, 35, 4);
    add_bytes(t, 48);
    memcpy(t, "LONG", 4);
    put(t, 4, 49, 4); /* past the end of what can be reached */
    add_bytes(t, 48);
    memcpy(t, "HUGE", 4);
    put(t, 4, 0xffffffff, 4);
    add_bytes(t, 48);
    list(0);      /* an empty slot */
    list(0x1000); /* nothing there */
    add_table("GOOD", "x", 1);
    assert_int_equal(start(2), 0);
    assert_null(acpi_find("CSUM", 0));
    assert_null(acpi_find("SHRT", 0));
    assert_null(acpi_find("LONG", 0));
    assert_null(acpi_find("HUGE", 0));
    assert_non_null(acpi_find("GOOD", 0));
    assert_true(host_log_contains("CSUM at 5fff0000: bad checksum"));
    assert_true(host_log_contains("SHRT at 5fff2000: length 35"));
    assert_true(host_log_contains("LONG at 5fff4000: out of reach"));
    assert_true(host_log_contains("HUGE at 5fff6000: length 4294967295"));
    assert_true(host_log_contains("table at 1000: out of reach"));
}

static void a_root_that_lists_itself(void **state)
{
    list(ROOT_PA);
    list(RSDP_PA);
    add_table("GOOD", "x", 1);
    assert_int_equal(start(2), 0);
    assert_non_null(acpi_find("GOOD", 0));
}

static void more_tables_than_are_kept(void **state)
{
    uint64_t pa = add_table("MANY", "x", 1);
    while (address_count < 80)
        list(pa);
    assert_int_equal(start(2), 0);
    assert_non_null(acpi_find("MANY", 63));
    assert_null(acpi_find("MANY", 64));
    assert_true(host_log_contains("more than 64 tables"));
}

/* Decoding ---------------------------------------------------------------------- */

static void recorded_q35(void **state)
{
    static uint8_t dsdt[65536];
    struct acpi_mcfg_window window[2];
    struct acpi_cpu cpu[4];
    add_recorded("q35-FACP.aml");
    add_recorded("q35-APIC.aml");
    add_recorded("q35-MCFG.aml");
    host_add_memory(DSDT_PA, dsdt, load("q35-DSDT.aml", dsdt, sizeof dsdt));
    assert_int_equal(start(2), 0);

    assert_int_equal(acpi_mcfg(window, 2), 1);
    assert_int_equal(window[0].base, 0xb0000000);
    assert_int_equal(window[0].segment, 0);
    assert_int_equal(window[0].first_bus, 0);
    assert_int_equal(window[0].last_bus, 255);
    assert_int_equal(acpi_cpus(cpu, 4), 1);
    assert_int_equal(cpu[0].apic_id, 0);
    assert_true(cpu[0].enabled);
    assert_int_equal(acpi_pm_timer_port(), 0x608);
    assert_false(acpi_spcr(&(struct acpi_serial){ 0 }));
}

static bool takes_windows_of(const char *dsdt_name)
{
    static uint8_t dsdt[65536];
    add_recorded("q35-FACP.aml");
    host_add_memory(DSDT_PA, dsdt, load(dsdt_name, dsdt, sizeof dsdt));
    assert_int_equal(start(2), 0);
    pci_reset();
    return pci_windows_of_firmware();
}

static bool can_hold(uint64_t size, bool low)
{
    return space_can_hold(
        &(struct request){ .kind = PCI_WINDOW_MEMORY, .size = size, .align = size, .low = low });
}

/* microvm's: 512 MiB from c0000000 and 256 GiB from c000000000. */
static void windows_of_one_host_bridge_are_taken(void **state)
{
    assert_true(takes_windows_of("microvm-mmio-DSDT.aml"));
    assert_true(can_hold(512 * MIB, true));
    assert_false(can_hold(512 * MIB + 1, true));
    assert_true(can_hold(256 * 1024 * MIB, false));
    assert_false(can_hold(256 * 1024 * MIB + 1, false));
}

/* Which of them a root bus lies behind is not known. */
static void windows_of_several_host_bridges_are_not(void **state)
{
    assert_false(takes_windows_of("pc-pxb-DSDT.aml"));
    assert_false(can_hold(1, false));
}

static void mcfg_windows_that_cannot_be(void **state)
{
    struct {
        uint8_t reserved[8];
        struct {
            uint64_t base;
            uint16_t segment;
            uint8_t first, last;
            uint32_t zero;
        } row[5];
        uint8_t half[15];
    } PACKED body = { .row = { { 0xb0000000, 0, 0, 255, 0 },
                               { 0, 1, 0, 255, 0 },
                               { 0xb0000800, 2, 0, 255, 0 },
                               { 0xc0000000, 3, 9, 8, 0 },
                               { 0x4000000000, 4, 16, 31, 0 } } };
    struct acpi_mcfg_window window[5];
    add_table("MCFG", &body, sizeof body);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_mcfg(window, 5), 2);
    assert_int_equal(window[1].base, 0x4000000000);
    assert_int_equal(window[1].segment, 4);
    assert_int_equal(window[1].first_bus, 16);
    assert_int_equal(acpi_mcfg(window, 1), 1);
    assert_int_equal(acpi_mcfg(window, 0), 0);
}

static void mcfg_and_madt_shorter_than_their_fixed_part(void **state)
{
    struct acpi_mcfg_window window;
    struct acpi_cpu cpu;
    add_table("MCFG", "1234", 4);
    add_table("APIC", "1234", 4);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_mcfg(&window, 1), 0);
    assert_int_equal(acpi_cpus(&cpu, 1), 0);
}

/* 5.2.12.2 and 5.2.12.12; processors that can never run are left out. */
static void madt_processors(void **state)
{
    static const uint8_t body[] = {
        0, 0,  0xe0, 0xfe, 1, 0, 0,    0,                            /* fixed part */
        0, 8,  0,    0,    1, 0, 0,    0,                            /* 0, enabled */
        1, 12, 0,    0,    0, 0, 0xc0, 0xfe, 0, 0, 0, 0,             /* an I/O APIC */
        0, 8,  1,    1,    2, 0, 0,    0,                            /* 1, online capable */
        0, 8,  2,    2,    0, 0, 0,    0,                            /* 2, disabled */
        0, 8,  3,    255,  1, 0, 0,    0,                            /* no such APIC */
        9, 16, 0,    0,    0, 1, 0,    0,    1, 0, 0, 0, 4, 0, 0, 0, /* 256 */
        9, 16, 0,    0,    0, 0, 0,    0,    1, 0, 0, 0, 0, 0, 0, 0, /* 0 again */
        0, 7,  5,    5,    1, 0, 0,                                  /* too short */
    };
    struct acpi_cpu cpu[8];
    add_table("APIC", body, sizeof body);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_cpus(cpu, 8), 3);
    assert_int_equal(cpu[0].apic_id, 0);
    assert_int_equal(cpu[1].apic_id, 1);
    assert_false(cpu[1].enabled);
    assert_true(cpu[1].online_capable);
    assert_int_equal(cpu[2].apic_id, 256);
    assert_int_equal(acpi_cpus(cpu, 2), 2);
}

static void madt_entries_that_lie_end_the_list(void **state)
{
    static const uint8_t bad_lengths[] = { 0, 1, 9, 255 };
    for (unsigned i = 0; i < sizeof bad_lengths; i++) {
        uint8_t body[] = { 0, 0, 0xe0, 0xfe, 1, 0, 0, 0, 0, 8, 0, 7,
                           1, 0, 0,    0,    0, 0, 1, 1, 1, 0, 0, 0 };
        struct acpi_cpu cpu[4];
        setup(NULL);
        body[17] = bad_lengths[i];
        add_table("APIC", body, sizeof body);
        assert_int_equal(start(2), 0);
        assert_int_equal(acpi_cpus(cpu, 4), 1);
        assert_int_equal(cpu[0].apic_id, 7);
        assert_true(host_log_contains("MADT: entry of"));
    }
}

/* SPCR: type, space, bit width, access size, address, baud code. */
static bool spcr(uint8_t type, uint8_t space, uint8_t width, uint8_t access, uint64_t address,
                 uint8_t baud, struct acpi_serial *serial)
{
    uint8_t body[80 - 36] = { type };
    setup(NULL);
    body[4] = space;
    body[5] = width;
    body[7] = access;
    put(body, 8, address, 8);
    body[58 - 36] = baud;
    add_table("SPCR", body, sizeof body);
    assert_int_equal(start(2), 0);
    return acpi_spcr(serial);
}

static void spcr_in_io_and_memory_space(void **state)
{
    struct acpi_serial s;
    assert_true(spcr(0, 1, 8, 1, 0x2f8, 7, &s));
    assert_false(s.mmio);
    assert_int_equal(s.address, 0x2f8);
    assert_int_equal(s.register_stride, 1);
    assert_int_equal(s.access_size, 1);
    assert_int_equal(s.baud, 115200);
    assert_true(spcr(1, 1, 8, 0, 0x3f8, 3, &s));
    assert_int_equal(s.access_size, 1);
    assert_int_equal(s.baud, 9600);
    assert_true(spcr(0, 1, 8, 3, 0x2e0, 0, &s)); /* whatever the access size says */
    assert_int_equal(s.register_stride, 1);
    assert_int_equal(s.access_size, 1);
    assert_true(spcr(0x12, 0, 32, 3, 0xfedc9000, 0, &s));
    assert_true(s.mmio);
    assert_int_equal(s.address, 0xfedc9000);
    assert_int_equal(s.register_stride, 4);
    assert_int_equal(s.access_size, 4);
    assert_int_equal(s.baud, 0);
    assert_true(spcr(0x12, 0, 32, 1, 0xfedc9000, 4, &s));
    assert_int_equal(s.register_stride, 4);
    assert_int_equal(s.access_size, 1);
    assert_int_equal(s.baud, 19200);
    assert_true(spcr(0, 0, 8, 3, 0xfedc9000, 6, &s));
    assert_int_equal(s.register_stride, 4);
    assert_int_equal(s.baud, 57600);
    assert_true(spcr(0, 0, 0, 0, 0xfedc9000, 0, &s));
    assert_int_equal(s.register_stride, 1);
}

static void spcr_that_is_not_for_us(void **state)
{
    struct acpi_serial s;
    assert_false(spcr(3, 0, 32, 3, 0x9000000, 0, &s));  /* PL011 */
    assert_false(spcr(0, 1, 8, 1, 0, 0, &s));           /* redirection disabled */
    assert_false(spcr(0, 2, 8, 1, 0x3f8, 0, &s));       /* PCI configuration space */
    assert_false(spcr(0, 1, 8, 1, 0xfff9, 0, &s));      /* past the last port */
    assert_false(spcr(0, 0, 64, 4, 0xfedc9000, 0, &s)); /* 64-bit accesses */
    setup(NULL);
    add_table("SPCR", "\0\0\0", 3);
    assert_int_equal(start(2), 0);
    assert_false(acpi_spcr(&s));
}

static void pm_timer_places(void **state)
{
    uint8_t fadt[276 - 36] = { 0 };
    put(fadt, 76 - 36, 0x408, 4);
    add_table("FACP", fadt, 116 - 36); /* ACPI 1.0 */
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_pm_timer_port(), 0x408);

    setup(NULL);
    fadt[208 - 36] = ACPI_SPACE_IO;
    put(fadt, 212 - 36, 0x1808, 8);
    add_table("FACP", fadt, sizeof fadt);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_pm_timer_port(), 0x1808);

    setup(NULL);
    put(fadt, 112 - 36, 1u << 20, 4); /* hardware-reduced: none */
    add_table("FACP", fadt, sizeof fadt);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_pm_timer_port(), 0);

    setup(NULL);
    put(fadt, 112 - 36, 0, 4);
    put(fadt, 212 - 36, 0xfffffffd, 8);
    add_table("FACP", fadt, sizeof fadt);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_pm_timer_port(), 0);
}

/* \_S5 -------------------------------------------------------------------------- */

static bool find_s5(const void *aml, size_t n, uint8_t *a, uint8_t *b)
{
    uint8_t *copy = malloc(n ? n : 1); /* of exactly this size */
    memcpy(copy, aml, n);
    bool found = acpi_find_s5(copy, n, a, b);
    free(copy);
    return found;
}

/* 20.2.5.1 DefName, 20.2.4 PkgLength, 20.2.3 data objects. */
static void s5_in_its_spellings(void **state)
{
    static const struct {
        uint8_t aml[20];
        uint8_t size, a, b;
    } good[] = {
        { { 8, '_', 'S', '5', '_', 0x12, 6, 4, 0, 0, 0, 0 }, 12, 0, 0 },
        { { 8, '\\', '_', 'S', '5', '_', 0x12, 6, 2, 0x0a, 5, 1 }, 12, 5, 1 },
        { { 8, '_', 'S', '5', '_', 0x12, 0x47, 0, 2, 0x0b, 7, 0, 0x0c, 6, 0, 0, 0 }, 17, 7, 6 },
        { { 8, 8, '_', 'S', '5', '_', 0x12, 4, 2, 1, 0 }, 11, 1, 0 },
        { { 8, '_', 'S', '5', '_', 9, 8, '_', 'S', '5', '_', 0x12, 4, 2, 0, 1 }, 16, 0, 1 },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
        uint8_t a = 99, b = 99;
        assert_true(find_s5(good[i].aml, good[i].size, &a, &b));
        assert_int_equal(a, good[i].a);
        assert_int_equal(b, good[i].b);
        for (size_t n = 0; n < good[i].size - 4u; n++) /* cut off anywhere */
            find_s5(good[i].aml, n, &a, &b);
    }
}

static void s5_that_is_not(void **state)
{
    static const struct {
        uint8_t aml[16];
        uint8_t size;
    } bad[] = {
        { { 8, '_', 'S', '4', '_', 0x12, 4, 2, 0, 0 }, 10 },
        { { 9, '_', 'S', '5', '_', 0x12, 4, 2, 0, 0 }, 10 },
        { { 8, '_', 'S', '5', '_', 0x11, 4, 2, 0, 0 }, 10 },       /* a buffer */
        { { 8, '_', 'S', '5', '_', 0x12, 4, 1, 0, 0 }, 10 },       /* one element */
        { { 8, '_', 'S', '5', '_', 0x12, 5, 2, 0x0a, 8, 0 }, 11 }, /* four bits */
        { { 8, '_', 'S', '5', '_', 0x12, 4, 2, 0xff, 0 }, 10 },    /* Ones */
        { { 8, '_', 'S', '5', '_', 0x12, 4, 2, 0 }, 9 },           /* cut off */
        { { 8, '_', 'S', '5', '_', 0x12, 0xc4, 2, 0, 0 }, 10 },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        uint8_t a, b;
        assert_false(find_s5(bad[i].aml, bad[i].size, &a, &b));
    }
}

/* Power off and reset ------------------------------------------------------------ */

static char seen[512];
static uint16_t pm1_control, pm1_status, pm1_enable, pm1_stuck;
static bool acpi_mode_works;

static void note(const char *what, uint64_t at, uint64_t value)
{
    size_t n = strlen(seen);
    snprintf(seen + n, sizeof seen - n, "%s%lx=%lx ", what, (unsigned long)at,
             (unsigned long)value);
}

static uint64_t pm_read(void *ctx, uint64_t offset, unsigned size)
{
    const uint16_t *registers[] = { &pm1_status, &pm1_enable, &pm1_control };
    return !(offset % 2) && offset <= 4 && size == 2 ? *registers[offset / 2] : 0;
}

static void pm_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    note(size == 2 ? "w" : "b", 0x600 + offset, value);
    if (offset == 0)
        pm1_status = (uint16_t)(pm1_status & ~value) | pm1_stuck;
    if (offset == 2)
        pm1_enable = (uint16_t)value;
    if (offset == 4)
        pm1_control = (uint16_t)value;
}

static void port_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    uint64_t port = (uintptr_t)ctx + offset;
    note(size == 4 ? "d" : "b", port, value);
    if (port == 0xb2 && value == 2 && acpi_mode_works)
        pm1_control |= 1;
}

static uint64_t zero_read(void *ctx, uint64_t offset, unsigned size)
{
    return 0;
}

static int power_setup(void **state)
{
    setup(NULL);
    seen[0] = 0;
    pm1_control = 0x0701; /* a sleep type left by somebody */
    pm1_status = pm1_enable = pm1_stuck = 0;
    acpi_mode_works = true;
    host_add_pio(&(struct host_window){ 0x600, 0x80, pm_read, pm_write, NULL });
    host_add_pio(&(struct host_window){ 0xb2, 1, zero_read, port_write, (void *)0xb2 });
    host_add_pio(&(struct host_window){ 0xcf8, 8, zero_read, port_write, (void *)0xcf8 });
    host_add_mmio(
        &(struct host_window){ 0xfea00000, 16, zero_read, port_write, (void *)0xfea00000 });
    return 0;
}

static const uint8_t s5_5_6[] = { 8, '_', 'S', '5', '_', 0x12, 6, 2, 0x0a, 5, 0x0a, 6 };

static void place_dsdt(uint64_t pa, const char *signature, const void *aml, size_t n)
{
    uint64_t keep = next_pa;
    next_pa = pa;
    add_table(signature, aml, n);
    address_count--; /* only the FADT points to a DSDT */
    next_pa = keep;
}

/* 16.1.7 and the recorded machine: SLP_TYP, then SLP_EN; other bits stay. */
static void poweroff_of_the_recorded_q35(void **state)
{
    static uint8_t dsdt[65536];
    add_recorded("q35-FACP.aml");
    host_add_memory(DSDT_PA, dsdt, load("q35-DSDT.aml", dsdt, sizeof dsdt));
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_poweroff(), -EIO);
    assert_string_equal(seen, "w604=301 w604=2301 ");
    assert_true(host_log_contains("PM1a_CNT 2301"));
}

static void poweroff_enters_acpi_mode_first(void **state)
{
    add_recorded("q35-FACP.aml");
    place_dsdt(DSDT_PA, "DSDT", s5_5_6, sizeof s5_5_6);
    pm1_control = 0;
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_poweroff(), -EIO);
    assert_string_equal(seen, "bb2=2 w604=1401 w604=3401 ");

    power_setup(NULL);
    add_recorded("q35-FACP.aml");
    place_dsdt(DSDT_PA, "DSDT", s5_5_6, sizeof s5_5_6);
    pm1_control = 0;
    acpi_mode_works = false;
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_poweroff(), -EIO);
    assert_string_equal(seen, "bb2=2 ");
    assert_true(host_log_contains("PM1a_CNT 0000, expected bit 0001"));
}

static void poweroff_with_both_pm1_blocks_and_s5_in_an_ssdt(void **state)
{
    uint8_t fadt[276 - 36] = { 0 };
    put(fadt, 40 - 36, DSDT_PA, 4);
    put(fadt, 64 - 36, 0x604, 4);
    put(fadt, 68 - 36, 0x614, 4);
    add_table("FACP", fadt, 116 - 36);
    place_dsdt(DSDT_PA, "DSDT", "nothing", 7);
    add_table("SSDT", "nothing", 7);
    add_table("SSDT", s5_5_6, sizeof s5_5_6);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_poweroff(), -EIO);
    assert_string_equal(seen, "w604=1701 w604=3701 w614=1800 w614=3800 ");
}

/* 4.8.3.7: hardware-reduced machines have one byte, here in memory. */
static void poweroff_of_a_hardware_reduced_machine(void **state)
{
    uint8_t fadt[276 - 36] = { 0 };
    put(fadt, 112 - 36, 1u << 20, 4);
    put(fadt, 140 - 36, DSDT_PA, 8);
    put(fadt, 248 - 36, 0xfea00000, 8); /* space 0: memory */
    add_table("FACP", fadt, sizeof fadt);
    place_dsdt(DSDT_PA, "DSDT", s5_5_6, sizeof s5_5_6);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_poweroff(), -EIO);
    assert_string_equal(seen, "bfea00000=34 ");
}

static void poweroff_without_what_it_needs(void **state)
{
    uint8_t fadt[276 - 36] = { 0 };
    add_recorded("q35-FACP.aml"); /* DSDT not there */
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_poweroff(), -ENOTSUP);

    power_setup(NULL);
    add_recorded("q35-FACP.aml"); /* something else in its place */
    place_dsdt(DSDT_PA, "XXXX", s5_5_6, sizeof s5_5_6);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_poweroff(), -ENOTSUP);

    power_setup(NULL);
    put(fadt, 40 - 36, DSDT_PA, 4); /* no PM1 control block */
    add_table("FACP", fadt, sizeof fadt);
    place_dsdt(DSDT_PA, "DSDT", s5_5_6, sizeof s5_5_6);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_poweroff(), -ENOTSUP);
    assert_string_equal(seen, "");
}

/* 4.8.3.6 */
static void reset_register_in_each_space(void **state)
{
    uint8_t fadt[276 - 36] = { 0 };
    add_recorded("q35-FACP.aml");
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_reset(), -EIO);
    assert_string_equal(seen, "bcf9=f ");

    power_setup(NULL);
    put(fadt, 112 - 36, 1u << 10, 4);
    put(fadt, 120 - 36, 0xfea00004, 8);
    fadt[128 - 36] = 0x5a;
    add_table("FACP", fadt, sizeof fadt);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_reset(), -EIO);
    assert_string_equal(seen, "bfea00004=5a ");

    power_setup(NULL);
    fadt[116 - 36] = ACPI_SPACE_PCI;
    put(fadt, 120 - 36, 31ull << 32 | 3ull << 16 | 0x72, 8);
    add_table("FACP", fadt, sizeof fadt);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_reset(), -EIO);
    assert_string_equal(seen, "dcf8=8000fb70 bcfe=5a ");

    power_setup(NULL);
    fadt[116 - 36] = 3; /* embedded controller */
    add_table("FACP", fadt, sizeof fadt);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_reset(), -ENOTSUP);

    power_setup(NULL);
    put(fadt, 112 - 36, 0, 4); /* RESET_REG_SUP clear */
    add_table("FACP", fadt, sizeof fadt);
    assert_int_equal(start(2), 0);
    assert_int_equal(acpi_reset(), -ENOTSUP);
    assert_string_equal(seen, "");
}

/* 4.8.3.1: status bits are cleared by ones, other bits of the enable register stay. */
static void the_power_button_of_the_recorded_q35(void **state)
{
    add_recorded("q35-FACP.aml");
    pm1_status = 0x0101;
    pm1_enable = 0x0020;
    assert_int_equal(start(2), 0);
    assert_true(acpi_power_button_init());
    assert_string_equal(seen, "w600=100 w602=120 ");
    assert_false(acpi_power_button_pressed());
    pm1_status |= 0x0100;
    assert_true(acpi_power_button_pressed());
    assert_int_equal(pm1_status, 0x0001);
    assert_false(acpi_power_button_pressed());
    pm1_status |= 0x0020;
    assert_false(acpi_power_button_pressed());
}

static void a_power_button_that_sticks_counts_once(void **state)
{
    add_recorded("q35-FACP.aml");
    assert_int_equal(start(2), 0);
    assert_true(acpi_power_button_init());
    pm1_status = pm1_stuck = 0x0100;
    assert_true(acpi_power_button_pressed());
    assert_false(acpi_power_button_pressed());
}

/* A device or absent (flag 4), a machine without such registers (flag 20), nobody there. */
static void power_buttons_that_are_no_register(void **state)
{
    static const uint32_t flags[] = { 1u << 4, 1u << 20 };
    for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
        power_setup(NULL);
        uint8_t fadt[276 - 36] = { 0 };
        put(fadt, 56 - 36, 0x600, 4);
        put(fadt, 88 - 36, 4, 1);
        put(fadt, 112 - 36, flags[i], 4);
        add_table("FACP", fadt, sizeof fadt);
        assert_int_equal(start(2), 0);
        assert_false(acpi_power_button_init());
    }
    power_setup(NULL);
    add_recorded("q35-FACP.aml");
    pm1_status = 0xffff;
    assert_int_equal(start(2), 0);
    assert_false(acpi_power_button_init());
    assert_false(acpi_power_button_pressed());
    assert_string_equal(seen, "");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
#define P(f) cmocka_unit_test_setup(f, power_setup)
    const struct CMUnitTest tests[] = {
        T(xsdt_is_preferred),
        T(rsdt_of_acpi_1),
        T(rsdt_when_the_xsdt_is_broken),
        T(search_in_ebda_and_bios_area),
        T(a_wrong_rsdp_leads_to_the_search),
        T(no_root_at_all),
        T(every_byte_is_in_the_checksum),
        T(bad_tables_are_named_and_absent),
        T(a_root_that_lists_itself),
        T(more_tables_than_are_kept),
        T(recorded_q35),
        T(windows_of_one_host_bridge_are_taken),
        T(windows_of_several_host_bridges_are_not),
        T(mcfg_windows_that_cannot_be),
        T(mcfg_and_madt_shorter_than_their_fixed_part),
        T(madt_processors),
        T(madt_entries_that_lie_end_the_list),
        T(spcr_in_io_and_memory_space),
        T(spcr_that_is_not_for_us),
        T(pm_timer_places),
        T(s5_in_its_spellings),
        T(s5_that_is_not),
        P(poweroff_of_the_recorded_q35),
        P(poweroff_enters_acpi_mode_first),
        P(poweroff_with_both_pm1_blocks_and_s5_in_an_ssdt),
        P(poweroff_of_a_hardware_reduced_machine),
        P(poweroff_without_what_it_needs),
        P(the_power_button_of_the_recorded_q35),
        P(a_power_button_that_sticks_counts_once),
        P(power_buttons_that_are_no_register),
        P(reset_register_in_each_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
