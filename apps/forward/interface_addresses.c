/* interface_addresses.c - see interface_addresses.h. */
#include "apps/forward/interface_addresses.h"

bool interface_address(unsigned number, unsigned n, struct interface_address *address)
{
    const struct interface *interface = interface_get(number);
    TABLE_FOR_EACH (interface_addresses, struct interface_addresses, room)
        for (unsigned i = 0; interface && room->get(interface, i, address); i++)
            if (!n--)
                return true;
    return false;
}

void interface_addresses_show(struct out *out, unsigned number)
{
    struct interface_address address;
    for (unsigned n = 0; interface_address(number, n, &address); n++)
        out_printf(out, *address.state ? "  address        %s  (%s)\n" : "  address        %s\n",
                   address.text, address.state);
}
