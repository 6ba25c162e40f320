/* virtio_net.h - the network device, virtio 1.2 5.1, as a port. */
#pragma once

#include "nic/port.h"
#include "virtio/virtio.h"

struct pci_function;

/* Makes a port of a device and registers it.  failure: static text when its
 * registers cannot be used, NULL when they can.  A device that is unusable or
 * turns out so becomes a failed port, so that it keeps its number.  pci: NULL
 * off PCI.  0, or -E... after a log line; *port is NULL only when there is no
 * port at all.  The device stays the caller's and must live as long as the port. */
int virtio_net_create(struct virtio_device *dev, struct pci_function *pci, const char *failure,
                      struct port **port);
/* Stops and unregisters the port; returns its device. */
struct virtio_device *virtio_net_destroy(struct port *port);
