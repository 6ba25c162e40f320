/* port_commands.c - one port: what it is, what it counted, what can be set.
 *
 * A port may go while its text is printed (kernel/task.h), so each part of
 * `show port` looks it up anew and prints from copies. */
#include "apps/forward/port_commands.h"

#include "apps/console/command.h"
#include "apps/forward/access.h"
#include "apps/forward/event.h"
#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/forward/interface_addresses.h"
#include "apps/forward/rest.h"
#include "apps/forward/stats.h"
#include "apps/forward/words.h"
#include "kernel/time.h"
#include "pci/pci.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEVICE_COUNTERS 64u
#define HOLD_US (10 * US_PER_S) /* for whoever else changes the port */
#define GRANT_US \
    (3 * US_PER_S) /* for who grants settings to answer; a PF that is away takes longer */

/* show port ------------------------------------------------------------------ */

static const char *fence(const struct port *p)
{
    if (p->unfenced)
        return "unfenced: goes round the IOMMU";
    if (!p->dma)
        return "no device";
    return p->dma->domain ? "fenced by the IOMMU" : "unfenced: no IOMMU is used";
}

static void show_vlan(struct out *out, unsigned vlan)
{
    if (vlan)
        out_printf(out, "  vlan           %u: its frames alone, without their tag on this side\n",
                   vlan);
    else
        out_text(out, "  vlan           none: tags are left alone\n");
}

static void show_mac(struct out *out, const struct port *p)
{
    char mac[MAC_TEXT], permanent[MAC_TEXT];
    mac_format(p->mac, mac);
    mac_format(p->permanent_mac, permanent);
    if (memcmp(p->mac, (uint8_t[MAC_LEN]){ 0 }, MAC_LEN))
        out_printf(out, "  mac            %s, permanent %s\n", mac, permanent);
    else
        out_text(out, "  mac            none yet: the PF gives it\n");
}

static void show_title(struct out *out, const struct port *p)
{
    static const char *const states[] = {
        [PORT_STOPPED] = "stopped", [PORT_RUNNING] = "running", [PORT_FAILED] = "failed"
    };
    char where[32] = "no bus";
    if (p->pci)
        pci_bdf_format(p->pci->bdf, where);
    else if (p->mmio_address)
        snprintf(where, sizeof where, "mmio 0x%" PRIx64, p->mmio_address);
    out_printf(out, "port %u: %s, %s, %s%s%s\n", p->number, p->driver, where, states[p->state],
               p->failure ? ": " : "", p->failure ? p->failure : "");
}

/* Of a copy: printing lets others run, and then the port may be gone. */
static void show_identity(struct out *out, unsigned number)
{
    const struct port *port = port_get(number);
    if (!port)
        return;
    struct port p = *port;
    show_title(out, &p);
    out_printf(out, "  admin          %s\n", p.admin_up ? "up" : "down");
    out_printf(out, "  dma            %s\n", fence(&p));
    show_mac(out, &p);
    if (p.pending)
        out_text(out, "  settings       asked for, the PF has not answered yet\n");
    if (p.refusal)
        out_printf(out, "  refused        %s\n", p.refusal);
    out_printf(out, "  mtu            %u\n", p.mtu);
    show_vlan(out, p.vlan);
    out_printf(out, "  queues         %u rx, %u tx\n", p.rx_queues, p.tx_queues);
    out_printf(out, "  receives       %s, %s, %u group addresses\n",
               p.rx_mode.promiscuous ? "all stations' frames" : "its own frames",
               p.rx_mode.all_multicast ? "all multicast" : "chosen multicast",
               p.rx_mode.multicast_count);
}

/* How who rests learns of a frame (apps/forward/rest.h). */
static void show_rest(struct out *out, unsigned number)
{
    const struct port *port = port_get(number);
    if (!port)
        return;
    if (!rest_look_us())
        out_text(out, "  when idle      polled all the time\n");
    else if (port->rxq[0]->interrupts)
        out_text(out, "  when idle      woken by its interrupts\n");
    else
        out_printf(out, "  when idle      looked at every %u ms\n",
                   (unsigned)(rest_look_us() / US_PER_MS));
}

static void show_addresses(struct out *out, unsigned number)
{
    const struct interface *interface = interface_by_port(number);
    if (interface)
        interface_addresses_show(out, interface->number);
}

static void show_link(struct out *out, unsigned number)
{
    const struct port *port = port_get(number);
    struct port_link link = port ? port->link : (struct port_link){ 0 };

    if (!link.up)
        out_printf(out, "  link           down%s%s\n", link.why ? ": " : "",
                   link.why ? link.why : "");
    else if (!link.speed_mbps)
        out_text(out, "  link           up, speed unknown\n");
    else
        out_printf(out, "  link           up, %" PRIu32 " Mbit/s, %s duplex\n", link.speed_mbps,
                   link.full_duplex ? "full" : "half");
}

static void show_limits(struct out *out, unsigned number)
{
    const struct port *port = port_get(number);
    if (!port)
        return;
    struct port_limits l = port->limits;

    out_printf(out,
               "  limits         frame %" PRIu32 ", rx %u queues of %u to %u, tx %u of %u to %u\n",
               l.max_frame, l.rx_queues_max, l.rx_size_min, l.rx_size_max, l.tx_queues_max,
               l.tx_size_min, l.tx_size_max);
}

static void show_queue(struct out *out, const char *side, const struct port *port,
                       const struct port_queue *q, unsigned queue, const struct queue_totals *t)
{
    bool told = port->ops->path && port->state == PORT_RUNNING;
    const char *path = told ? port->ops->path(q) : "";
    out_printf(out,
               "  %s queue %-4u  %u descriptors, %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64
               " errors%s%s\n",
               side, queue, q->size, t->packets, t->bytes, t->errors, told ? "; " : "", path);
}

static void show_queues(struct out *out, unsigned number)
{
    const struct port *port;
    struct queue_totals t;

    for (unsigned i = 0; (port = port_get(number)) && i < port->rx_queues; i++) {
        stats_rx_queue(port, i, &t);
        show_queue(out, "rx", port, port->rxq[i], i, &t);
    }
    for (unsigned i = 0; (port = port_get(number)) && i < port->tx_queues; i++) {
        stats_tx_queue(port, i, &t);
        show_queue(out, "tx", port, port->txq[i], i, &t);
    }
}

static void show_count(struct out *out, const char *name, uint64_t value)
{
    out_printf(out, "  %-24s %12" PRIu64 "\n", name, value);
}

static void show_totals(struct out *out, unsigned number)
{
    const struct port *port = port_get(number);
    struct port_totals t;
    if (!port)
        return;

    stats_port_totals(port, &t);
    show_count(out, "rx_packets", t.rx_packets);
    show_count(out, "rx_bytes", t.rx_bytes);
    show_count(out, "tx_packets", t.tx_packets);
    show_count(out, "tx_bytes", t.tx_bytes);
    show_count(out, "rx_missed", t.rx_missed);
    show_count(out, "rx_errors", t.rx_errors);
    show_count(out, "tx_errors", t.tx_errors);
    show_count(out, "rx_dropped", t.rx_dropped);
    show_count(out, "tx_dropped", t.tx_dropped);
    show_count(out, "consumed", t.counters.consumed);
    show_count(out, "originated", t.counters.originated);
    show_count(out, "copied", t.counters.copied);
    for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
        if (t.counters.drops[i])
            out_printf(out, "  drop %-19s %12" PRIu64 "  %s\n", drop_names[i], t.counters.drops[i],
                       drop_texts[i]);
}

static void show_device_counters(struct out *out, unsigned number)
{
    struct port_counter rows[DEVICE_COUNTERS];
    struct port *port = port_get(number);
    unsigned n = port ? port_read_counters(port, rows, DEVICE_COUNTERS) : 0;

    for (unsigned i = 0; i < n; i++)
        out_printf(out, "  device %-17s %12" PRIu64 "\n", rows[i].name, rows[i].value);
}

COMMAND(cmd_show_port, "show port PORT", "Show all about one port");
static int cmd_show_port(struct command_call *call)
{
    unsigned number = call->arg[0].port->number;
    bool failed = call->arg[0].port->state == PORT_FAILED;

    show_identity(call->out, number);
    show_addresses(call->out, number);
    if (failed) /* there is nothing behind it to ask */
        return 0;
    show_link(call->out, number);
    show_rest(call->out, number);
    show_limits(call->out, number);
    show_queues(call->out, number);
    show_totals(call->out, number);
    show_device_counters(call->out, number);
    return 0;
}

/* port ------------------------------------------------------------------------ */

int port_command_hold(struct command_call *call, struct port *port)
{
    const unsigned number = port->number;
    const uint64_t life = port->life, end = time_us() + HOLD_US;
    while (port_hold(port)) {
        bool over = time_us() >= end || !command_wait(call);
        if (port_get(number) != port || port->life != life)
            return command_error(call, "port %u went meanwhile", number);
        if (over)
            return command_error(call, "port %u: it is being started or changed", number);
    }
    return 0;
}

static int refused(struct command_call *call, const char *what, int e)
{
    const struct port *port = call->arg[0].port;
    const char *why = e == -ENOTSUP      ? "its device cannot do that"
                      : e == -EINVAL     ? "its device does not take that value"
                      : e == -EIO        ? "its device does not answer"
                      : e == -ENOMEM     ? "there is no memory"
                      : e == -EPERM      ? "no IOMMU fences it (iommu=strict)"
                      : e == -ENOSPC     ? "its device has no filter left"
                      : e == -EADDRINUSE ? "one of its VFs has that address"
                                         : strerror(-e);
    return command_error(call, "port %u (%s): %s: %s", port->number, port->driver, what, why);
}

/* The outcome of a setting: in force; refused by the device or by who grants it; or still
 * asked for, when there was no answer. */
static int outcome(struct command_call *call, const char *what, int e)
{
    unsigned number = call->arg[0].port->number;
    uint64_t end = time_us() + GRANT_US;
    struct port *port;
    if (e)
        return refused(call, what, e);
    while ((port = port_get(number)) && port->pending && time_us() < end)
        if (!command_wait(call))
            break;
    if (!port)
        return command_error(call, "port %u went meanwhile", number);
    if (port->pending)
        return command_error(call,
                             "port %u (%s): %s yet: the PF does not answer; it stays asked for",
                             number, port->driver, what);
    if (port->refusal)
        return command_error(call, "port %u (%s): %s: %s", number, port->driver, what,
                             port->refusal);
    interface_follow_port(port);
    return 0;
}

COMMAND(cmd_port_up_down, "port PORT up|down", "Start a port, or take it out of use");
static int cmd_port_up_down(struct command_call *call)
{
    struct port *port = call->arg[0].port;

    if (port_command_hold(call, port))
        return -1;
    int e = call->arg[1].choice ? forward_port_down(port) : forward_port_up(port);
    if (e == -ENOMEM && port->failure)
        e = command_error(call, "port %u (%s): %s; it starts when there is", port->number,
                          port->driver, port->failure);
    else if (e)
        e = refused(call, "does not start", e);
    port_release(port);
    return e;
}

int station_check(struct command_call *call, const struct command_arg *arg)
{
    if (mac_is_station(arg->mac))
        return 0;
    command_error(call,
                  "'%s' is no station's address, expected one with an even first octet that is not "
                  "all zeros",
                  arg->word);
    return -1;
}

COMMAND(cmd_port_mac, "port PORT mac MAC", "Set a port's address");
static int cmd_port_mac(struct command_call *call)
{
    const uint8_t *mac = call->arg[1].mac;
    struct port *port = call->arg[0].port;

    if (station_check(call, &call->arg[1]) || port_command_hold(call, port))
        return -1;
    int e = port_set_mac(port, mac);
    if (!e)
        forward_refresh_rx_mode(port); /* it may be one that it listened for already */
    port_release(port);
    return outcome(call, "mac is not changed", e);
}

COMMAND(cmd_port_mtu, "port PORT mtu NUMBER", "Set the longest packet a port sends and accepts");
static int cmd_port_mtu(struct command_call *call)
{
    struct port *port = call->arg[0].port;
    uint64_t mtu = call->arg[1].number, max = port->limits.max_frame - FRAME_LIMIT(0);

    if (mtu < MTU_MIN || mtu > max)
        return command_error(call, "mtu '%s' is out of range, expected %u to %u", call->arg[1].word,
                             MTU_MIN, (unsigned)max);
    if (port_command_hold(call, port))
        return -1;
    int e = port_set_mtu(port, (uint16_t)mtu);
    port_release(port);
    return outcome(call, "mtu is not changed", e);
}

int port_up_down_command(struct command_call *call)
{
    return cmd_port_up_down(call);
}

int port_mac_command(struct command_call *call)
{
    return cmd_port_mac(call);
}

int port_mtu_command(struct command_call *call)
{
    return cmd_port_mtu(call);
}

COMMAND(cmd_port_promiscuous, "port PORT promiscuous on|off",
        "Receive frames for other stations; modes that need it do so anyway");
static int cmd_port_promiscuous(struct command_call *call)
{
    struct port *port = call->arg[0].port;
    unsigned number = port->number;
    bool on = !call->arg[1].choice, before = forward_promiscuous(port);
    if (port_command_hold(call, port))
        return -1;
    int e = forward_set_promiscuous(port, on);
    port_release(port);
    if (e || !on) /* nobody refuses less */
        return e ? refused(call, "promiscuous is not changed", e) : 0;
    e = outcome(call, "promiscuous is not changed", 0);
    port = port_get(number);
    if (e && port && port->refusal)
        forward_set_promiscuous(port, before);
    return e;
}

/* Its tags are somebody else's already. */
static int vlan_refused(struct command_call *call, unsigned number)
{
    const struct interface *interface = interface_by_port(number);
    if (interface && interface->tags_bridged)
        return command_error(call,
                             "port %u is in a VLAN-aware bridge, expected 'bridge BRIDGE port %u "
                             "vlan V tagged|untagged'",
                             number, number);
    if (interface && interface->vlan_count)
        return command_error(call,
                             "port %u has VLANs that are interfaces, expected 'interface delete' "
                             "of each first",
                             number);
    return 0;
}

/* Whose tags a port's are has changed. */
static void tell_changed(struct interface *interface)
{
    const struct event event = { .kind = EVENT_INTERFACE_CHANGED, .interface = interface };
    if (interface)
        event_post(&event);
}

COMMAND(cmd_port_vlan, "port PORT vlan NUMBER",
        "Make a port the access port of a VLAN: tagged on the wire, not here; 0: of none");
static int cmd_port_vlan(struct command_call *call)
{
    struct port *port = call->arg[0].port;
    uint64_t vlan = call->arg[1].number;
    uint16_t before = port->vlan;
    unsigned number = port->number;

    if (vlan > VLAN_MAX)
        return command_error(call, "vlan '%s' is out of range, expected 1 to %u, or 0 for none",
                             call->arg[1].word, VLAN_MAX);
    if (vlan && vlan_refused(call, number))
        return -1;
    if (port_command_hold(call, port))
        return -1;
    int e = access_set_vlan(port, (uint16_t)vlan);
    port_release(port);
    e = outcome(call, "vlan is not changed", e);
    port = port_get(number);
    if (e && port && port->refusal)
        access_set_vlan(port, before);
    else if (!e)
        tell_changed(interface_by_port(number));
    return e;
}

COMMAND(cmd_port_queues, "port PORT queues NUMBER",
        "Set how many queues a port receives and sends with; a running one starts anew");
static int cmd_port_queues(struct command_call *call)
{
    struct port *port = call->arg[0].port;
    uint64_t queues = call->arg[1].number;
    unsigned max = port_queues_limit(port);

    if (!queues || queues > max)
        return command_error(call, "queues '%s' is out of range, expected %s%u", call->arg[1].word,
                             max > 1 ? "1 to " : "", max);
    if (port_command_hold(call, port))
        return -1;
    int e = forward_set_queues(port, (uint16_t)queues);
    port_release(port);
    return e ? refused(call, "does not start with that many queues", e) : 0;
}

/* What differs from how a port begins.  A failed port takes no commands. */
static void print_config(struct out *out)
{
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *port = port_get(i);
        if (!port || port->state == PORT_FAILED)
            continue;
        struct port p = *port;
        bool promiscuous = forward_promiscuous(port);
        char mac[MAC_TEXT], name[PORT_TEXT];
        mac_format(p.mac, mac);
        port_format(i, name);
        if (p.rx_queues > QUEUES_DEFAULT)
            out_printf(out, "port %s queues %u\n", name, p.rx_queues);
        if (p.vlan)
            out_printf(out, "port %s vlan %u\n", name, p.vlan);
        if (memcmp(p.mac, p.permanent_mac, MAC_LEN))
            out_printf(out, "port %s mac %s\n", name, mac);
        if (p.mtu != p.first_mtu)
            out_printf(out, "port %s mtu %u\n", name, p.mtu);
        if (promiscuous)
            out_printf(out, "port %s promiscuous on\n", name);
        if (!p.admin_up)
            out_printf(out, "port %s down\n", name);
    }
}

CONFIG_PRINTER(port_config) = { .order = CONFIG_PORT, .print = print_config };
