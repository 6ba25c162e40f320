/* arp.h - ARP packets for IPv4 over Ethernet (RFC 826): read and made. */
#pragma once

#include "apps/forward/forward.h"
#include "apps/forward/interface.h"

#include <stdbool.h>
#include <stdint.h>

#define ARP_REQUEST 1u
#define ARP_REPLY 2u

struct arp {
    unsigned op;
    const uint8_t *mac; /* sender's, within the packet */
    uint32_t sender, target;
};

/* False when a field that RFC 826 lets a receiver check says something else. */
bool arp_parse(const struct packet *packet, struct arp *arp);
/* To that station, from the interface's MAC. */
void arp_send(struct worker *control, struct interface *out, unsigned op, const uint8_t *to,
              uint32_t sender, const uint8_t *target_mac, uint32_t target);
/* "Who has `target`?", asked of that station or of everybody. */
void arp_ask(struct worker *control, struct interface *out, const uint8_t *to, uint32_t sender,
             uint32_t target);
