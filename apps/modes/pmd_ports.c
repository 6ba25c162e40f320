/* pmd_ports.c - testpmd's words for ports: what they are, start and stop, addresses, VLANs. */
#include "apps/console/command.h"
#include "apps/forward/event.h"
#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/forward/job.h"
#include "apps/forward/port_commands.h"
#include "apps/modes/pmd.h"
#include "apps/modes/tags.h"
#include "kernel/numbered.h"
#include "pci/pci.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_TEXT 24u
#define SPEED_TEXT 16u

/* What was added to a port. */
struct port_extras {
    uint64_t
        vlan[(VLAN_MAX + 64) / 64]; /* a bit for each that is let through the device's filter */
};

static struct numbered extras; /* struct port_extras, by the port's number */

static struct port_extras *extras_get(unsigned number, bool make)
{
    struct port_extras *x = numbered_get(&extras, number);
    if (x || !make)
        return x;
    x = calloc(1, sizeof *x);
    if (x && numbered_set(&extras, number, x)) {
        free(x);
        x = NULL;
    }
    return x;
}

/* What ports are ----------------------------------------------------------------- */

static void name_format(const struct port *port, char text[NAME_TEXT])
{
    if (port->pci)
        pci_bdf_format(port->pci->bdf, text);
    else
        snprintf(text, NAME_TEXT, "%s%u", port->driver, port->number);
}

static void speed_format(const struct port *port, char text[SPEED_TEXT])
{
    uint32_t mbps = port->link.speed_mbps;
    if (!mbps)
        snprintf(text, SPEED_TEXT, "%s", port->link.up ? "Unknown" : "None");
    else if (mbps % 1000)
        snprintf(text, SPEED_TEXT, "%" PRIu32 " Mbps", mbps);
    else
        snprintf(text, SPEED_TEXT, "%" PRIu32 " Gbps", mbps / 1000);
}

static int show_summary(struct command_call *call, struct port *port, const void *arg)
{
    char mac[MAC_TEXT], name[NAME_TEXT], speed[SPEED_TEXT];
    name_format(port, name);
    speed_format(port, speed);
    out_printf(call->out, "%-4u %-17s %-12s %-14s %-8s %s\n", port->number,
               mac_format(port->mac, mac), name, port->driver, port->link.up ? "up" : "down",
               speed);
    return 0;
}

COMMAND(cmd_port_summary, "show port summary PORTS", "List ports, as testpmd");
static int cmd_port_summary(struct command_call *call)
{
    unsigned n = 0;
    for (unsigned i = 0; i < port_count(); i++)
        n += port_get(i) != NULL;
    out_printf(call->out, "Number of available ports: %u\n", n);
    out_printf(call->out, "%-4s %-17s %-12s %-14s %-8s %s\n", "Port", "MAC Address", "Name",
               "Driver", "Status", "Link");
    return pmd_for_each(call, &call->arg[0], show_summary, NULL);
}

static void show_queue_limits(struct out *out, const char *way, unsigned now, unsigned most,
                              unsigned size_max, unsigned size_min, unsigned multiple)
{
    out_printf(out,
               "Current number of %s queues: %u\nMax possible %s queues: %u\n"
               "Max possible number of %sDs per queue: %u\n"
               "Min possible number of %sDs per queue: %u\n%sDs number alignment: %u\n",
               way, now, way, most, way, size_max, way, size_min, way, multiple);
}

static void show_settings(struct out *out, const struct port *port)
{
    out_printf(out, "MTU: %u\nPromiscuous mode: %s\nAllmulticast mode: %s\n", port->mtu,
               port->rx_mode.promiscuous ? "enabled" : "disabled",
               port->rx_mode.all_multicast ? "enabled" : "disabled");
    out_printf(out, "VLAN offload: \n  strip %s, filter off, extend off, qinq strip off\n",
               tags_strip(port) ? "on" : "off");
    out_printf(out, "Maximum configurable length of RX packet: %" PRIu32 "\n",
               port->limits.max_frame);
}

/* From copies: the port may go while this prints. */
static int show_info(struct command_call *call, struct port *port, const void *arg)
{
    static const char border[] = "*********************";
    struct port p = *port;
    const struct port_limits *l = &p.limits;
    char mac[MAC_TEXT], name[NAME_TEXT], speed[SPEED_TEXT];
    name_format(&p, name);
    speed_format(&p, speed);
    out_printf(call->out, "\n%s Infos for port %-2u %s\n", border, p.number, border);
    out_printf(call->out, "MAC address: %s\nDevice name: %s\nDriver name: %s\n",
               mac_format(p.mac, mac), name, p.driver);
    out_printf(call->out, "Link status: %s\nLink speed: %s\nLink duplex: %s\n",
               p.link.up ? "up" : "down", speed,
               p.link.full_duplex ? "full-duplex" : "half-duplex");
    show_settings(call->out, &p);
    show_queue_limits(call->out, "RX", p.rx_queues, l->rx_queues_max, l->rx_size_max,
                      l->rx_size_min, l->size_multiple);
    show_queue_limits(call->out, "TX", p.tx_queues, l->tx_queues_max, l->tx_size_max,
                      l->tx_size_min, l->size_multiple);
    out_printf(call->out, "Max segment number per packet: %u\n", FRAME_SEGMENTS_MAX);
    return 0;
}

COMMAND(cmd_port_info, "show port info PORTS", "Show what a port is, as testpmd");
static int cmd_port_info(struct command_call *call)
{
    return pmd_for_each(call, &call->arg[0], show_info, NULL);
}

/* Start and stop -------------------------------------------------------------------- */

static int start_port(struct command_call *call, struct port *port, const void *arg)
{
    unsigned number = port->number;
    if (port_command_hold(call, port))
        return -1;
    int e = arg ? forward_port_up(port) : forward_port_down(port);
    port_release(port);
    return e ? command_error(call, "port %u does not start: %s", number, strerror(-e)) : 0;
}

COMMAND(cmd_ports_start, "port start PORTS", "Start ports");
static int cmd_ports_start(struct command_call *call)
{
    return pmd_for_each(call, &call->arg[0], start_port, "up");
}

COMMAND(cmd_ports_stop, "port stop PORTS", "Take ports out of use");
static int cmd_ports_stop(struct command_call *call)
{
    return pmd_for_each(call, &call->arg[0], start_port, NULL);
}

/* More addresses ---------------------------------------------------------------------- */

static int hear_mac(struct command_call *call, bool on)
{
    struct port *port = call->arg[0].port;
    unsigned number = port->number;
    if (station_check(call, &call->arg[1]) || port_command_hold(call, port))
        return -1;
    int e = forward_hear_mac(port, call->arg[1].mac, on);
    port_release(port);
    if (e == -EEXIST)
        return command_error(call, "port %u has %s already, expected another address", number,
                             call->arg[1].word);
    if (e == -ENOENT)
        return command_error(call, "port %u has no address %s more, expected one of 'mac_addr add'",
                             number, call->arg[1].word);
    if (e == -ENOSPC)
        return command_error(
            call,
            "port %u has as many addresses more as it can have, expected 'mac_addr remove' first",
            number);
    return e ? command_error(call, "its device cannot do that: %s", strerror(-e)) : 0;
}

COMMAND(cmd_mac_add, "mac_addr add PORT MAC", "Receive what is for one more address");
static int cmd_mac_add(struct command_call *call)
{
    return hear_mac(call, true);
}

COMMAND(cmd_mac_set, "mac_addr set PORT MAC", "Set a port's address, as 'port PORT mac MAC'");
static int cmd_mac_set(struct command_call *call)
{
    return port_mac_command(call);
}

COMMAND(cmd_mac_remove, "mac_addr remove PORT MAC", "Receive no more what is for that address");
static int cmd_mac_remove(struct command_call *call)
{
    return hear_mac(call, false);
}

/* VLANs --------------------------------------------------------------------------------- */

static int filter(struct command_call *call, bool on)
{
    uint64_t vlan = call->arg[0].number;
    struct port *port = call->arg[1].port;
    struct port_extras *x = extras_get(port->number, true);
    if (!vlan || vlan > VLAN_MAX)
        return command_error(call, "vlan '%s' is out of range, expected 1 to %u", call->arg[0].word,
                             VLAN_MAX);
    if (!x)
        return command_error(call, "there is no memory for that");
    if (port_command_hold(call, port))
        return -1;
    int e = port_vlan_filter(port, (uint16_t)vlan, on);
    port_release(port);
    if (e)
        return command_error(call, "its device does not take VLAN %u: %s", (unsigned)vlan,
                             strerror(-e));
    x->vlan[vlan / 64] = (x->vlan[vlan / 64] & ~(1ull << vlan % 64)) | (uint64_t)on << vlan % 64;
    return 0;
}

COMMAND(cmd_rx_vlan_add, "rx_vlan add NUMBER PORT",
        "Let frames of a VLAN through a device's filter, where it has one");
static int cmd_rx_vlan_add(struct command_call *call)
{
    return filter(call, true);
}

COMMAND(cmd_rx_vlan_rm, "rx_vlan rm NUMBER PORT", "Take that back");
static int cmd_rx_vlan_rm(struct command_call *call)
{
    return filter(call, false);
}

static int no_tags(struct command_call *call, int e)
{
    return e ? command_error(call, "there is no memory for that") : 0;
}

COMMAND(cmd_vlan_strip, "vlan set strip on|off PORT", "Take the outermost tag off what comes in");
static int cmd_vlan_strip(struct command_call *call)
{
    return no_tags(call, tags_set_strip(call->arg[1].port, !call->arg[0].choice));
}

COMMAND(cmd_tx_vlan_set, "tx_vlan set PORT NUMBER", "Put a tag on everything that a port sends");
static int cmd_tx_vlan_set(struct command_call *call)
{
    uint64_t vlan = call->arg[1].number;
    if (!vlan || vlan > VLAN_MAX)
        return command_error(call, "vlan '%s' is out of range, expected 1 to %u", call->arg[1].word,
                             VLAN_MAX);
    return no_tags(call, tags_set_insert(call->arg[0].port, (uint16_t)vlan));
}

COMMAND(cmd_tx_vlan_reset, "tx_vlan reset PORT", "Put no tag on what a port sends");
static int cmd_tx_vlan_reset(struct command_call *call)
{
    return no_tags(call, tags_set_insert(call->arg[0].port, 0));
}

/* ------------------------------------------------------------------------------------------ */

static void print_extras(struct out *out, unsigned number)
{
    const struct port_extras *x;
    char mac[MAC_TEXT];
    const uint8_t *more;
    for (unsigned i = 0; (more = forward_more_mac(number, i)); i++)
        out_printf(out, "mac_addr add %u %s\n", number, mac_format(more, mac));
    for (unsigned vlan = 1; (x = extras_get(number, false)) && vlan <= VLAN_MAX; vlan++)
        if (x->vlan[vlan / 64] >> vlan % 64 & 1)
            out_printf(out, "rx_vlan add %u %u\n", vlan, number);
}

static void print_config(struct out *out)
{
    for (unsigned i = 0; i < port_count(); i++) {
        print_extras(out, i);
        if (port_get(i) && tags_strip(port_get(i)))
            out_printf(out, "vlan set strip on %u\n", i);
        if (port_get(i) && tags_insert(port_get(i)))
            out_printf(out, "tx_vlan set %u %u\n", i, tags_insert(port_get(i)));
    }
}

CONFIG_PRINTER(pmd_port_config) = { .order = CONFIG_PORT + 1, .print = print_config };

static void heard(const struct event *event)
{
    if (event->kind != EVENT_INTERFACE_GONE || event->interface->kind != INTERFACE_PORT)
        return;
    free(extras_get(event->interface->port_number, false));
    numbered_clear(&extras, event->interface->port_number);
}

EVENT_LISTENER(pmd_port_listener) = { .order = EVENT_ORDER_FORWARD, .heard = heard };

static void forget(void)
{
    for (unsigned i = 0; i < extras.limit; i++)
        free(extras_get(i, false));
    numbered_free(&extras);
}

CONTROL_JOB(pmd_port_job) = { .free = forget };
