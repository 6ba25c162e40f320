/* stats_commands.c - what is shown of ports, counters and cores. */
#include "apps/console/command.h"
#include "apps/forward/assign.h"
#include "apps/forward/forward.h"
#include "apps/forward/interface_stats.h"
#include "apps/forward/ports.h"
#include "apps/forward/words.h"
#include "kernel/cpu_features.h"
#include "kernel/time.h"
#include "pci/pci.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ports ---------------------------------------------------------------------- */

/* What the operator calls it: a port that is up may be without a link. */
static const char *state_text(const struct port *port)
{
    if (port->state == PORT_FAILED)
        return "failed";
    return port->state == PORT_RUNNING ? "up" : "down";
}

#define LINK_TEXT 32u

static void link_format(const struct port *port, char text[LINK_TEXT])
{
    if (!port->link.up)
        strcpy(text, "no link");
    else if (!port->link.speed_mbps)
        strcpy(text, "link up");
    else
        snprintf(text, LINK_TEXT, "%" PRIu32 " Mb/s", port->link.speed_mbps);
}

#define PLACE_TEXT 20u

/* Where the device is: on PCI, in memory, or nowhere. */
static void place_format(const struct port *port, char text[PLACE_TEXT])
{
    if (port->pci)
        pci_bdf_format(port->pci->bdf, text);
    else if (port->mmio_address)
        snprintf(text, PLACE_TEXT, "0x%" PRIx64, port->mmio_address);
    else
        strcpy(text, "-");
}

static void show_port(struct out *out, const struct port *port)
{
    char place[PLACE_TEXT], mac[MAC_TEXT], link[LINK_TEXT];
    place_format(port, place);
    mac_format(port->mac, mac);
    link_format(port, link);
    out_printf(out, "%-4u  %-8s  %-18s  %s  %-6s  %-11s  %5u%s%s%s%s\n", port->number, port->driver,
               place, mac, state_text(port), link, port->mtu,
               port->rx_mode.promiscuous ? "  promiscuous" : "", port->unfenced ? "  unfenced" : "",
               port->failure ? "  " : "", port->failure ? port->failure : "");
}

COMMAND(cmd_show_ports, "show ports", "List the ports");
static int cmd_show_ports(struct command_call *call)
{
    out_printf(call->out, "%-4s  %-8s  %-18s  %-17s  %-6s  %-11s  %5s\n", "port", "driver",
               "device", "mac", "state", "link", "mtu");
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i))
            show_port(call->out, port_get(i));
    return 0;
}

/* Counters for people ---------------------------------------------------------- */

static void show_way(struct out *out, const char *way, uint64_t packets, uint64_t bytes,
                     uint64_t rate, uint64_t byte_rate)
{
    out_printf(out, "  %s  %14" PRIu64 " packets  %16" PRIu64 " bytes", way, packets, bytes);
    out_printf(out, "  %9" PRIu64 " packets/s  %12" PRIu64 " bit/s\n", rate, byte_rate * 8);
}

static void show_some(struct out *out, const char *name, uint64_t value, const char *text)
{
    if (value)
        out_printf(out, "  %-20s  %12" PRIu64 "  %s\n", name, value, text);
}

static void show_queue(struct out *out, const char *way, unsigned i, const struct queue_totals *q)
{
    out_printf(out, "  %s queue %-3u  %12" PRIu64 " packets  %16" PRIu64 " bytes\n", way, i,
               q->packets, q->bytes);
}

/* Ports may go while this prints, so it asks for the port each time. */
static void show_queues(struct out *out, unsigned number)
{
    const struct port *port;
    struct queue_totals q;
    for (unsigned i = 0; (port = port_get(number)) && i < port->rx_queues; i++) {
        stats_rx_queue(port, i, &q);
        if (port->rx_queues > 1)
            show_queue(out, "rx", i, &q);
    }
    for (unsigned i = 0; (port = port_get(number)) && i < port->tx_queues; i++) {
        stats_tx_queue(port, i, &q);
        if (port->tx_queues > 1)
            show_queue(out, "tx", i, &q);
    }
}

static void show_port_stats(struct out *out, unsigned number)
{
    const struct port *port = port_get(number);
    struct port_totals t;
    struct port_rates r;
    char link[LINK_TEXT];
    if (!port)
        return;
    stats_port_totals(port, &t);
    stats_port_rates(port, &r);
    link_format(port, link);
    out_printf(out, "port %u  %s  %s  %s\n", number, port->driver, state_text(port), link);
    show_way(out, "rx", t.rx_packets, t.rx_bytes, r.rx_packets, r.rx_bytes);
    show_way(out, "tx", t.tx_packets, t.tx_bytes, r.tx_packets, r.tx_bytes);
    show_some(out, "consumed", t.counters.consumed, "received for the appliance itself");
    show_some(out, "originated", t.counters.originated, "made by the appliance");
    show_some(out, "copied", t.counters.copied, "extra frames: flooding, fragments");
    show_some(out, "rx_missed", t.rx_missed, "refused by the device: no buffers");
    show_some(out, "rx_errors", t.rx_errors, "bad on arrival: length, CRC");
    show_some(out, "tx_errors", t.tx_errors, "failed in the device");
    for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
        if (t.counters.drops[why])
            out_printf(out, "  drop %-15s  %12" PRIu64 "  %s\n", drop_names[why],
                       t.counters.drops[why], drop_texts[why]);
    show_queues(out, number);
}

static int show_stats(struct command_call *call)
{
    if (!port_count())
        out_text(call->out, "no ports\n");
    for (unsigned i = 0; i < port_count(); i++)
        show_port_stats(call->out, i);
    return 0;
}

COMMAND(cmd_clear_stats, "clear stats", "Count from zero again");
static int cmd_clear_stats(struct command_call *call)
{
    stats_clear();
    interface_stats_clear();
    return 0;
}

/* Counters for programs ---------------------------------------------------------- */

/* All of it is read before the first byte is printed: printing may take long,
 * and the sums must be right among each other. */
struct snapshot {
    uint64_t held;
    struct worker_totals worker[WORKERS_MAX];
    unsigned ports;
    struct port_totals port[];
};

static struct snapshot *snapshot_take(void)
{
    unsigned ports = port_count();
    struct snapshot *snapshot = calloc(1, sizeof *snapshot + ports * sizeof snapshot->port[0]);
    if (!snapshot)
        return NULL;
    snapshot->held = forward_held();
    snapshot->ports = ports;
    for (unsigned i = 0; i < ports; i++)
        if (port_get(i))
            stats_port_totals(port_get(i), &snapshot->port[i]);
    for (unsigned i = 0; i < worker_count(); i++)
        stats_worker_totals(i, &snapshot->worker[i]);
    return snapshot;
}

static void json_number(struct out *out, const char *name, uint64_t value)
{
    out_printf(out, ", \"%s\": %" PRIu64, name, value);
}

static void json_drops(struct out *out, const struct port_counters *counters)
{
    out_text(out, ", \"drops\": {");
    for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
        out_printf(out, "%s\"%s\": %" PRIu64, why ? ", " : "", drop_names[why],
                   counters->drops[why]);
    out_text(out, "}");
}

/* Ports may go while this prints, so it asks for the port each time. */
static void json_queues(struct out *out, unsigned number)
{
    const struct port *port;
    struct queue_totals q;
    out_text(out, ", \"rx_queues\": [");
    for (unsigned i = 0; (port = port_get(number)) && i < port->rx_queues; i++) {
        stats_rx_queue(port, i, &q);
        out_printf(out, "%s{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 "}", i ? ", " : "",
                   q.packets, q.bytes);
    }
    out_text(out, "], \"tx_queues\": [");
    for (unsigned i = 0; (port = port_get(number)) && i < port->tx_queues; i++) {
        stats_tx_queue(port, i, &q);
        out_printf(out, "%s{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 "}", i ? ", " : "",
                   q.packets, q.bytes);
    }
    out_text(out, "]");
}

static void json_identity(struct out *out, const struct port *port)
{
    char place[PLACE_TEXT], mac[MAC_TEXT];
    const char *quote = port->pci ? "\"" : "";
    mac_format(port->mac, mac);
    place_format(port, place);
    out_printf(out,
               "{\"port\": %u, \"driver\": \"%s\", \"bdf\": %s%s%s, \"mac\": \"%s\", "
               "\"state\": \"%s\", \"link\": \"%s\"",
               port->number, port->driver, quote, port->pci ? place : "null", quote, mac,
               state_text(port), port->link.up ? "up" : "down");
}

static void json_port(struct out *out, const struct port *port, const struct port_totals *t)
{
    unsigned number = port->number;
    json_identity(out, port);
    json_number(out, "rx_packets", t->rx_packets);
    json_number(out, "rx_bytes", t->rx_bytes);
    json_number(out, "tx_packets", t->tx_packets);
    json_number(out, "tx_bytes", t->tx_bytes);
    json_number(out, "rx_dropped", t->rx_dropped);
    json_number(out, "tx_dropped", t->tx_dropped);
    json_number(out, "rx_errors", t->rx_errors);
    json_number(out, "rx_missed", t->rx_missed);
    json_number(out, "tx_errors", t->tx_errors);
    json_number(out, "consumed", t->counters.consumed);
    json_number(out, "originated", t->counters.originated);
    json_number(out, "copied", t->counters.copied);
    json_drops(out, &t->counters);
    json_queues(out, number);
    out_text(out, "}");
}

static const char *role_text(unsigned worker)
{
    const struct poll_list *polls = worker_get(worker)->polls;
    if (worker_get(worker) != control_worker())
        return "worker";
    return workers_first() && !(polls && polls->count) ? "control" : "control+worker";
}

static void json_core(struct out *out, unsigned i, const struct worker_totals *t)
{
    out_printf(out, "%s{\"core\": %u, \"role\": \"%s\", \"packets\": %" PRIu64, i ? ", " : "", i,
               role_text(i), t->packets);
    json_number(out, "busy_cycles", t->busy_cycles);
    json_number(out, "idle_cycles", t->idle_cycles);
    json_number(out, "wakeups", t->wakeups);
    json_number(out, "taken", t->taken);
    out_text(out, "}");
}

static void json_all(struct out *out, const struct snapshot *snapshot)
{
    const char *comma = "";
    struct interface_snapshot *interfaces = interface_snapshot_take();
    out_printf(out, "{\"uptime_us\": %" PRIu64 ", \"forwarding\": \"%s\"", time_us(),
               forward_running() ? forward_get_mode()->name : "stopped");
    json_number(out, "held", snapshot->held);
    out_text(out, ", \"ports\": [");
    for (unsigned i = 0; i < snapshot->ports; i++) {
        if (!port_get(i))
            continue;
        out_text(out, comma);
        json_port(out, port_get(i), &snapshot->port[i]);
        comma = ", ";
    }
    out_text(out, "]");
    interface_snapshot_print(out, interfaces);
    free(interfaces);
    out_text(out, ", \"cores\": [");
    for (unsigned i = 0; i < worker_count(); i++)
        json_core(out, i, &snapshot->worker[i]);
    out_text(out, "]}\n");
}

static int show_json(struct command_call *call)
{
    struct snapshot *snapshot = snapshot_take();
    if (!snapshot)
        return command_error(call, "no memory to read all counters at once");
    json_all(call->out, snapshot);
    free(snapshot);
    return 0;
}

COMMAND(cmd_show_stats, "show stats [json]",
        "Show the ports' counters, rates and drops by reason; json: as one line");
static int cmd_show_stats(struct command_call *call)
{
    return command_given(call, "json") ? show_json(call) : show_stats(call);
}

/* Cores ---------------------------------------------------------------------- */

COMMAND(cmd_show_cpu, "show cpu",
        "Show the cores, what they do, how busy they are, and what they can");
static int cmd_show_cpu(struct command_call *call)
{
    out_printf(call->out, "%-4s  %-14s  %14s  %s\n", "core", "role", "packets",
               "busy over the last second");
    for (unsigned i = 0; i < worker_count(); i++) {
        struct worker_totals t;
        stats_worker_totals(i, &t);
        out_printf(call->out, "%-4u  %-14s  %14" PRIu64 "  %u %%\n", i, role_text(i), t.packets,
                   t.busy_percent);
    }
    char text[64];
    cpu_features_text(cpu_features(), text, sizeof text);
    out_printf(call->out, "wide instructions: %s\n", text);
    return 0;
}

/* "0.0" for queue 0 of port 0, and so on. */
static void show_queues_of(struct out *out, unsigned core)
{
    const struct forward_port *fp;
    const char *comma = "";
    for (unsigned i = 0; i < port_count(); i++)
        for (unsigned q = 0; (fp = forward_port_get(i)) && q < fp->port->rx_queues; q++) {
            if (!fp->assignment.attached || fp->assignment.worker[q] != core)
                continue;
            out_printf(out, "%s%u.%u%s", comma, i, q,
                       fp->assignment.pinned >> q & 1 ? " (set)" : "");
            comma = ", ";
        }
    if (!*comma)
        out_text(out, assign_takes_flows(core) ? "flows of other cores" : "-");
    out_text(out, "\n");
}

COMMAND(cmd_show_cores, "show cores",
        "Show which receive queues (PORT.QUEUE) each core polls, who rests, and how often who did");
static int cmd_show_cores(struct command_call *call)
{
    out_printf(call->out, "%-4s  %-14s  %-7s  %12s  %s\n", "core", "role", "state", "wake-ups",
               "polls");
    for (unsigned i = 0; i < worker_count(); i++) {
        struct worker_totals t;
        stats_worker_totals(i, &t);
        out_printf(call->out, "%-4u  %-14s  %-7s  %12" PRIu64 "  ", i, role_text(i),
                   t.resting ? "rests" : "polls", t.wakeups);
        show_queues_of(call->out, i);
    }
    return 0;
}

COMMAND(cmd_port_queue_core, "port PORT queue NUMBER core NUMBER",
        "Set which core polls a receive queue");
static int cmd_port_queue_core(struct command_call *call)
{
    struct port *port = call->arg[0].port;
    uint64_t queue = call->arg[1].number, core = call->arg[2].number;
    if (queue >= port->rx_queues)
        return command_error(call, "port %u has no queue '%s', expected 0 to %u", port->number,
                             call->arg[1].word, port->rx_queues - 1u);
    if (core >= worker_count())
        return command_error(call, "there is no core '%s', expected 0 to %u", call->arg[2].word,
                             worker_count() - 1);
    if (assign_pin(port, (unsigned)queue, (unsigned)core))
        return command_error(call, "no memory for new lists of queues");
    return 0;
}

static void print_core_config(struct out *out)
{
    for (unsigned i = 0; i < port_count(); i++) {
        const struct forward_port *fp;
        char name[PORT_TEXT];
        port_format(i, name);
        for (unsigned q = 0; (fp = forward_port_get(i)) && q < PORT_QUEUES_MAX; q++)
            if (fp->assignment.pinned >> q & 1)
                out_printf(out, "port %s queue %u core %u\n", name, q, fp->assignment.worker[q]);
    }
}

CONFIG_PRINTER(core_config) = { .order = CONFIG_PORT + 2, .print = print_core_config };
