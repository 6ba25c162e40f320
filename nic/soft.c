/* soft.c - what rings, null and pcap ports answer alike: they grant whatever is asked (port.h). */
#include "nic/port.h"

void soft_link(struct port *port, struct port_link *link)
{
    *link = (struct port_link){ .up = true, .full_duplex = true };
}

void soft_stats(struct port *port, struct port_device_stats *stats)
{
    *stats = (struct port_device_stats){ 0 };
}

int soft_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    return 0;
}

int soft_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    return 0;
}

int soft_set_mtu(struct port *port, uint16_t mtu)
{
    return 0;
}
