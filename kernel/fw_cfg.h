/* fw_cfg.h - the files that QEMU was given for its guest: -fw_cfg name=NAME,file=...
 *
 * Only for a guest: the ports may belong to something else on a real machine (unread: ICH9
 * datasheet, GPIOBASE, which firmware likes to set to 500h).  Reading is bounded, and what the
 * device says is checked. */
#pragma once

#include <stddef.h>

/* The bytes of a file of at most `most`, which the caller frees, and their number in *size.
 * NULL with *error -ENOENT: no such device or file; -EFBIG, -ENOMEM. */
void *fw_cfg_read(const char *name, size_t most, size_t *size, int *error);
