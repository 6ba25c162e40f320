/* pvh.c - the PVH start info.
 *
 * Source: Xen, docs/misc/pvh.pandoc and xen/include/public/arch-x86/hvm/
 * start_info.h.  EBX holds the physical address of struct hvm_start_info; an
 * address of 0 in any field means "not present"; versions only append. */
#include "boot/boot_info.h"

#include "boot/boot_parse.h"
#include "kernel/compiler.h"

#include <errno.h>

#define HVM_START_MAGIC 0x336ec578u

struct hvm_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t nr_modules;
    uint64_t modlist_paddr;
    uint64_t cmdline_paddr;
    uint64_t rsdp_paddr; /* last of version 0 */
    uint64_t memmap_paddr;
    uint32_t memmap_entries;
    uint32_t reserved;
} PACKED;
_Static_assert(sizeof(struct hvm_start_info) == 56, "start_info.h, version 1");
_Static_assert(offsetof(struct hvm_start_info, memmap_paddr) == 40, "start_info.h, version 0");

struct hvm_modlist_entry {
    uint64_t paddr, size, cmdline_paddr, reserved;
} PACKED;
_Static_assert(sizeof(struct hvm_modlist_entry) == 32, "start_info.h");

struct hvm_memmap_entry {
    uint64_t addr, size;
    uint32_t type, reserved;
} PACKED;
_Static_assert(sizeof(struct hvm_memmap_entry) == 24, "start_info.h");

static void add_modules(struct boot_info *info, const struct boot_reader *reader,
                        const struct hvm_start_info *start)
{
    /* No more than we keep: the list's length is the loader's word. */
    uint32_t n = start->nr_modules;
    if (n > BOOT_MODULES_MAX) {
        boot_problem(info, "module: more than 8");
        n = BOOT_MODULES_MAX;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct hvm_modlist_entry *m =
            reader->read(reader->ctx, start->modlist_paddr + i * sizeof *m, sizeof *m);
        if (!m) {
            boot_problem(info, "module list: out of reach");
            return;
        }
        boot_add_module(info, reader, m->paddr, m->size);
    }
}

/* What is RAM in one row and something else in another is not ours. */
static void add_memory(struct boot_info *info, const struct boot_reader *reader,
                       const struct hvm_start_info *start)
{
    const struct hvm_memmap_entry *map =
        reader->read(reader->ctx, start->memmap_paddr, start->memmap_entries * sizeof *map);
    if (!map) {
        boot_problem(info, "memory map: out of reach");
        return;
    }
    for (uint32_t i = 0; i < start->memmap_entries; i++)
        if (map[i].type == BOOT_E820_RAM)
            boot_memory_add(info, map[i].addr, map[i].size);
    for (uint32_t i = 0; i < start->memmap_entries; i++)
        if (map[i].type != BOOT_E820_RAM)
            boot_memory_remove(info, map[i].addr, map[i].size);
}

int boot_parse_pvh(struct boot_info *info, const struct boot_reader *reader, uint64_t start_info_pa)
{
    const size_t version0_size = offsetof(struct hvm_start_info, memmap_paddr);
    const struct hvm_start_info *start = reader->read(reader->ctx, start_info_pa, version0_size);

    boot_parse_begin(info, "PVH");
    if (!start || start->magic != HVM_START_MAGIC) {
        boot_problem(info, "PVH start info: absent or without its magic number");
        return -EINVAL;
    }
    info->acpi_rsdp = start->rsdp_paddr;
    if (start->cmdline_paddr)
        boot_set_command_line(info, reader, start->cmdline_paddr);
    if (start->modlist_paddr)
        add_modules(info, reader, start);
    if (start->version >= 1) {
        start = reader->read(reader->ctx, start_info_pa, sizeof *start);
        if (!start)
            boot_problem(info, "PVH start info: out of reach");
        else if (start->memmap_paddr)
            add_memory(info, reader, start);
    }
    boot_parse_end(info);
    return info->problem ? -EINVAL : 0;
}
