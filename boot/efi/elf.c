/* elf.c - the segments of the image that the application carries.  ELF-64, "Program header". */
#include "loader.h"

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

bool image_segments(const uint8_t *elf, uint64_t size, struct departure *d)
{
    const struct elf_header *h = (const struct elf_header *)elf;
    if (size < sizeof *h || h->magic != ELF_MAGIC ||
        h->program_header_size != sizeof(struct elf_program_header) ||
        h->program_headers + h->program_header_count * sizeof(struct elf_program_header) > size)
        return false;
    const struct elf_program_header *p =
        (const struct elf_program_header *)(elf + h->program_headers);
    uint64_t start = FOUR_GIB, end = 0;
    for (unsigned i = 0; i < h->program_header_count; i++, p++) {
        if (p->type != PT_LOAD)
            continue;
        if (d->segments == SEGMENTS_MAX || p->offset + p->file_size > size ||
            p->memory_size < p->file_size || p->physical_address + p->memory_size > FOUR_GIB)
            return false;
        d->segment[d->segments].to = (uint32_t)p->physical_address;
        d->segment[d->segments].from = (uint32_t)p->offset;
        d->segment[d->segments].bytes = (uint32_t)p->file_size;
        d->segment[d->segments++].zeros = (uint32_t)(p->memory_size - p->file_size);
        start = start < p->physical_address ? start : p->physical_address;
        end =
            end > p->physical_address + p->memory_size ? end : p->physical_address + p->memory_size;
    }
    d->entry = (uint32_t)h->entry;
    set_image_range(start, end);
    return d->segments > 0;
}
