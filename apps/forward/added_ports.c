/* added_ports.c - ports without hardware that come and go by command: rings and null ports.  Ports
 * over capture files: added_pcap.c. */
#include "apps/forward/added_ports.h"

#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/forward/port_commands.h"

#include <errno.h>
#include <string.h>

/* The number that was asked for, or the lowest that is free. */
int added_port_number(struct command_call *call, unsigned *number)
{
    const struct command_arg *arg = command_option(call, "number");
    *number = PORT_NONE;
    if (!arg)
        return 0;
    if (arg->number >= PORT_NONE)
        return command_error(call, "number '%s' is out of range, expected 0 to %u", arg->word,
                             PORT_NONE - 1u);
    if (port_get((unsigned)arg->number))
        return command_error(call, "there is a port %s already, expected another number",
                             arg->word);
    *number = (unsigned)arg->number;
    return 0;
}

/* It begins with the next turn, or with the others where a configuration is read. */
int added_port(struct command_call *call, int e, const struct port *port)
{
    if (e)
        return command_error(call, "no port is added: %s",
                             e == -ENOMEM ? "there is no memory" : strerror(-e));
    unsigned number = port->number;
    forward_take_ports();
    out_printf(call->out, "port %u: %s\n", number, port->driver);
    return 0;
}

COMMAND(cmd_port_add_ring, "port add ring [number NUMBER]",
        "Add a port that receives what it sends itself");
static int cmd_port_add_ring(struct command_call *call)
{
    struct port *port = NULL;
    unsigned number;
    int e = added_port_number(call, &number);
    if (e)
        return e;
    e = ring_port_create(number, &port);
    return added_port(call, e, port);
}

COMMAND(cmd_port_add_null, "port add null [size NUMBER] [number NUMBER]",
        "Add a port that swallows all; size: and receives frames of so many bytes without end");
static int cmd_port_add_null(struct command_call *call)
{
    const struct command_arg *size = command_option(call, "size");
    struct port *port = NULL;
    unsigned number;
    if (size && !null_frame_good(size->number))
        return command_error(call, "size '%s' is out of range, expected %u to %u", size->word,
                             FRAME_PADDED, PACKET_ROOM);
    int e = added_port_number(call, &number);
    if (e)
        return e;
    e = null_port_create_at(number, size ? (uint16_t)size->number : 0, &port);
    return added_port(call, e, port);
}

COMMAND(cmd_port_delete, "port delete PORT", "Take away a port that was added");
static int cmd_port_delete(struct command_call *call)
{
    struct port *port = call->arg[0].port;
    if (!port->remove)
        return command_error(call, "port %u (%s) was not added, expected one of 'port add'",
                             port->number, port->driver);
    if (port_command_hold(call, port))
        return -1;
    port->remove(port); /* and with it the hold */
    return 0;
}

/* In front of all other ports' lines, those that make VFs too: with its number each comes back as
 * it was. */
static void print_config(struct out *out)
{
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *port = port_get(i);
        if (!port || !port->remove)
            continue;
        out_printf(out, "port add %s", port->driver);
        if (!strcmp(port->driver, "null") && null_port_frame(port))
            out_printf(out, " size %u", null_port_frame(port));
        if (!strcmp(port->driver, "pcap"))
            added_pcap_print(out, port);
        out_printf(out, " number %u\n", i);
    }
}

CONFIG_PRINTER(added_port_config) = { .order = CONFIG_ADDED_PORT, .print = print_config };
