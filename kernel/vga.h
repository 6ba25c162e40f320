/* vga.h - the 80x25 text screen as a console device; output only. */
#pragma once

#include "kernel/console.h"

/* NULL when there is no VGA, or when it does not show text at B8000. */
struct console_device *vga_probe(void);
