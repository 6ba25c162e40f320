/* ethernet.c - addresses: broadcast, invented, as text (ethernet.h). */
#include "nic/ethernet.h"

#include "kernel/random.h"

#include <stdio.h>

const uint8_t mac_broadcast[MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

void mac_invent(uint8_t mac[MAC_LEN])
{
    uint64_t x = random_word();
    memcpy(mac, &x, MAC_LEN);
    mac[0] = (uint8_t)((mac[0] & ~1u) | 2u);
}

const char *mac_format(const uint8_t *mac, char text[MAC_TEXT])
{
    snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    return text;
}
