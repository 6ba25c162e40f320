/* What boot loaders leave: the first byte chooses the protocol, the rest is
 * memory from 0 on, with the information at 4096. */
#include "boot/boot_info.h"

#include <stdlib.h>
#include <string.h>

#define INFO_PA 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *memory;
static size_t memory_size;

static const void *read_memory(void *ctx, uint64_t pa, uint64_t size)
{
    if (!size || pa < INFO_PA || size > memory_size || pa - INFO_PA > memory_size - size)
        return NULL;
    return memory + (pa - INFO_PA);
}

/* What every front door promises (boot_info.h). */
static void check(const struct boot_info *info, int result)
{
    uint64_t end = 0;
    if ((result != 0) != (info->problem != NULL) || info->memory_count > BOOT_MEMORY_MAX ||
        info->module_count > BOOT_MODULES_MAX ||
        !memchr(info->command_line, 0, sizeof info->command_line))
        abort();
    for (unsigned i = 0; i < info->memory_count; i++) {
        const struct boot_memory *row = &info->memory[i];
        if (!row->size || row->start + row->size < row->start || (i && row->start <= end))
            abort();
        end = row->start + row->size;
        for (unsigned m = 0; m < info->module_count; m++)
            if (info->module[m].size && info->module[m].start < end &&
                row->start < info->module[m].start + info->module[m].size)
                abort();
    }
    for (unsigned m = 0; m < info->module_count; m++)
        if (info->module[m].size && !read_memory(NULL, info->module[m].start, info->module[m].size))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int (*const parsers[])(struct boot_info *, const struct boot_reader *,
                                  uint64_t) = { boot_parse_pvh, boot_parse_multiboot2,
                                                boot_parse_multiboot1, boot_parse_uefi };
    const struct boot_reader reader = { .read = read_memory };
    struct boot_info *info;

    if (!size)
        return 0;
    memory_size = size - 1;
    uint8_t *copy = malloc(memory_size ? memory_size : 1);
    memcpy(copy, data + 1, memory_size);
    memory = copy;
    info = malloc(sizeof *info);
    memset(info, 0xa5, sizeof *info);
    check(info, parsers[data[0] % 4](info, &reader, INFO_PA));
    free(info);
    free(copy);
    return 0;
}
