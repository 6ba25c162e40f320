/* acpi_pci.c - what ACPI's namespace says about PCI host bridges.
 *
 * A machine with several root buses must give each host bridge a _BBN with its
 * bus number (ACPI 6.6 6.5.5); one that describes ECAM without an MCFG table has
 * a _CBA (PCI Firmware 3.3 4.1.3).  AML is not interpreted: both are looked for
 * by name, and believed when they are constants,
 *
 *     Name (_BBN, 0x80)            08 5F 42 42 4E 0A 80
 *     Method (_CBA) { Return (..)} 14 len 5F 43 42 41 flags A4 0C ..
 *
 * in the bytes of ACPI 6.6 20.2.5.  unread in this file: ACPI, PCI Firmware. */
#include "kernel/acpi.h"

#include "kernel/acpi_tables.h"
#include "kernel/compiler.h"

#include <string.h>

#define AML_BYTE 0x0au
#define AML_WORD 0x0bu
#define AML_DWORD 0x0cu
#define AML_QWORD 0x0eu
#define AML_NAME 0x08u
#define AML_METHOD 0x14u
#define AML_RETURN 0xa4u
#define AML_PKG_LENGTH_MAX 4u
#define NAME_LENGTH 4u

size_t acpi_aml_integer(const uint8_t *aml, size_t size, uint64_t *value)
{
    if (size && aml[0] <= 1) { /* ZeroOp, OneOp */
        *value = aml[0];
        return 1;
    }
    size_t bytes = !size                 ? 0
                   : aml[0] == AML_BYTE  ? 1
                   : aml[0] == AML_WORD  ? 2
                   : aml[0] == AML_DWORD ? 4
                   : aml[0] == AML_QWORD ? 8
                                         : 0;
    if (!bytes || bytes >= size)
        return 0;
    *value = 0;
    memcpy(value, aml + 1, bytes);
    return 1 + bytes;
}

/* A method's name follows its length, of 1 to 4 bytes (20.2.4): the two highest
 * bits of the first say how many more there are. */
static bool is_method_name(const uint8_t *aml, size_t name)
{
    for (size_t n = 1; n <= AML_PKG_LENGTH_MAX && n < name; n++)
        if (aml[name - n - 1] == AML_METHOD && aml[name - n] >> 6 == n - 1)
            return true;
    return false;
}

/* The constant that the object named at `name` is, or returns at once. */
static bool constant(const uint8_t *aml, size_t size, size_t name, uint64_t *value)
{
    size_t at = name + NAME_LENGTH;
    if (name && aml[name - 1] == AML_NAME)
        return acpi_aml_integer(aml + at, size - at, value);
    if (!is_method_name(aml, name) || size - at < 2 || aml[at + 1] != AML_RETURN)
        return false;
    return acpi_aml_integer(aml + at + 2, size - at - 2, value);
}

void acpi_find_host_bridges(const uint8_t *aml, size_t size, struct acpi_host_bridges *found)
{
    uint64_t value;
    for (size_t i = 0; i + NAME_LENGTH < size; i++) {
        const uint8_t *name = memchr(aml + i, '_', size - i);
        if (!name || (i = (size_t)(name - aml)) + NAME_LENGTH >= size)
            return;
        if (!memcmp(aml + i, "_BBN", NAME_LENGTH)) {
            if (constant(aml, size, i, &value) && value < 256)
                found->root_buses[value / 8] |= (uint8_t)(1u << value % 8);
            else
                found->all_known = false;
        } else if (!memcmp(aml + i, "_CBA", NAME_LENGTH) && constant(aml, size, i, &value)) {
            found->ecam = value;
        }
    }
}

void acpi_host_bridges(struct acpi_host_bridges *found)
{
    struct acpi_fadt fadt;
    const struct acpi_header *h = acpi_fadt(&fadt) ? acpi_dsdt(&fadt) : NULL;
    *found = (struct acpi_host_bridges){ .all_known = h, .root_buses = { 1 } };
    for (unsigned ssdt = 0; h; ssdt++) {
        acpi_find_host_bridges((const uint8_t *)(h + 1), h->length - sizeof *h, found);
        h = acpi_find("SSDT", ssdt);
    }
}
