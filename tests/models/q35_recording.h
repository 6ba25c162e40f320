/* q35_recording.h - a QEMU q35 as `lspci -xxxx` found it under Linux.
 *
 * Host bridge, virtio functions, e1000, the ICH9's three; eight root ports with
 * igb (VFs on), e1000e, vmxnet3 and modern virtio-net behind six of them. */
#pragma once

#include "tests/models/pcispace.h"

/* Puts the recording into an empty tree; returns how many devices, VFs among them. */
unsigned q35_load(void);
struct pcispace_device *q35_device(unsigned bus, unsigned device, unsigned function);
/* Takes away what firmware set: bus numbers, windows, BARs, decoding. */
void q35_unplace(void);
