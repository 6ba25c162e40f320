/* virtio_console.h - the console device, virtio 1.2 5.3, as a terminal of the appliance. */
#pragma once

#include "virtio/virtio.h"

/* Takes the device and adds it to the consoles as hvc0, hvc1, ... in the order of the calls.
 * failure: static text when its registers cannot be used.  0; -ENODEV: nobody wants it (another
 * `console=` was named) or there is no room; -E... with a log line.  The device stays the
 * caller's and must live on. */
int virtio_console_create(struct virtio_device *dev, const char *failure);
