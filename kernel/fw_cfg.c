/* fw_cfg.c - QEMU's firmware configuration device, through its selector and data ports.
 *
 * Writing an item's key to the selector rewinds it; each byte read is the next one, and 0 beyond
 * the end.  The DMA interface would save little: a string instruction is one exit.
 *
 * Source: QEMU, docs/specs/fw_cfg.rst. */
#include "kernel/fw_cfg.h"

#include "kernel/compiler.h"
#include "kernel/endian.h"
#include "kernel/mmio.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SELECTOR 0x510u
#define DATA 0x511u
#define KEY_SIGNATURE 0x0000u
#define KEY_DIRECTORY 0x0019u
#define FILES_MOST 0x3fe0u /* keys from 20h to 3FFFh */
#define NAME_SIZE 56u

/* An entry of the directory, behind their number; numbers are big-endian. */
struct directory_entry {
    uint8_t size[4], key[2], reserved[2];
    char name[NAME_SIZE]; /* ends with a NUL byte */
};
_Static_assert(sizeof(struct directory_entry) == 64, "fw_cfg.rst, File Directory");

static void select_key(uint16_t key)
{
    pio_write16(SELECTOR, key);
}

static bool is_there(void)
{
    uint8_t signature[4];
    select_key(KEY_SIGNATURE);
    pio_read_bytes(DATA, signature, sizeof signature);
    return !memcmp(signature, "QEMU", sizeof signature);
}

static bool find(const char *name, struct directory_entry *e)
{
    uint8_t count[4];
    select_key(KEY_DIRECTORY);
    pio_read_bytes(DATA, count, sizeof count);
    for (uint64_t i = min_u64(load_be32(count), FILES_MOST); i; i--) {
        pio_read_bytes(DATA, e, sizeof *e);
        if (memchr(e->name, 0, NAME_SIZE) && !strcmp(e->name, name))
            return true;
    }
    return false;
}

void *fw_cfg_read(const char *name, size_t most, size_t *size, int *error)
{
    struct directory_entry e;
    void *bytes;

    *error = -ENOENT;
    if (!is_there() || !find(name, &e))
        return NULL;
    *size = load_be32(e.size);
    *error = *size > most ? -EFBIG : -ENOMEM;
    bytes = *size > most ? NULL : malloc(*size + !*size);
    if (!bytes)
        return NULL;
    select_key(load_be16(e.key));
    pio_read_bytes(DATA, bytes, *size);
    *error = 0;
    return bytes;
}
