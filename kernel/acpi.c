/* acpi.c - finding, verifying and decoding firmware's tables.
 *
 * Sources: ACPI 6.6 chapter 5; unread: PCI Firmware 3.3 4.1.2 (MCFG); Microsoft,
 * "Serial Port Console Redirection Table" revision 4 and "Debug Port Table 2"
 * (interface types).  AML is not interpreted. */
#include "kernel/acpi.h"

#include "kernel/acpi_tables.h"
#include "kernel/endian.h"
#include "kernel/log.h"
#include "kernel/memory.h"

#include <emmintrin.h>
#include <errno.h>
#include <string.h>

#define ACPI_TABLES_MAX 64u
#define ACPI_TABLE_SIZE_MAX (16u << 20) /* the largest seen are SSDTs of some 100 KiB */

static const struct acpi_header *tables[ACPI_TABLES_MAX];
static unsigned table_count;
static const struct acpi_header *dsdt; /* at dsdt_pa; NULL: bad, or not looked at yet */
static uint64_t dsdt_pa;

static bool sums_to_zero(const void *bytes, size_t n)
{
    const uint8_t *at = bytes, *end = at + n;
    __m128i sums = _mm_setzero_si128();
    for (; (size_t)(end - at) >= sizeof sums; at += sizeof sums)
        sums = _mm_add_epi64(
            sums, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)at), _mm_setzero_si128()));
    int sum = _mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4);
    for (; at < end; at++)
        sum += *at;
    return (sum & UINT8_MAX) == 0;
}

/* The root pointer ------------------------------------------------------------ */

struct rsdp {          /* 5.2.5.3 */
    char signature[8]; /* "RSD PTR " */
    uint8_t checksum;  /* of the first 20 bytes */
    char oem_id[6];
    uint8_t revision; /* 0: ACPI 1.0, without what follows rsdt_address */
    uint32_t rsdt_address;
    uint32_t length;
    uint64_t xsdt_address;
    uint8_t extended_checksum; /* of all */
    uint8_t reserved[3];
} PACKED;
_Static_assert(sizeof(struct rsdp) == 36, "ACPI 5.2.5.3");

#define RSDP_V1_SIZE offsetof(struct rsdp, length)

static bool rsdp_is_valid(const void *bytes)
{
    return !memcmp(bytes, "RSD PTR ", 8) && sums_to_zero(bytes, RSDP_V1_SIZE);
}

/* 5.2.5.1: on a 16-byte boundary within [pa, pa+size). */
static uint64_t rsdp_search(uint64_t pa, uint32_t size)
{
    const uint8_t *bytes = memory_map_table(pa, size);
    for (uint32_t at = 0; bytes && at + RSDP_V1_SIZE <= size; at += 16)
        if (rsdp_is_valid(bytes + at))
            return pa + at;
    return 0;
}

/* 5.2.5.1: the first KiB of the EBDA, whose segment lies at 40:0E, then the
 * BIOS area. */
static uint64_t rsdp_find(void)
{
    const void *ebda_segment = memory_map_table(0x40e, 2);
    uint64_t ebda = ebda_segment ? (uint64_t)load_le16(ebda_segment) << 4 : 0;
    uint64_t pa = ebda ? rsdp_search(ebda, 1024) : 0;
    return pa ? pa : rsdp_search(0xe0000, 0x20000);
}

/* A copy, with xsdt_address 0 where it is not there or not to be believed. */
static bool rsdp_read(uint64_t pa, struct rsdp *rsdp)
{
    const struct rsdp *p = memory_map_table(pa, RSDP_V1_SIZE);
    if (!p || !rsdp_is_valid(p)) {
        log_warning("acpi: no valid RSDP at %lx", (unsigned long)pa);
        return false;
    }
    memset(rsdp, 0, sizeof *rsdp);
    memcpy(rsdp, p, RSDP_V1_SIZE);
    if (rsdp->revision < 2)
        return true;
    p = memory_map_table(pa, sizeof *p);
    if (p && p->length >= sizeof *p && p->length <= PAGE_SIZE)
        p = memory_map_table(pa, p->length);
    else
        p = NULL;
    if (p && sums_to_zero(p, p->length))
        memcpy(rsdp, p, sizeof *rsdp);
    else
        log_warning("acpi: RSDP at %lx: bad length or extended checksum", (unsigned long)pa);
    return true;
}

/* Tables ---------------------------------------------------------------------- */

static unsigned refused;

unsigned acpi_refused(void)
{
    return refused;
}

/* The table there, whole and sound, or NULL after a log line. */
static const struct acpi_header *verify(uint64_t pa)
{
    const struct acpi_header *h = memory_map_table(pa, sizeof *h);
    if (!h) {
        log_warning("acpi: table at %lx: out of reach", (unsigned long)pa);
        return NULL;
    }
    uint32_t length = h->length;
    if (length < sizeof *h || length > ACPI_TABLE_SIZE_MAX) {
        log_warning("acpi: %.4s at %lx: length %u", h->signature, (unsigned long)pa,
                    (unsigned)length);
        return NULL;
    }
    const struct acpi_header *whole = memory_map_table(pa, length);
    if (!whole || !sums_to_zero(whole, length)) {
        log_warning("acpi: %.4s at %lx: %s", h->signature, (unsigned long)pa,
                    whole ? "bad checksum" : "out of reach");
        return NULL;
    }
    return whole;
}

/* SeaBIOS keeps its tables at the end of RAM on microvm, and QEMU puts the configuration there. */
const struct acpi_header *acpi_table_at(uint64_t pa)
{
    const struct acpi_header *h = verify(pa);
    refused += !h;
    if (!h && memory_is_module(pa))
        log_error("error: the loader has put the configuration over firmware's ACPI tables; "
                  "with QEMU's microvm use -bios qboot.rom");
    return h;
}

/* 5.2.7 RSDT, 5.2.8 XSDT: a header, then addresses of entry_size bytes. */
static bool take_root(uint64_t pa, const char *signature, size_t entry_size)
{
    const struct acpi_header *root = pa ? acpi_table_at(pa) : NULL;
    if (!root || memcmp(root->signature, signature, 4))
        return false;
    const uint8_t *entries = (const uint8_t *)(root + 1);
    size_t n = (root->length - sizeof *root) / entry_size;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *entry = entries + i * entry_size;
        uint64_t at = entry_size == 8 ? load_le64(entry) : load_le32(entry);
        if (table_count == ACPI_TABLES_MAX) {
            log_warning("acpi: more than %u tables", ACPI_TABLES_MAX);
            break;
        }
        if (at && (tables[table_count] = acpi_table_at(at)))
            table_count++;
    }
    return true;
}

int acpi_init(uint64_t rsdp_pa)
{
    struct rsdp rsdp;
    table_count = refused = 0;
    dsdt_pa = 0;
    dsdt = NULL;
    if (!rsdp_pa || !rsdp_read(rsdp_pa, &rsdp)) {
        rsdp_pa = rsdp_find();
        if (!rsdp_pa || !rsdp_read(rsdp_pa, &rsdp))
            return -ENOENT;
    }
    if (take_root(rsdp.xsdt_address, "XSDT", 8) || take_root(rsdp.rsdt_address, "RSDT", 4))
        return 0;
    log_warning("acpi: neither XSDT nor RSDT is usable");
    return -ENOENT;
}

const struct acpi_header *acpi_find(const char signature[4], unsigned index)
{
    for (unsigned i = 0; i < table_count; i++)
        if (!memcmp(tables[i]->signature, signature, 4) && !index--)
            return tables[i];
    return NULL;
}

/* Fields ---------------------------------------------------------------------- */

struct mcfg_entry { /* unread: PCI Firmware 3.3, table 4-3 */
    uint64_t base;  /* where bus 0 of the segment group would be */
    uint16_t segment;
    uint8_t first_bus, last_bus;
    uint32_t reserved;
} PACKED;
_Static_assert(sizeof(struct mcfg_entry) == 16, "PCI Firmware 3.3, 4.1.2");

#define MCFG_HEADER_SIZE (sizeof(struct acpi_header) + 8)
#define ECAM_BUS_SIZE (1u << 20) /* 32 devices, 8 functions, 4 KiB each */

unsigned acpi_mcfg(struct acpi_mcfg_window *windows, unsigned n)
{
    const struct acpi_header *mcfg = acpi_find("MCFG", 0);
    unsigned count = 0;
    if (!mcfg)
        return 0;
    for (size_t at = MCFG_HEADER_SIZE; at + sizeof(struct mcfg_entry) <= mcfg->length;
         at += sizeof(struct mcfg_entry)) {
        struct mcfg_entry e;
        memcpy(&e, (const uint8_t *)mcfg + at, sizeof e);
        if (!e.base || e.base % ECAM_BUS_SIZE || e.base > UINT64_MAX - 256ull * ECAM_BUS_SIZE ||
            e.first_bus > e.last_bus)
            log_warning("acpi: MCFG: segment %u, buses %u-%u at %lx refused", e.segment,
                        e.first_bus, e.last_bus, (unsigned long)e.base);
        else if (count < n)
            windows[count++] =
                (struct acpi_mcfg_window){ e.base, e.segment, e.first_bus, e.last_bus };
    }
    return count;
}

struct madt_local_apic { /* unread: 5.2.12.2, type 0 */
    uint8_t type, length, processor_uid, apic_id;
    uint32_t flags;
} PACKED;

struct madt_local_x2apic { /* unread: 5.2.12.12, type 9 */
    uint8_t type, length;
    uint16_t reserved;
    uint32_t x2apic_id, flags, processor_uid;
} PACKED;
_Static_assert(sizeof(struct madt_local_x2apic) == 16, "ACPI 5.2.12.12");

#define MADT_HEADER_SIZE (sizeof(struct acpi_header) + 8)
#define MADT_LOCAL_APIC 0u
#define MADT_LOCAL_X2APIC 9u
#define MADT_ENABLED 0x1u
#define MADT_ONLINE_CAPABLE 0x2u
#define APIC_ID_NONE 0xffu

/* False: not a processor that could ever run. */
static bool madt_cpu(const uint8_t *entry, struct acpi_cpu *cpu)
{
    const struct madt_local_apic *apic = (const struct madt_local_apic *)entry;
    const struct madt_local_x2apic *x2apic = (const struct madt_local_x2apic *)entry;
    uint32_t flags;

    if (apic->type == MADT_LOCAL_APIC && apic->length >= sizeof *apic &&
        apic->apic_id != APIC_ID_NONE) {
        cpu->apic_id = apic->apic_id;
        flags = apic->flags;
    } else if (apic->type == MADT_LOCAL_X2APIC && apic->length >= sizeof *x2apic) {
        cpu->apic_id = x2apic->x2apic_id;
        flags = x2apic->flags;
    } else {
        return false;
    }
    cpu->enabled = flags & MADT_ENABLED;
    cpu->online_capable = flags & MADT_ONLINE_CAPABLE;
    return cpu->enabled || cpu->online_capable;
}

unsigned acpi_cpus(struct acpi_cpu *cpus, unsigned n)
{
    const struct acpi_header *madt = acpi_find("APIC", 0);
    unsigned count = 0;
    size_t at = MADT_HEADER_SIZE;

    while (madt && count < n && at + 2 <= madt->length) {
        const uint8_t *entry = (const uint8_t *)madt + at;
        if (entry[1] < 2 || entry[1] > madt->length - at) {
            log_warning("acpi: MADT: entry of %u bytes at %u refused", entry[1], (unsigned)at);
            break;
        }
        bool known = !madt_cpu(entry, &cpus[count]);
        for (unsigned i = 0; i < count; i++) /* told by both types */
            known |= cpus[i].apic_id == cpus[count].apic_id;
        count += !known;
        at += entry[1];
    }
    return count;
}

bool acpi_fadt(struct acpi_fadt *fadt)
{
    const struct acpi_header *h = acpi_find("FACP", 0);
    memset(fadt, 0, sizeof *fadt);
    if (h)
        memcpy(fadt, h, min_u64(h->length, sizeof *fadt));
    return h;
}

/* Verified once: adding up its bytes takes longer than anything that is read there. */
const struct acpi_header *acpi_dsdt(const struct acpi_fadt *fadt)
{
    uint64_t pa = fadt->x_dsdt ? fadt->x_dsdt : fadt->dsdt;
    if (pa != dsdt_pa) {
        dsdt_pa = pa;
        dsdt = pa ? acpi_table_at(pa) : NULL;
    }
    return dsdt && !memcmp(dsdt->signature, "DSDT", 4) ? dsdt : NULL;
}

uint16_t acpi_pm_timer_port(void)
{
    struct acpi_fadt fadt;
    if (!acpi_fadt(&fadt) || (fadt.flags & ACPI_FADT_HW_REDUCED))
        return 0;
    const struct acpi_gas *x = &fadt.x_pm_tmr_blk;
    uint64_t port = x->address && x->space_id == ACPI_SPACE_IO ? x->address : fadt.pm_tmr_blk;
    return port <= 0xffff - 3 ? (uint16_t)port : 0;
}

struct spcr { /* SPCR, revision 2; later ones append */
    struct acpi_header header;
    uint8_t interface_type, reserved[3];
    struct acpi_gas base_address;
    uint8_t interrupt_type, irq;
    uint32_t gsi;
    uint8_t baud_rate, parity, stop_bits, flow_control, terminal_type, language;
    uint16_t pci_device_id, pci_vendor_id;
    uint8_t pci_bus, pci_device, pci_function;
    uint32_t pci_flags;
    uint8_t pci_segment;
    uint32_t uart_clock_frequency;
} PACKED;
_Static_assert(offsetof(struct spcr, baud_rate) == 58 && sizeof(struct spcr) == 80, "SPCR");

/* DBG2 serial subtypes that are a 16550: 0 full, 1 subset (SPCR revision 1:
 * 16450), 12h with the spacing that the address structure gives. */
static bool spcr_is_16550(uint8_t type)
{
    return type == 0 || type == 1 || type == 0x12;
}

static uint32_t spcr_baud(uint8_t code)
{
    switch (code) {
    case 3:
        return 9600;
    case 4:
        return 19200;
    case 6:
        return 57600;
    case 7:
        return 115200;
    default:
        return 0; /* 0: as is; others are not defined */
    }
}

bool acpi_spcr(struct acpi_serial *serial)
{
    const struct acpi_header *h = acpi_find("SPCR", 0);
    struct spcr spcr;
    if (!h)
        return false;
    memset(&spcr, 0, sizeof spcr);
    memcpy(&spcr, h, min_u64(h->length, sizeof spcr));
    const struct acpi_gas *gas = &spcr.base_address;
    bool mmio = gas->space_id == ACPI_SPACE_MEMORY;
    if (!gas->address)
        return false; /* "console redirection is disabled" */
    if (!spcr_is_16550(spcr.interface_type) || gas->space_id > ACPI_SPACE_IO ||
        gas->access_size > 3 || (!mmio && gas->address > 0xffff - 7)) {
        log_warning("acpi: SPCR: interface type %u in space %u is not a port we know",
                    spcr.interface_type, gas->space_id);
        return false;
    }
    /* In I/O space a 16550's registers are bytes side by side, whatever the structure says. */
    uint8_t access = mmio && gas->access_size ? (uint8_t)(1u << (gas->access_size - 1)) : 1;
    uint8_t spacing = mmio ? gas->bit_width / 8 : 1;
    *serial = (struct acpi_serial){ .mmio = mmio,
                                    .address = gas->address,
                                    .register_stride = spacing > access ? spacing : access,
                                    .access_size = access,
                                    .baud = spcr_baud(spcr.baud_rate) };
    return true;
}
