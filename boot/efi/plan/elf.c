/* elf.c - the segments of the image that the application carries, and whether they may go
 * where they belong.  ELF-64, "Program header"; UEFI 2.10 7.2.3.
 * unread in this file: both. */
#include "boot/efi/plan/plan.h"

#define ELF_MAGIC 0x464c457fu
#define PT_LOAD 1u

struct elf_header {
    uint32_t magic;
    uint8_t ident[12];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t size, program_header_size, program_header_count;
};

struct elf_program_header {
    uint32_t type, flags;
    uint64_t offset, virtual_address, physical_address, file_size, memory_size, align;
};
_Static_assert(sizeof(struct elf_program_header) == 56, "ELF-64");

static bool is_within(uint64_t start, uint64_t bytes, uint64_t limit)
{
    return start <= limit && bytes <= limit - start;
}

static bool segment_add(const struct elf_program_header *p, uint64_t size, struct departure *d,
                        struct image_place *place)
{
    if (d->segments == SEGMENTS_MAX || p->memory_size < p->file_size || !p->memory_size ||
        !is_within(p->offset, p->file_size, size) ||
        !is_within(p->physical_address, p->memory_size, FOUR_GIB))
        return false;
    uint64_t end = p->physical_address + p->memory_size;
    d->segment[d->segments].to = (uint32_t)p->physical_address;
    d->segment[d->segments].from = (uint32_t)p->offset;
    d->segment[d->segments].bytes = (uint32_t)p->file_size;
    d->segment[d->segments++].zeros = (uint32_t)(p->memory_size - p->file_size);
    if (p->physical_address < place->start)
        place->start = p->physical_address;
    if (end > place->end)
        place->end = end;
    return true;
}

bool image_segments(const uint8_t *elf, uint64_t size, struct departure *d,
                    struct image_place *place)
{
    const struct elf_header *h = (const struct elf_header *)elf;
    d->segments = 0;
    *place = (struct image_place){ .start = FOUR_GIB };
    if (size < sizeof *h || h->magic != ELF_MAGIC ||
        h->program_header_size != sizeof(struct elf_program_header) || h->program_headers % 8 ||
        !is_within(h->program_headers, h->program_header_count * sizeof(struct elf_program_header),
                   size))
        return false;
    const struct elf_program_header *p =
        (const struct elf_program_header *)(elf + h->program_headers);
    for (unsigned i = 0; i < h->program_header_count; i++)
        if (p[i].type == PT_LOAD && !segment_add(&p[i], size, d, place))
            return false;
    d->entry = (uint32_t)h->entry;
    return d->segments && h->entry >= place->start && h->entry < place->end;
}

const struct uefi_memory *memory_in_the_way(const uint8_t *map, uint64_t size, uint64_t step,
                                            struct image_place place)
{
    static const struct uefi_memory unknown;
    const uint64_t first = place.start / UEFI_PAGE, last = (place.end + UEFI_PAGE - 1) / UEFI_PAGE;
    uint64_t covered = 0;
    if (step < sizeof(struct uefi_memory) || step % 8)
        return &unknown;
    for (uint64_t at = 0; step <= size - at; at += step) {
        const struct uefi_memory *m = (const struct uefi_memory *)(map + at);
        uint64_t from = m->physical_start / UEFI_PAGE;
        uint64_t to = m->pages > UINT64_MAX - from ? UINT64_MAX : from + m->pages;
        from = from > first ? from : first;
        to = to < last ? to : last;
        if (from >= to)
            continue;
        if (!uefi_memory_is_ours(m))
            return m;
        covered += to - from;
    }
    return covered >= last - first ? NULL : &unknown;
}
