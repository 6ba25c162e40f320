/* debug_port.h - the one-byte port that emulators print from; output only. */
#pragma once

#include "kernel/console.h"

/* NULL where nothing answers as such a port does (Bochs, QEMU's isa-debugcon). */
struct console_device *debug_port_probe(void);
