/* boot/main.c - from a loader's registers to kernel_main(). */
#include "boot/boot_info.h"
#include "kernel/compiler.h"

#define PVH_BOOT_MAGIC 0x336ec578u        /* entry.S */
#define MULTIBOOT1_BOOT_MAGIC 0x2badb002u /* Multiboot 0.6.96, 3.2 */
#define MULTIBOOT2_BOOT_MAGIC 0x36d76289u /* Multiboot2 2.0, 3.3 */
#define UEFI_BOOT_MAGIC 0x49464542u       /* entry.S */
#define EARLY_MAPPED 0x100000000ull       /* entry.S maps 4 GiB one to one */

extern uint64_t boot_tsc;
extern uint8_t image_start[], image_end[];
void boot_main(uint32_t magic, uint32_t info_pa) NORETURN;

static struct boot_info info;

static const void *read_early(void *ctx, uint64_t pa, uint64_t size)
{
    (void)ctx;
    if (!pa || size > EARLY_MAPPED || pa > EARLY_MAPPED - size)
        return NULL;
    return (const void *)(uintptr_t)pa;
}

static void parse(uint32_t magic, uint32_t info_pa)
{
    static const struct boot_reader reader = { .read = read_early };
    switch (magic) {
    case PVH_BOOT_MAGIC:
        boot_parse_pvh(&info, &reader, info_pa);
        break;
    case MULTIBOOT2_BOOT_MAGIC:
        boot_parse_multiboot2(&info, &reader, info_pa);
        break;
    case MULTIBOOT1_BOOT_MAGIC:
        boot_parse_multiboot1(&info, &reader, info_pa);
        break;
    case UEFI_BOOT_MAGIC:
        boot_parse_uefi(&info, &reader, info_pa);
        break;
    default:
        info.protocol = "unknown";
        info.problem = "the loader left no magic number we know";
    }
}

void boot_main(uint32_t magic, uint32_t info_pa)
{
    parse(magic, info_pa);
    if (!info.start_tsc)
        info.start_tsc = boot_tsc;
    boot_memory_remove(&info, (uintptr_t)image_start, (uintptr_t)(image_end - image_start));
    kernel_main(&info);
}
