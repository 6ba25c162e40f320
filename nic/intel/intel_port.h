/* intel_port.h - what drivers of Intel's NICs do alike, whatever their registers' places.
 *
 * Sections in nic/intel: "unread: 82576 DS 8.14" is remembered, nobody here had that page (which
 * pages somebody had: docs/sources.md); what it says of registers agrees with Intel's own drivers
 * and, of the 82576, with QEMU's model. */
#pragma once

#include "kernel/log.h"
#include "nic/intel/intel_ring.h"

#include <stdbool.h>
#include <stdint.h>

/* So many queues each way, rings of intel_ring.h, frames up to FRAME_MAX: the shortest limit
 * of these chips is 9.5 KiB. */
#define INTEL_PORT_LIMITS(queues) \
    { \
        .rx_queues_max = (queues), .tx_queues_max = (queues), \
        .rx_size_min = INTEL_RING_SIZE_MIN, .rx_size_max = INTEL_RING_SIZE_MAX, \
        .rx_size_default = INTEL_RING_SIZE_DEFAULT, .tx_size_min = INTEL_RING_SIZE_MIN, \
        .tx_size_max = INTEL_RING_SIZE_MAX, .tx_size_default = INTEL_RING_SIZE_DEFAULT, \
        .size_power_of_two = true, \
        .size_multiple = 8, /* RDLEN and TDLEN count 128 bytes */ \
        .max_frame = FRAME_MAX, \
        .offloads = PORT_OFFLOAD_VLAN_STRIP | PORT_OFFLOAD_VLAN_INSERT, \
    }

/* Waits until the masked register has the wanted value: 0, or -ETIMEDOUT with a log line of this
 * level.  `device`, `name`: for the line. */
int intel_wait(enum log_level level, const char *device, const char *name, uint8_t *reg,
               uint32_t mask, uint32_t wanted, uint64_t limit_us);

/* STATUS of a 1 Gb/s chip; 0, nothing up, of a device that left the bus: then *gone is set, and
 * the log was told, once.  Such a one answers all ones, which STATUS never is: some of its bits
 * are reserved as 0. */
uint32_t intel_status(const char *device, const uint8_t *status, bool *gone);

/* A receive address, RAL at `ral` and RAH behind it.  False: not valid, or no station's. */
bool intel_mac_read(const uint8_t *ral, uint8_t mac[MAC_LEN]);
/* Never valid with half an old address in it; `flags`: what else of RAH.  NULL: none. */
void intel_mac_write(uint8_t *ral, const uint8_t *mac, uint32_t flags);

/* A word of the NVM by EERD: `start` has its address where the chip wants it, `done` is the chip's
 * bit.  0, or -ETIMEDOUT with a log line. */
int intel_nvm_read(const char *device, uint8_t *eerd, uint32_t start, uint32_t done,
                   uint16_t *value);

/* Adds registers that reading clears to what was read before.  The first `narrow` of `count`
 * have 32 bits; of the others the upper half, which clears both, is read last. */
void intel_collect(uint8_t *regs, const uint16_t *offsets, unsigned narrow, unsigned count,
                   uint64_t *counters);

/* Of the fields of STATUS; 0 in `up`: nothing of the others counts. */
struct port_link intel_link(uint32_t up, uint32_t full_duplex, uint32_t speed);

/* The multicast table with offset 0 (RCTL.MO): bits 47:36 of an address, whose first byte on the
 * wire is bits 7:0, choose one of 4096 bits (8254x SDM 13.5.1, unread: 82576 DS 8.10). */
#define INTEL_MULTICAST_WORDS 128u
void intel_multicast_add(uint32_t table[INTEL_MULTICAST_WORDS], const struct port_rx_mode *mode);

/* The rings of a port's first queues each way, and the packet pool, for its device: 0, or -E...
 * with a log line and nothing left behind. */
int intel_rings_create(struct port *port, uint16_t queues);
/* When the device has let go of them. */
void intel_rings_drop(struct port *port, uint16_t queues);
void intel_rings_destroy(struct port *port, uint16_t queues);
