/* uefi.c - what the UEFI application hands over (boot/uefi.h).
 *
 * Source: UEFI Specification 2.10, 7.2 (memory types and which of them are the
 * operating system's after ExitBootServices(), table 7.10).
 * unread in this file: UEFI. */
#include "boot/uefi.h"

#include "boot/boot_info.h"
#include "boot/boot_parse.h"

#include <errno.h>
#include <stdbool.h>

/* A row that wraps claims everything from its start on. */
static uint64_t bytes_of(const struct uefi_memory *m)
{
    return m->pages > UINT64_MAX / UEFI_PAGE ? UINT64_MAX : m->pages * UEFI_PAGE;
}

/* What is RAM in one row and something else in another is not ours. */
static void add_memory(struct boot_info *info, const struct boot_reader *reader,
                       const struct uefi_handover *h)
{
    const uint8_t *rows = reader->read(reader->ctx, h->memory_map, h->memory_map_size);
    if (!rows || h->memory_map % 8 || h->descriptor_size < sizeof(struct uefi_memory) ||
        h->descriptor_size % 8) {
        boot_problem(info, "memory map: out of reach, misplaced, or rows too short");
        return;
    }
    for (int usable = 1; usable >= 0; usable--) {
        for (uint64_t at = 0; h->descriptor_size <= h->memory_map_size - at;
             at += h->descriptor_size) {
            const struct uefi_memory *m = (const struct uefi_memory *)(rows + at);
            if (usable && uefi_memory_is_ours(m))
                boot_memory_add(info, m->physical_start, bytes_of(m));
            else if (!usable && !uefi_memory_is_ours(m))
                boot_memory_remove(info, m->physical_start, bytes_of(m));
        }
    }
}

static void add_framebuffer(struct boot_info *info, const struct uefi_framebuffer *f)
{
    if (!f->base)
        return;
    info->framebuffer = (struct boot_framebuffer){ .base = f->base,
                                                   .size = f->size,
                                                   .width = f->width,
                                                   .height = f->height,
                                                   .pitch = (uint64_t)f->stride * (f->bits / 8),
                                                   .bits = f->bits,
                                                   .red = f->red,
                                                   .green = f->green,
                                                   .blue = f->blue };
    boot_check_framebuffer(info);
}

int boot_parse_uefi(struct boot_info *info, const struct boot_reader *reader, uint64_t pa)
{
    const struct uefi_handover *h = reader->read(reader->ctx, pa, sizeof *h);

    boot_parse_begin(info, "UEFI");
    if (!h || pa % 8 || h->magic != UEFI_HANDOVER_MAGIC) {
        boot_problem(info, "UEFI hand-over: absent or without its magic number");
        return -EINVAL;
    }
    info->start_tsc = h->start_tsc;
    info->acpi_rsdp = h->acpi_rsdp;
    if (h->command_line)
        boot_set_command_line(info, reader, h->command_line);
    if (h->configuration)
        boot_add_module(info, reader, h->configuration, h->configuration_size);
    if (h->configuration_lost)
        info->configuration_lost = h->configuration_lost == UEFI_LOST_TOO_LONG
                                       ? "the file is too long, expected at most 1 MiB"
                                       : "firmware could not read the file, expected that it can";
    add_memory(info, reader, h);
    add_framebuffer(info, &h->framebuffer);
    boot_parse_end(info);
    return info->problem ? -EINVAL : 0;
}
