/* config.h - the three sources of commands, before there is a prompt.
 *
 * The kernel command line is `key=value` options, then optionally `--` and
 * commands separated by ';'.  The configuration is a text of lines.  Order:
 * options, configuration, the command line's commands, the console. */
#pragma once

#include "apps/console/out.h"
#include "kernel/compiler.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "pci/pci.h"
#include "virtio/virtio_mmio.h"

#include <stdbool.h>
#include <stddef.h>

#define OPTION_CONSOLE_MAX 48u

enum iommu_option {
    IOMMU_ON,       /* used where there is one */
    IOMMU_OFF,
    IOMMU_STRICT,   /* a port that no IOMMU fences is not started */
};

struct options {
    char console[CONSOLE_DEVICES_MAX][OPTION_CONSOLE_MAX];  /* "ttyS0,115200", "vga" */
    unsigned consoles;          /* 0: none named */
    enum iommu_option iommu;
    struct pci_trusted ats;     /* whose own translations are trusted */
    enum log_level log_level;
    bool panic_halt;
    struct virtio_mmio_slot mmio[VIRTIO_MMIO_SLOTS_MAX];    /* virtio_mmio.device= */
    unsigned mmio_slots;
    unsigned cores;             /* CPUs to use; 0: all */
};

/* QEMU writes the devices of a microvm behind everything else on the line: brings those words
 * in front of `--`, where options belong. */
void config_devices_first(char *text);

/* Needs nothing but its arguments, so it can be the first thing that runs.
 * *o: what the options say; one that is wrong or unknown leaves the default.
 * *commands: what follows `--`, or "".  Returns the number of wrong options and
 * tells each on *out; config_run() does that again.  commands and out may be NULL. */
unsigned config_parse_command_line(const char *text, struct options *o, const char **commands,
                                   struct out *out);

/* Runs the configuration (size bytes at file, which may be NULL) and then the
 * command line's commands.  Each error is one line on *out, and after a source
 * with errors one line counts them.  Returns the number of errors. */
unsigned config_run(const char *command_line, const char *file, size_t size, struct out *out);
/* Instead of the configuration, which is not here: the error line that says why and what was
 * expected, and the one that counts it.  Returns 1. */
unsigned config_lost(const char *why, struct out *out);
