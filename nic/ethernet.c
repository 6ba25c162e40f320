/* ethernet.c - the broadcast address, addresses as text (ethernet.h). */
#include "nic/ethernet.h"

#include <stdio.h>

const uint8_t mac_broadcast[MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

const char *mac_format(const uint8_t *mac, char text[MAC_TEXT])
{
    snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    return text;
}
