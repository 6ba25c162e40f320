/* boot_info.c - the list of usable RAM, and what all front doors share.
 *
 * The list is sorted, without overlaps or touching rows, and never wraps:
 * start + size of every row is at most 2^64 - 1.  When it is full, RAM is
 * forgotten rather than memory that somebody else owns given out. */
#include "boot/boot_info.h"

#include "boot/boot_parse.h"
#include "kernel/compiler.h"

#include <stdbool.h>
#include <string.h>

#define RSDP_SIZE 36u /* ACPI 6.6 5.2.5.3 */

static uint64_t row_end(const struct boot_memory *row)
{
    return row->start + row->size;
}

static void row_insert(struct boot_info *info, unsigned at, struct boot_memory row)
{
    memmove(&info->memory[at + 1], &info->memory[at],
            (info->memory_count - at) * sizeof info->memory[0]);
    info->memory[at] = row;
    info->memory_count++;
}

static void rows_delete(struct boot_info *info, unsigned at, unsigned n)
{
    memmove(&info->memory[at], &info->memory[at + n],
            (info->memory_count - at - n) * sizeof info->memory[0]);
    info->memory_count -= n;
}

void boot_memory_add(struct boot_info *info, uint64_t start, uint64_t size)
{
    uint64_t end = start + size;
    unsigned first = 0, last;

    if (!size || end < start)
        return;
    while (first < info->memory_count && row_end(&info->memory[first]) < start)
        first++;
    /* [first, last) are the rows that the new one overlaps or touches. */
    for (last = first; last < info->memory_count && info->memory[last].start <= end; last++) {
        start = min_u64(start, info->memory[last].start);
        end = max_u64(end, row_end(&info->memory[last]));
    }
    struct boot_memory row = { .start = start, .size = end - start };
    if (last > first) {
        info->memory[first] = row;
        rows_delete(info, first + 1, last - first - 1);
    } else if (info->memory_count < BOOT_MEMORY_MAX) {
        row_insert(info, first, row);
    } else {
        boot_problem(info, "memory map: too many separate ranges");
    }
}

/* Takes [start, end) out of row i; the rows of it that are left. */
static unsigned row_cut(struct boot_info *info, unsigned i, uint64_t start, uint64_t end)
{
    struct boot_memory *row = &info->memory[i];
    uint64_t below = start > row->start ? min_u64(start, row_end(row)) - row->start : 0;
    uint64_t above = end < row_end(row) ? row_end(row) - max_u64(end, row->start) : 0;
    struct boot_memory upper = { .start = row_end(row) - above, .size = above };

    if (below == row->size || above == row->size)
        return 1; /* not touched */
    if (below && above && info->memory_count == BOOT_MEMORY_MAX) {
        boot_problem(info, "memory map: too many separate ranges");
        *(below > above ? &above : &below) = 0; /* the larger half stays */
    }
    if (!below && !above) {
        rows_delete(info, i, 1);
        return 0;
    }
    if (!below) {
        *row = upper;
        return 1;
    }
    row->size = below;
    if (above)
        row_insert(info, i + 1, upper);
    return above ? 2 : 1;
}

void boot_memory_remove(struct boot_info *info, uint64_t start, uint64_t size)
{
    /* A range that wraps claims everything from its start on. */
    uint64_t end = size > UINT64_MAX - start ? UINT64_MAX : start + size;
    unsigned i = 0;

    while (size && i < info->memory_count)
        i += row_cut(info, i, start, end);
}

void boot_parse_begin(struct boot_info *info, const char *protocol)
{
    info->protocol = protocol;
    info->problem = NULL;
    info->configuration_lost = NULL;
    info->acpi_rsdp = 0;
    info->framebuffer = (struct boot_framebuffer){ 0 };
    info->memory_count = info->module_count = 0;
    info->command_line[0] = 0;
}

void boot_problem(struct boot_info *info, const char *what)
{
    if (!info->problem)
        info->problem = what;
}

void boot_set_command_line(struct boot_info *info, const struct boot_reader *reader, uint64_t pa)
{
    size_t n = 0;
    for (;; n++, pa++) {
        /* One byte at a time: how long the string is only its end tells. */
        const char *c = reader->read(reader->ctx, pa, 1);
        if (!c)
            boot_problem(info, "command line: out of reach");
        else if (*c && n == BOOT_COMMAND_LINE_MAX - 1)
            boot_problem(info, "command line: longer than 4095 bytes, cut");
        if (!c || !*c || n == BOOT_COMMAND_LINE_MAX - 1)
            break;
        info->command_line[n] = *c;
    }
    info->command_line[n] = 0;
}

void boot_add_module(struct boot_info *info, const struct boot_reader *reader, uint64_t start,
                     uint64_t size)
{
    if (size && !reader->read(reader->ctx, start, size))
        boot_problem(info, "module: out of reach");
    else if (info->module_count == BOOT_MODULES_MAX)
        boot_problem(info, "module: more than 8");
    else
        info->module[info->module_count++] = (struct boot_module){ .start = start, .size = size };
}

#define FRAMEBUFFER_SIDE_MAX 16384u

void boot_check_framebuffer(struct boot_info *info)
{
    struct boot_framebuffer *f = &info->framebuffer;
    bool good = f->base && f->size <= UINT64_MAX - f->base && (f->bits == 24 || f->bits == 32) &&
                f->width && f->width <= FRAMEBUFFER_SIDE_MAX && f->height &&
                f->height <= FRAMEBUFFER_SIDE_MAX && f->pitch >= f->width * (f->bits / 8) &&
                f->pitch <= f->size / f->height && f->red && f->green && f->blue;
    if (good)
        return;
    boot_problem(info, "framebuffer: contradicts itself, or no 24 or 32 bits a pixel");
    *f = (struct boot_framebuffer){ 0 };
}

void boot_parse_end(struct boot_info *info)
{
    for (unsigned i = 0; i < info->module_count; i++)
        boot_memory_remove(info, info->module[i].start, info->module[i].size);
    if (info->acpi_rsdp)
        boot_memory_remove(info, info->acpi_rsdp, RSDP_SIZE);
    if (!info->memory_count)
        boot_problem(info, "no memory map, or no usable memory in it");
}
