/* config.h - the sources of commands, before there is a prompt.
 *
 * The kernel command line is `key=value` options, then optionally `--` and
 * commands separated by ';'.  A configuration is a text of lines.  Order:
 * options, configurations, the command line's commands, the console. */
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
    bool rss_standard;          /* the usual key, not the symmetric one (nic/rss.h) */
    struct virtio_mmio_slot mmio[VIRTIO_MMIO_SLOTS_MAX];    /* virtio_mmio.device= */
    unsigned mmio_slots;
    unsigned cores;             /* CPUs to use; 0: all */
    bool poll_busy;             /* poll=busy: workers never rest */
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

/* A text of commands, or why there is none though there should be. */
struct config_file {
    const char *source;         /* as errors call it */
    const char *text;           /* NULL: nothing to run */
    size_t size;
    const char *lost;           /* NULL: it is here; else what is wrong and what was expected */
};

/* Runs the configurations in their order and then the command line's commands.  Each error is
 * one line on *out, and after a source with errors one line counts them.  Returns their number. */
unsigned config_run(const char *command_line, const struct config_file *files, unsigned count,
                    struct out *out);
