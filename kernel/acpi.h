/* acpi.h - the few tables we need.  Source: ACPI 6.6 chapter 5 unless said.
 *
 * Tables are firmware's bytes: length and checksum are verified before use, a
 * bad one is named in a log line and treated as absent. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct acpi_header { /* 5.2.6 System Description Table Header */
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem_id[6], oem_table_id[8];
    uint32_t oem_revision, creator_id, creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

/* Finds the RSDP (given, or by search of EBDA and E0000-FFFFF) and remembers
 * the verified tables of XSDT or RSDT.  0 or -ENOENT. */
int acpi_init(uint64_t rsdp_pa);
/* How many tables have been refused since. */
unsigned acpi_refused(void);
/* The index-th table with this signature, or NULL. */
const struct acpi_header *acpi_find(const char signature[4], unsigned index);

/* Decoded, each from its table alone; false: absent or refused. */
struct acpi_mcfg_window { /* unread: PCI Firmware 3.3, 4.1.2 */
    uint64_t base;
    uint16_t segment;
    uint8_t first_bus, last_bus;
};
unsigned acpi_mcfg(struct acpi_mcfg_window *windows, unsigned n);

/* What DSDT and SSDTs say without being interpreted: constants of two names. */
struct acpi_host_bridges {
    bool all_known;         /* every _BBN is a constant: there are no other root buses */
    uint8_t root_buses[256 / 8];    /* one bit a bus; unread: 6.5.5 _BBN, and bus 0 */
    uint64_t ecam;          /* unread: PCI Firmware 3.3 4.1.3 _CBA; 0: none, or no constant */
};
void acpi_host_bridges(struct acpi_host_bridges *found);

struct acpi_cpu {
    uint32_t apic_id;
    bool enabled, online_capable;
};
unsigned acpi_cpus(struct acpi_cpu *cpus, unsigned n); /* MADT types 0 and 9 */

struct acpi_serial { /* SPCR (Microsoft, Serial Port Console Redirection) */
    bool mmio;
    uint64_t address;
    uint8_t register_stride; /* bytes between registers */
    uint8_t access_size;     /* bytes of one access: 1, 2 or 4 */
    uint32_t baud;           /* 0: leave as it is */
};
bool acpi_spcr(struct acpi_serial *serial);

uint16_t acpi_pm_timer_port(void); /* FADT X_PM_TMR_BLK or PM_TMR_BLK; 0: none */
/* Never return when they work; -ENOTSUP/-EIO when they do not. */
int acpi_poweroff(void);
int acpi_reset(void);
/* Listens to the power button that is a register (others need AML); false: there is none. */
bool acpi_power_button_init(void);
bool acpi_power_button_pressed(void); /* since it was last asked; init() comes first */

/* A device of the namespace whose _HID and _CRS are constants: DSDT and SSDTs are read
 * for that, not interpreted. */
enum acpi_resource_kind { ACPI_RESOURCE_MEMORY, ACPI_RESOURCE_IO, ACPI_RESOURCE_BUS };

struct acpi_resource {
    enum acpi_resource_kind kind;
    bool consumed;          /* by the device itself; else what a bridge passes on */
    uint64_t base, size;    /* never wraps, never empty */
};

#define ACPI_RESOURCES_MAX 16u

struct acpi_device {
    unsigned count;
    struct acpi_resource resource[ACPI_RESOURCES_MAX];
};

/* The index-th device with this hardware ID ("LNRO0005", "PNP0A08"); false: there are no
 * more.  One without constant resources has a count of 0. */
bool acpi_device(const char *hid, unsigned index, struct acpi_device *device);
