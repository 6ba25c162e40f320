/* intel_port.h - what ports over Intel's NICs do alike: limits, link, receive mode, tags, rings. */
#pragma once

#include "nic/intel/intel_device.h"
#include "nic/intel/intel_ring.h"

#include <stdbool.h>
#include <stdint.h>

/* So many queues each way, rings of intel_ring.h, frames of `longest` octets without FCS. */
#define INTEL_LONG_PORT_LIMITS(queues, longest) \
    { \
        .rx_queues_max = (queues), .tx_queues_max = (queues), \
        .rx_size_min = INTEL_RING_SIZE_MIN, .rx_size_max = INTEL_RING_SIZE_MAX, \
        .rx_size_default = INTEL_RING_SIZE_DEFAULT, .tx_size_min = INTEL_RING_SIZE_MIN, \
        .tx_size_max = INTEL_RING_SIZE_MAX, .tx_size_default = INTEL_RING_SIZE_DEFAULT, \
        .size_power_of_two = true, \
        .size_multiple = 8, /* RDLEN and TDLEN count 128 bytes */ \
        .max_frame = (longest), \
        .offloads = PORT_OFFLOAD_VLAN_STRIP | PORT_OFFLOAD_VLAN_INSERT, \
    }
/* Frames as other ports have them: the shortest limit of these chips is 9.5 KiB. */
#define INTEL_PORT_LIMITS(queues) INTEL_LONG_PORT_LIMITS(queues, FRAME_MAX)

/* Of the fields of a status register; 0 in `up`: nothing of the others counts. */
struct port_link intel_link(uint32_t up, uint32_t full_duplex, uint32_t speed);
/* Of STATUS, a VF's too. */
struct port_link intel_link_of(uint32_t status);
/* After a reset: CTRL as the PHY, which negotiates and tells the MAC, wants it, and no pause
 * frames, neither sent nor obeyed.  clear, set: what else of CTRL. */
void intel_link_on(const struct intel_device *d, uint32_t clear, uint32_t set);

/* The receiver is on, and in this mode; `more`: what else of RCTL.  Frames of any length: without
 * LPE they end at 1522 bytes with FCS (8254x SDM 13.7.15), and two tags and 1500 octets are
 * longer. */
void intel_receiver_on(struct intel_device *d, const struct port_rx_mode *mode, uint32_t more);
/* The bit of the multicast table with offset 0 (RCTL.MO): bits 47:36 of an address, whose first
 * byte on the wire is bits 7:0, choose one of 4096 (8254x SDM 13.5.1, unread: 82576 DS 8.10). */
static inline uint32_t intel_multicast_hash(const uint8_t mac[MAC_LEN])
{
    return (uint32_t)mac[5] << 4 | mac[4] >> 4;
}
void intel_multicast_add(uint32_t table[INTEL_MTA_REGS], const struct port_rx_mode *mode);
void intel_multicast_write(const struct intel_device *d, const struct port_rx_mode *mode);

/* The hash's key, and the table that spreads it over so many queues. */
void intel_rss_write(const struct intel_device *d, uint32_t queues);

/* Tags are taken off from now on as `offloads` says, on the first queues: before the device is
 * told so.  device_strips: they come beside frames in any case. */
void intel_rx_offloads(struct port *port, uint16_t queues, uint32_t offloads, bool device_strips);
/* And put in: after it was told. */
void intel_tx_offloads(struct port *port, uint16_t queues, uint32_t offloads);
/* Both, with CTRL.VME, which does both in the 1 Gb/s chips (8254x SDM 9); once on it stays on until
 * the next start: frames that wait in the transmit rings would go out without their tag. */
void intel_offloads_write(const struct intel_device *d, struct port *port, uint16_t queues,
                          uint32_t offloads, bool device_strips);

/* The rings of a port's first queues each way, and the packet pool, for its device: 0, or -E...
 * with a log line and nothing left behind. */
int intel_rings_create(struct port *port, uint16_t queues);
/* When the device has let go of them. */
void intel_rings_drop(struct port *port, uint16_t queues);
void intel_rings_destroy(struct port *port, uint16_t queues);

/* remove(): the port, which runs no more and is nobody's, and the memory of its `priv`. */
void intel_port_remove(struct port *port);
