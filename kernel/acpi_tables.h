/* acpi_tables.h - layouts that kernel/acpi*.c share; nobody else needs them.
 * Source: ACPI 6.6. */
#pragma once

#include "kernel/acpi.h"
#include "kernel/compiler.h"

/* Addresses in GAS form, table 5.1. */
#define ACPI_SPACE_MEMORY 0u
#define ACPI_SPACE_IO 1u
#define ACPI_SPACE_PCI 2u /* bus 0: device << 32 | function << 16 | offset */

struct acpi_gas { /* 5.2.3.2 Generic Address Structure */
    uint8_t space_id, bit_width, bit_offset;
    uint8_t access_size; /* 0 undefined, 1 byte, 2 word, 3 dword, 4 qword */
    uint64_t address;
} PACKED;
_Static_assert(sizeof(struct acpi_gas) == 12, "ACPI 5.2.3.2");

#define ACPI_FADT_PWR_BUTTON (1u << 4) /* set: it is no register, but a device or absent */
#define ACPI_FADT_RESET_REG_SUP (1u << 10)
#define ACPI_FADT_HW_REDUCED (1u << 20) /* no PM1 registers, no PM timer */

struct acpi_fadt { /* 5.2.9 Fixed ACPI Description Table */
    struct acpi_header header;
    uint32_t firmware_ctrl, dsdt;
    uint8_t reserved0, preferred_pm_profile;
    uint16_t sci_int;
    uint32_t smi_cmd;
    uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
    uint32_t pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk;
    uint32_t pm2_cnt_blk, pm_tmr_blk, gpe0_blk, gpe1_blk;
    uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
    uint8_t gpe0_blk_len, gpe1_blk_len, gpe1_base, cst_cnt;
    uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
    uint8_t duty_offset, duty_width, day_alrm, mon_alrm, century;
    uint16_t iapc_boot_arch;
    uint8_t reserved1;
    uint32_t flags; /* ACPI 1.0 ends here */
    struct acpi_gas reset_reg;
    uint8_t reset_value;
    uint16_t arm_boot_arch;
    uint8_t minor_version;
    uint64_t x_firmware_ctrl, x_dsdt;
    struct acpi_gas x_pm1a_evt_blk, x_pm1b_evt_blk, x_pm1a_cnt_blk, x_pm1b_cnt_blk;
    struct acpi_gas x_pm2_cnt_blk, x_pm_tmr_blk, x_gpe0_blk, x_gpe1_blk;
    struct acpi_gas sleep_control_reg, sleep_status_reg;
    uint64_t hypervisor_vendor_id;
} PACKED;
_Static_assert(offsetof(struct acpi_fadt, flags) == 112, "ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt, sleep_control_reg) == 244, "ACPI 5.2.9");
_Static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 5.2.9");

/* What there is of the FADT; fields that an older one lacks are 0. */
bool acpi_fadt(struct acpi_fadt *fadt);
/* The DSDT of this FADT, verified, or NULL. */
const struct acpi_header *acpi_dsdt(const struct acpi_fadt *fadt);
/* The verified table at pa, or NULL after a log line. */
const struct acpi_header *acpi_table_at(uint64_t pa);

/* Looks through AML bytes for Name (_S5, Package () {a, b, ...}). */
bool acpi_find_s5(const uint8_t *aml, size_t size, uint8_t *slp_typa, uint8_t *slp_typb);

/* AML is not interpreted, but an integer is (unread: 20.2.3): how many bytes it takes, 0:
 * not an integer, or cut off. */
size_t acpi_aml_integer(const uint8_t *aml, size_t size, uint64_t *value);
/* Adds what AML bytes say about host bridges (acpi.h) to what is known. */
void acpi_find_host_bridges(const uint8_t *aml, size_t size, struct acpi_host_bridges *found);

/* acpi_device() over one table's AML: counts *index down at each device that matches. */
bool acpi_find_device(const uint8_t *aml, size_t size, const char *hid, unsigned *index,
                      struct acpi_device *device);
