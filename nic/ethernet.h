/* ethernet.h - Ethernet's own facts: lengths, addresses, EtherTypes, the VLAN tag.
 *
 * Offsets count from the first byte of the destination address; lengths leave the FCS out
 * where nothing else is said.  unread in this file: IEEE 802, 802.1Q, 802.1ad, 802.3. */
#pragma once

#include "kernel/endian.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAC_LEN 6u
#define MAC_TEXT 18u /* "02:00:00:00:00:01" and its NUL */

/* Destination, source, type */
#define ETHERNET_SOURCE 6u
#define ETHERNET_TYPE 12u
#define ETHERNET_HEADER 14u
#define ETHERNET_FCS 4u
#define FRAME_PADDED 60u /* IEEE 802.3 minimum without FCS */
#define MTU_DEFAULT 1500u

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_ARP 0x0806u
#define ETHERTYPE_VLAN 0x8100u         /* IEEE 802.1Q */
#define ETHERTYPE_SERVICE_VLAN 0x88a8u /* IEEE 802.1ad */
#define ETHERTYPE_IPV6 0x86ddu

/* A tag stands in front of the type: its own EtherType, then the TCI (IEEE 802.1Q 9.6). */
#define VLAN_TAG 4u
#define VLAN_TCI 14u /* where the TCI of the outermost tag is */
#define VLAN_TCI_PCP 0xe000u
#define VLAN_TCI_DEI 0x1000u
#define VLAN_TCI_VID 0x0fffu
#define VLAN_MAX 4094u /* 4095 is reserved; 0 is no VLAN, only a priority */

extern const uint8_t mac_broadcast[MAC_LEN];

/* An individual address, and not all zeros. */
static inline bool mac_is_station(const uint8_t mac[MAC_LEN])
{
    return !(mac[0] & 1) && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]);
}

static inline bool mac_equal(const uint8_t a[MAC_LEN], const uint8_t b[MAC_LEN])
{
    return !memcmp(a, b, MAC_LEN);
}

/* As one word: the first octet lowest, so that bit 0 tells a group address (IEEE 802 8.2). */
#define MAC_WORD 0x0000ffffffffffffull
#define MAC_WORD_GROUP 1ull
static inline uint64_t mac_load(const uint8_t *mac)
{
    return (uint64_t)load_le16(mac + 4) << 32 | load_le32(mac);
}

static inline void mac_store(uint8_t *to, uint64_t word)
{
    store_le32(to, (uint32_t)word);
    store_le16(to + 4, (uint16_t)(word >> 32));
}

/* Not secret, only unlike others': a station's, locally administered (unread: IEEE 802 8.2). */
void mac_invent(uint8_t mac[MAC_LEN]);

/* Writes and returns `text`. */
const char *mac_format(const uint8_t *mac, char text[MAC_TEXT]);

static inline uint16_t ethernet_type(const uint8_t *frame)
{
    return load_be16(frame + ETHERNET_TYPE);
}
