/* transmit.c - the control task's way out (transmit.h). */
#include "apps/ip/transmit.h"

/* The tag of its VLAN.  False: there was no room for it, and the packet is gone. */
static bool tag(struct worker *control, const struct interface *vlan, struct packet **packet)
{
    (*packet)->vlan = vlan->vid;
    if (!packet_push_vlan(&control->cache, packet))
        return true;
    ip_drop(control, DROP_no_buffer, *packet);
    return false;
}

void ip_transmit(struct worker *control, struct interface *interface, struct packet *packet)
{
    if (interface->vid) {
        if (!tag(control, interface, &packet))
            return;
        interface_count_tx(interface, control->number, &packet, 1);
        interface = interface->lower;
    }
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
