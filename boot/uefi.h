/* uefi.h - what the UEFI application (boot/efi/) leaves for the image it carries.
 *
 * Everything it points to lies below 4 GiB, in memory that the application asked for
 * and that its memory map therefore calls loader data.  Both are built together: there
 * is one version.  unread in this file: UEFI. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UEFI_HANDOVER_MAGIC 0x4946454dull /* "MEFI" */

/* A linear framebuffer; base 0: none. */
struct uefi_framebuffer {
    uint64_t base, size;
    uint32_t width, height, stride; /* pixels; stride: from line to line */
    uint32_t red, green, blue;      /* masks of a pixel */
    uint32_t bits;                  /* a pixel's */
};

#define UEFI_CONFIGURATION_MAX (1024u * 1024u)

enum uefi_lost {
    UEFI_LOST_NOTHING,
    UEFI_LOST_UNREADABLE,
    UEFI_LOST_TOO_LONG, /* more than UEFI_CONFIGURATION_MAX */
};

struct uefi_handover {
    uint64_t magic;
    uint64_t start_tsc;    /* at the application's first instruction */
    uint64_t memory_map;   /* as GetMemoryMap() gave it last (UEFI 2.10 7.2.3) */
    uint64_t memory_map_size, descriptor_size;
    uint64_t acpi_rsdp;    /* 0: none in the configuration table */
    uint64_t command_line; /* bytes with their NUL; 0: none */
    uint64_t configuration, configuration_size; /* a file's bytes; 0: there is none */
    uint64_t configuration_lost; /* enum uefi_lost: there is one, and it is not here */
    struct uefi_framebuffer framebuffer;
};

/* From UEFI 2.10 7.2.3, EFI_MEMORY_DESCRIPTOR. */
struct uefi_memory {
    uint32_t type, pad;
    uint64_t physical_start, virtual_start, pages, attribute;
};
_Static_assert(sizeof(struct uefi_memory) == 40, "UEFI 2.10 7.2.3");

#define UEFI_PAGE 4096u

/* RAM that is the operating system's after ExitBootServices(): UEFI 2.10 7.2.1, table 7.10.
 * What boot services had is ours then, and the loader's too once it is read; tables of
 * ACPI (type 9) could be, but are read for as long as we run. */
static inline bool uefi_memory_is_ours(const struct uefi_memory *m)
{
    enum { LOADER_CODE = 1, LOADER_DATA, BOOT_SERVICES_CODE, BOOT_SERVICES_DATA, CONVENTIONAL = 7 };
    const uint64_t write_back = 0x8; /* EFI_MEMORY_WB: ordinary RAM */

    switch (m->type) {
    case LOADER_CODE:
    case LOADER_DATA:
    case BOOT_SERVICES_CODE:
    case BOOT_SERVICES_DATA:
    case CONVENTIONAL:
        return m->attribute & write_back;
    default:
        return false;
    }
}
