/* A boot module that may be a cpio archive: what is accepted lies within it, goes by names that
 * are words, each once; what is refused adds nothing and says why. */
#include "kernel/files.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void check_file(const struct file *f, const uint8_t *bytes, size_t size)
{
    const uint8_t *from = f->bytes;
    size_t n = strlen(f->name);

    must(from >= bytes && f->size <= size && from <= bytes + size - f->size);
    must((const uint8_t *)f->name >= bytes && (const uint8_t *)f->name + n < bytes + size);
    must(n && n <= FILES_NAME_MAX && files_find(f->name) == f);
    for (size_t i = 0; i < n; i++)
        must(f->name[i] > ' ' && f->name[i] <= '~' && f->name[i] != ';' && f->name[i] != '#');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    char why[FILES_WHY_SIZE] = "";

    memcpy(copy, data, size);
    if (files_is_archive(copy, size) && files_add_archive(copy, size, why))
        must(why[0] && memchr(why, 0, sizeof why) && !files_count());
    else
        must(!why[0]);
    must(files_count() <= FILES_MAX);
    for (unsigned i = 0; i < files_count(); i++)
        check_file(files_get(i), copy, size);
    files_forget();
    free(copy);
    return 0;
}
