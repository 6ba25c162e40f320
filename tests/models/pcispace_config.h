/* pcispace_config.h - configuration space of a made-up device: header, BARs, capabilities.
 *
 * Needs nothing but the device itself, so a model has the same space in the tree of a test
 * (pcispace.c) and when it is served to QEMU (tests/linux/vfio_user.c). */
#pragma once

#include "tests/models/pcispace.h"

#include <stdint.h>

#define CONFIG_INTERRUPT_PIN 0x3du
#define CONFIG_FLR 0x8000u /* of Device Control, PCIe 7.5.3.4 */

static inline void config_put(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static inline uint64_t config_get(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

/* What a write changes. */
void config_write_masked(struct pcispace_device *d, unsigned offset, unsigned size, uint32_t value);
/* The registers of d->bar[i]. */
void config_bar(struct pcispace_device *d, unsigned i);
/* The header of an extended capability. */
void config_extended(struct pcispace_device *d, unsigned at, unsigned id, unsigned version,
                     unsigned next);
/* Express version 2; returns where. */
uint16_t config_add_express(struct pcispace_device *d, unsigned type, bool flr, bool ari);
uint16_t config_find_express(const struct pcispace_device *d);
/* Table at 0 and pending bits at 2000h of this BAR. */
void config_add_msix(struct pcispace_device *d, unsigned vectors, unsigned bar);
void config_add_aer(struct pcispace_device *d, unsigned at, unsigned next);
