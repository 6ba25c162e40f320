/* vfio_user.h - serves a made-up PCI device (tests/models/pcispace.h) to QEMU's vfio-user-pci.
 *
 * It stands in the place of tests/models/pcispace.c: the same models are linked with it, and
 * pcispace_dma_read(), pcispace_dma_write() and pcispace_interrupt() reach the guest whose QEMU has
 * connected for that device.  Single-threaded: the caller polls.
 *
 * Protocol: QEMU 11's documentation of vfio-user, and what QEMU 11.1 sends.  A 16-byte header, then
 * a body; a reply repeats number and command; descriptors ride on the header. */
#pragma once

#include "tests/models/pcispace.h"

#include <stdbool.h>

#define VFIO_USER_DEVICES 8u

/* Listens at `path` for the QEMU that has this device; its number, -1: errno. */
int vfio_user_serve(struct pcispace_device *d, const char *path);
/* What to poll: the connection, or who may connect. */
int vfio_user_descriptor(unsigned number);
/* It is readable: handles one message.  False: QEMU has gone; the device was reset, and another may
 * connect. */
bool vfio_user_handle(unsigned number);
