/* transmit.c - the control task's way out (transmit.h). */
#include "apps/ip/transmit.h"

void ip_transmit(struct worker *control, struct interface *interface, struct packet *packet)
{
    if (interface->kind != INTERFACE_PORT) {
        interface->output(control, interface, &packet, 1);
    } else if (packet->port == PORT_NONE) {
        packet->port = interface->port_number;
        control_originate(control, interface->port, packet);
    } else {
        control_forward(control, interface->port, packet);
    }
}

void ip_drop(struct worker *control, enum drop_reason why, struct packet *packet)
{
    if (packet->port == PORT_NONE)
        packet_free(&control->cache, packet);
    else
        forward_drop(control, packet->port, why, packet);
}
