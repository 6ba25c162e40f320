/* serve.h - a device model as a program, for QEMU's vfio-user-pci: its turn, and its words.
 *
 * It says `ready` when it listens.  On standard input it takes a word a line and answers with a
 * line: `violations`, `link up`, `link down`, `frames` (received, sent), and what the model has
 * besides.  It ends when the QEMU of its own device does; those of its VFs, at sockets of their
 * own, may come and go.  The last line on standard output is the number of violations. */
#pragma once

#include "tests/models/pcispace.h"

#include <stdbool.h>
#include <stdint.h>

struct served_model {
    struct pcispace_device *device;
    unsigned vfs; /* VF n is at `path`.vfN */
    struct pcispace_device *(*vf)(unsigned n);
    bool (*inject)(const uint8_t *frame, uint32_t length);
    uint32_t (*take)(uint8_t *frame, uint32_t size);
    void (*set_link)(bool up);
    unsigned (*violations)(void);
    /* Another word and its rest, without the line's end: the answer is printed; false: it has none
     * such. */
    bool (*obey)(const char *line);
};

/* Serves it at `path` until its QEMU has gone; `wire`: its cable (wire.h), NULL: none.  What main()
 * returns. */
int serve(const struct served_model *model, const char *path, const char *wire);
