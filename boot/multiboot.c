/* multiboot.c - the information that Multiboot loaders leave, both versions.
 *
 * Sources: "Multiboot2 Specification version 2.0" (section 3.6, Boot
 * information format) and "The Multiboot Specification version 0.6.96"
 * (section 3.3, Boot information format).
 *
 * The information may lie anywhere in RAM.  It is read once, here, and may then
 * be overwritten, except for the copy of the ACPI root pointer that Multiboot2
 * carries: boot_parse_end() keeps that out of the usable RAM. */
#include "boot/boot_info.h"

#include "boot/boot_parse.h"
#include "boot/image_name.h"
#include "kernel/compiler.h"
#include "kernel/endian.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Multiboot2 ---------------------------------------------------------------- */

/* Tag types (3.6.x). */
#define TAG_END 0u
#define TAG_COMMAND_LINE 1u
#define TAG_MODULE 3u
#define TAG_MEMORY_MAP 6u
#define TAG_FRAMEBUFFER 8u
#define TAG_ACPI_OLD 14u /* copy of the ACPI 1.0 RSDP */
#define TAG_ACPI_NEW 15u /* copy of the ACPI 2.0 or later RSDP */

struct tag {
    uint32_t type, size; /* size: with this header, without the padding to 8 bytes */
} PACKED;

struct tag_module {
    struct tag tag;
    uint32_t mod_start, mod_end;
    char string[];
} PACKED;

struct tag_memory_map {
    struct tag tag;
    uint32_t entry_size;    /* a multiple of 8, at least sizeof(struct memory_row) */
    uint32_t entry_version; /* 0; later ones stay compatible */
} PACKED;

/* 3.6.12; where the type is "direct RGB color", the six bytes follow. */
struct tag_framebuffer {
    struct tag tag;
    uint64_t address;
    uint32_t pitch, width, height;
    uint8_t bits, type;
    uint16_t reserved;
    uint8_t red_position, red_size, green_position, green_size, blue_position, blue_size;
} PACKED;
_Static_assert(sizeof(struct tag_framebuffer) == 38, "Multiboot2 2.0 3.6.12");

#define FRAMEBUFFER_RGB 1u

struct memory_row {
    uint64_t base_addr, length;
    uint32_t type;
} PACKED;
_Static_assert(sizeof(struct memory_row) == 20, "Multiboot2 2.0 3.6.8, Multiboot 0.6.96 3.3");

static void add_row(struct boot_info *info, const struct memory_row *row, bool usable)
{
    if (usable && row->type == BOOT_E820_RAM)
        boot_memory_add(info, row->base_addr, row->length);
    else if (!usable && row->type != BOOT_E820_RAM)
        boot_memory_remove(info, row->base_addr, row->length);
}

/* What is RAM in one row and something else in another is not ours. */
static void add_memory_map(struct boot_info *info, const struct tag_memory_map *map)
{
    const uint8_t *rows = (const uint8_t *)(map + 1);

    if (map->tag.size < sizeof *map || map->entry_size < sizeof(struct memory_row)) {
        boot_problem(info, "memory map: rows too short");
        return;
    }
    const uint32_t bytes = map->tag.size - (uint32_t)sizeof *map, step = map->entry_size;
    for (int usable = 1; usable >= 0; usable--)
        for (uint32_t at = 0; step <= bytes - at; at += step)
            add_row(info, (const struct memory_row *)(rows + at), usable);
}

static void set_command_line(struct boot_info *info, const char *text, size_t room)
{
    size_t n = strnlen(text, room);
    if (n == room)
        boot_problem(info, "command line: not terminated");
    if (n >= BOOT_COMMAND_LINE_MAX) {
        boot_problem(info, "command line: longer than 4095 bytes, cut");
        n = BOOT_COMMAND_LINE_MAX - 1;
    }
    memcpy(info->command_line, text, n);
    info->command_line[n] = 0;
}

static void add_module(struct boot_info *info, const struct boot_reader *reader, uint32_t start,
                       uint32_t end)
{
    if (end < start)
        boot_problem(info, "module: ends before it starts");
    else
        boot_add_module(info, reader, start, end - start);
}

static uint32_t mask_of(uint8_t position, uint8_t size)
{
    return position < 32 && size <= 32 ? (uint32_t)((1ull << size) - 1) << position : 0;
}

/* Text and palettes are no framebuffer to us, and no fault either. */
static void set_framebuffer(struct boot_info *info, const struct tag_framebuffer *f)
{
    if (f->tag.size < sizeof *f || f->type != FRAMEBUFFER_RGB)
        return;
    info->framebuffer = (struct boot_framebuffer){
        .base = f->address,
        .size = (uint64_t)f->pitch * f->height,
        .pitch = f->pitch,
        .width = f->width,
        .height = f->height,
        .bits = f->bits,
        .red = mask_of(f->red_position, f->red_size),
        .green = mask_of(f->green_position, f->green_size),
        .blue = mask_of(f->blue_position, f->blue_size),
    };
    boot_check_framebuffer(info);
}

struct multiboot2 {
    struct boot_info *info;
    const struct boot_reader *reader;
    uint64_t pa; /* of the information */
    uint64_t rsdp_old, rsdp_new;
};

static void take_tag(struct multiboot2 *m, const struct tag *tag, uint64_t pa)
{
    const uint32_t room = tag->size - (uint32_t)sizeof *tag;
    const struct tag_module *module = (const struct tag_module *)tag;

    switch (tag->type) {
    case TAG_COMMAND_LINE:
        set_command_line(m->info, (const char *)(tag + 1), room);
        break;
    case TAG_MODULE:
        if (tag->size < sizeof *module)
            boot_problem(m->info, "module: tag too short");
        else
            add_module(m->info, m->reader, module->mod_start, module->mod_end);
        break;
    case TAG_MEMORY_MAP:
        add_memory_map(m->info, (const struct tag_memory_map *)tag);
        break;
    case TAG_FRAMEBUFFER:
        set_framebuffer(m->info, (const struct tag_framebuffer *)tag);
        break;
    case TAG_ACPI_OLD:
        m->rsdp_old = pa + sizeof *tag;
        break;
    case TAG_ACPI_NEW:
        m->rsdp_new = pa + sizeof *tag;
        break;
    }
}

/* True when the end tag closes the list (3.6.2). */
static bool take_tags(struct multiboot2 *m, const uint8_t *bytes, uint32_t total)
{
    for (uint64_t at = 8; at + sizeof(struct tag) <= total;) {
        const struct tag *tag = (const struct tag *)(bytes + at);
        if (tag->size < sizeof *tag || tag->size > total - at)
            return false;
        if (tag->type == TAG_END)
            return true;
        take_tag(m, tag, m->pa + at);
        at = ALIGN_UP(at + tag->size, 8);
    }
    return false;
}

int boot_parse_multiboot2(struct boot_info *info, const struct boot_reader *reader, uint64_t pa)
{
    struct multiboot2 m = { .info = info, .reader = reader, .pa = pa };
    const uint8_t *fixed = reader->read(reader->ctx, pa, 8);
    uint32_t total = fixed ? load_le32(fixed) : 0;
    const uint8_t *bytes = total >= 8 ? reader->read(reader->ctx, pa, total) : NULL;

    boot_parse_begin(info, "Multiboot2");
    if (!bytes || (pa & 7)) {
        boot_problem(info, "Multiboot2 information: out of reach or misplaced");
        return -EINVAL;
    }
    if (!take_tags(&m, bytes, total))
        boot_problem(info, "Multiboot2 information: tags without an end");
    /* The new one alone leads to the XSDT. */
    info->acpi_rsdp = m.rsdp_new ? m.rsdp_new : m.rsdp_old;
    boot_parse_end(info);
    return info->problem ? -EINVAL : 0;
}

/* Multiboot1 ---------------------------------------------------------------- */

/* Bits of flags: which fields are valid. */
#define MB1_MEM 0x1u
#define MB1_CMDLINE 0x4u
#define MB1_MODS 0x8u
#define MB1_MMAP 0x40u

struct multiboot1 {
    uint32_t flags;
    uint32_t mem_lower, mem_upper; /* KiB from 0 and from 1 MiB */
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t mods_count, mods_addr;
    uint32_t syms[4];
    uint32_t mmap_length, mmap_addr;
} PACKED;
_Static_assert(sizeof(struct multiboot1) == 52, "Multiboot 0.6.96 3.3");

struct multiboot1_module {
    uint32_t mod_start, mod_end, string, reserved;
} PACKED;

/* Rows carry their own size, which does not count the size field itself. */
static void mb1_add_memory_map(struct boot_info *info, const struct boot_reader *reader,
                               const struct multiboot1 *m)
{
    const uint8_t *rows = reader->read(reader->ctx, m->mmap_addr, m->mmap_length);
    if (!rows) {
        boot_problem(info, "memory map: out of reach");
        return;
    }
    for (int usable = 1; usable >= 0; usable--)
        for (uint32_t at = 0; m->mmap_length - at >= 4 + sizeof(struct memory_row);) {
            uint32_t size = load_le32(rows + at);
            if (size < sizeof(struct memory_row) || size > m->mmap_length - at - 4) {
                boot_problem(info, "memory map: row of an impossible size");
                break;
            }
            add_row(info, (const struct memory_row *)(rows + at + 4), usable);
            at += 4 + size;
        }
}

static void mb1_add_modules(struct boot_info *info, const struct boot_reader *reader,
                            const struct multiboot1 *m)
{
    uint32_t n = m->mods_count;
    if (n > BOOT_MODULES_MAX) {
        boot_problem(info, "module: more than 8");
        n = BOOT_MODULES_MAX;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct multiboot1_module *mod =
            reader->read(reader->ctx, m->mods_addr + (uint64_t)i * sizeof *mod, sizeof *mod);
        if (!mod) {
            boot_problem(info, "module list: out of reach");
            return;
        }
        add_module(info, reader, mod->mod_start, mod->mod_end);
    }
}

static void drop_image_name(char *line)
{
    size_t word = strcspn(line, " ");
    if (!is_image_name(line, word))
        return;
    word += strspn(line + word, " ");
    memmove(line, line + word, strlen(line + word) + 1);
}

int boot_parse_multiboot1(struct boot_info *info, const struct boot_reader *reader, uint64_t pa)
{
    const struct multiboot1 *m = reader->read(reader->ctx, pa, sizeof *m);

    boot_parse_begin(info, "Multiboot1");
    if (!m) {
        boot_problem(info, "Multiboot1 information: out of reach");
        return -EINVAL;
    }
    if (m->flags & MB1_CMDLINE) {
        boot_set_command_line(info, reader, m->cmdline);
        drop_image_name(info->command_line);
    }
    if (m->flags & MB1_MODS)
        mb1_add_modules(info, reader, m);
    if (m->flags & MB1_MMAP) {
        mb1_add_memory_map(info, reader, m);
    } else if (m->flags & MB1_MEM) {
        boot_memory_add(info, 0, (uint64_t)m->mem_lower << 10);
        boot_memory_add(info, 1u << 20, (uint64_t)m->mem_upper << 10);
    }
    boot_parse_end(info);
    return info->problem ? -EINVAL : 0;
}
