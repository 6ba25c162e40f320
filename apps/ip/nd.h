/* nd.h - neighbor discovery's messages (RFC 4861), read and made. */
#pragma once

#include "apps/ip/icmp6_message.h"

#define ND_HOP_LIMIT 255u /* no router passed it on */
/* Offsets in a solicitation and an advertisement of a neighbor, RFC 4861 4.3, 4.4 */
#define ND_FLAGS 4u
#define ND_ROUTER 0x80u
#define ND_SOLICITED 0x40u
#define ND_OVERRIDE 0x20u
#define ND_TARGET 8u
#define ND_NEIGHBOR_LENGTH 24u
#define ND_ROUTER_SOLICITATION_LENGTH 8u

/* Options, RFC 4861 4.6; a length counts eight octets */
#define ND_OPTION_SOURCE 1u
#define ND_OPTION_TARGET 2u
#define ND_OPTION_PREFIX 3u
#define ND_OPTION_REDIRECTED 4u
#define ND_OPTION_MTU 5u
#define ND_OPTION_DNS 25u /* unread: RFC 8106 5.1 */
#define ND_OPTION_MAC_LENGTH 8u

/* Whether a message is what RFC 4861 6.1.1, 7.1.1 and 7.1.2 have in common: from the link, code
 * 0, at least so long, all its options of some length; and in one piece (unread: RFC 6980 5, which
 * FreeBSD's r326876 tells of). */
bool nd_is_valid(const struct icmp6_message *message, uint32_t header);
/* The MAC that an option of a valid message says; NULL: there is none. */
const uint8_t *nd_option_mac(const struct icmp6_message *message, uint32_t header, uint8_t type);
/* Writes one, returns where it ends. */
uint8_t *nd_put_mac(uint8_t *at, uint8_t type, const uint8_t mac[MAC_LEN]);

/* To a station or, where that is NULL, to the group that the destination is. */
void nd_send(struct worker *control, struct interface *out, const uint8_t *mac,
             struct packet *made);
/* "Who has `target`?", asked of that station, or of the target's group where mac is NULL; from
 * the unspecified address to find out whether somebody has it. */
void nd_solicit(struct worker *control, struct interface *out, const uint8_t *mac,
                struct ip_address source, struct ip_address target);
