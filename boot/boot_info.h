/* boot_info.h - what every front door hands to kernel_main().
 *
 * Filled by boot/pvh.c, boot/multiboot.c (versions 1 and 2) and boot/uefi.c
 * from bytes that a boot loader wrote: all of it is checked there
 * and copied; nothing here points into loader memory except the modules and,
 * maybe, acpi_rsdp: both are kept out of memory[].  Otherwise a parser leaves
 * in memory[] what the firmware calls RAM; boot/main.c takes our own image out.
 * Page 0 is still in it.  Rows are bytes: whoever wants pages rounds inwards.
 * A module stays where it is and its memory is not reused: it may be files (kernel/files.h). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BOOT_MEMORY_MAX 128u
#define BOOT_MODULES_MAX 8u
#define BOOT_COMMAND_LINE_MAX 4096u

struct boot_memory {
    uint64_t start, size;       /* bytes; RAM that nobody else claims */
};

struct boot_module {
    uint64_t start, size;
};

/* A linear framebuffer that firmware or the boot loader left on; base 0: none.  It
 * has been checked: 32 or 24 bits a pixel, everything inside [base, base + size). */
struct boot_framebuffer {
    uint64_t base, size, pitch; /* bytes; pitch: from line to line */
    uint32_t width, height, bits;
    uint32_t red, green, blue;  /* masks of a pixel */
};

struct boot_info {
    const char *protocol;               /* "PVH", "Multiboot2", "Multiboot1", "UEFI" */
    const char *problem;                /* first thing refused while parsing, or NULL; the
                                         * rest is as if that had not been there */
    const char *configuration_lost;     /* there is one, and why it is no module; or NULL */
    uint64_t start_tsc;                 /* at the image's first instruction; boot/main.c
                                         * fills it where the protocol does not */
    uint64_t acpi_rsdp;                 /* physical address, 0: search for it */
    unsigned memory_count, module_count;
    struct boot_memory memory[BOOT_MEMORY_MAX];     /* usable RAM, sorted, no overlaps */
    struct boot_module module[BOOT_MODULES_MAX];
    struct boot_framebuffer framebuffer;
    char command_line[BOOT_COMMAND_LINE_MAX];       /* always terminated */
};

/* Parsers: pure functions over bytes; size bounds where they may look.
 * read(ctx, pa, size) gives a pointer to loader memory or NULL when it is out of
 * reach.  0 or -EINVAL with info->problem set; info is complete either way. */
struct boot_reader {
    const void *(*read)(void *ctx, uint64_t pa, uint64_t size);
    void *ctx;
};

int boot_parse_pvh(struct boot_info *info, const struct boot_reader *reader,
                   uint64_t start_info_pa);
int boot_parse_multiboot2(struct boot_info *info, const struct boot_reader *reader, uint64_t pa);
int boot_parse_multiboot1(struct boot_info *info, const struct boot_reader *reader, uint64_t pa);
int boot_parse_uefi(struct boot_info *info, const struct boot_reader *reader, uint64_t pa);
/* Adds usable RAM: keeps the list sorted, merges overlaps, ignores empty and wrapping rows. */
void boot_memory_add(struct boot_info *info, uint64_t start, uint64_t size);
/* Takes [start, start+size) out of the usable RAM. */
void boot_memory_remove(struct boot_info *info, uint64_t start, uint64_t size);

void kernel_main(struct boot_info *info) __attribute__((noreturn));
