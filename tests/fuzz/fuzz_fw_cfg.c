/* QEMU's firmware configuration device, whoever made it: the input is the directory and what the
 * file holds.  What is read fits into what was asked for, and what is refused gives nothing. */
#include "kernel/fw_cfg.h"

#include "tests/fuzz/harness.h"
#include "tests/host/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST 300u
#define KEY_SIGNATURE 0u
#define KEY_DIRECTORY 0x19u
#define ENTRIES 7u /* at most: reading thousands takes long */

static struct input in;
static uint16_t key;
static unsigned offset_in_item;

static uint64_t read_data(void *ctx, uint64_t offset, unsigned size)
{
    unsigned at = offset_in_item++;
    must(size == 1 && offset == 1);
    if (key == KEY_SIGNATURE)
        return at < 4 ? (uint8_t) "QEMU"[at] : 0;
    uint8_t byte = (uint8_t)take_value(&in, 1);
    if (key == KEY_DIRECTORY && at < 4)
        return at < 3 ? 0 : byte & ENTRIES;
    return byte;
}

static void select_item(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    must(size == 2 && offset == 0);
    key = (uint16_t)value;
    offset_in_item = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = 0;
    int error = 0;
    in = (struct input){ data, size };
    host_add_pio(&(struct host_window){ 0x510, 2, read_data, select_item, NULL });
    uint8_t *bytes = fw_cfg_read("opt/x", MOST, &n, &error);
    must(bytes ? !error && n <= MOST : error == -ENOENT || error == -EFBIG);
    free(bytes);
    harness_end();
    return 0;
}
