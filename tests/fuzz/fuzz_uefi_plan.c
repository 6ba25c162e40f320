/* What others write and the UEFI application reads: a DHCP server's packets, load options, paths,
 * firmware's memory map, an ELF file. */
#include "boot/efi/plan/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_offer(const uint8_t *data, size_t size)
{
    struct boot_offer offer;
    char path[64];
    if (!boot_offer_read(data, (unsigned)size, &offer))
        return;
    if (!memchr(offer.file, 0, sizeof offer.file) || !offer.file[0])
        abort();
    if (path_beside(offer.file, "millrace.conf", path, sizeof path) &&
        !strstr(path, "millrace.conf"))
        abort();
}

static void fuzz_options(const uint8_t *data, size_t size)
{
    char line[64];
    bool good = options_read(data, (uint32_t)size, line, sizeof line);
    if (!memchr(line, 0, sizeof line) || (!good && line[0]))
        abort();
    for (const char *c = line; *c; c++)
        if ((*c < ' ' && *c != '\t') || *c > '~')
            abort();
}

static void fuzz_elf(const uint8_t *data, size_t size)
{
    struct departure d;
    struct image_place place;
    if (!image_segments(data, size, &d, &place))
        return;
    for (unsigned i = 0; i < d.segments; i++)
        if (d.segment[i].from > size || d.segment[i].bytes > size - d.segment[i].from ||
            d.segment[i].to < place.start ||
            d.segment[i].to + (uint64_t)d.segment[i].bytes + d.segment[i].zeros > place.end)
            abort();
}

static void fuzz_map(const uint8_t *data, size_t size)
{
    const struct image_place place = { .start = 0x100000, .end = 0x1ad000 };
    if (size >= 8)
        memory_in_the_way(data + 8, size - 8, data[0], place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(const uint8_t *, size_t) = { fuzz_offer, fuzz_options, fuzz_elf,
                                                                fuzz_map };
    if (!size)
        return 0;
    uint8_t *copy =
        malloc(size - 1 ? size - 1 : 1); /* aligned as firmware's memory is, and no byte longer */
    memcpy(copy, data + 1, size - 1);
    targets[data[0] % 4](copy, size - 1);
    free(copy);
    return 0;
}
