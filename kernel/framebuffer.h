/* framebuffer.h - the picture that firmware left on the screen, as a console device;
 * output only. */
#pragma once

#include "boot/boot_info.h"
#include "kernel/console.h"

/* What the boot loader told; before the consoles are opened. */
void framebuffer_set(const struct boot_framebuffer *framebuffer);
/* NULL when there is none, or no memory for its text. */
struct console_device *framebuffer_probe(void);
