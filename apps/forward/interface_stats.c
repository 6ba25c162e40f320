/* interface_stats.c - counts what goes through interfaces (interface_stats.h). */
#include "apps/forward/interface_stats.h"

#include "apps/console/out.h"
#include "apps/forward/stats.h"
#include "apps/forward/worker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct interface_snapshot {
    unsigned count;
    struct {
        char name[INTERFACE_NAME];
        struct interface_counters counters;
    } row[];
};

/* Control task ---------------------------------------------------------------- */

static void of_port(const struct port *port, struct interface_counters *totals)
{
    struct port_totals t;
    stats_port_totals(port, &t);
    *totals = (struct interface_counters){ .rx_packets = t.rx_packets,
                                           .rx_bytes = t.rx_bytes,
                                           .tx_packets = t.tx_packets,
                                           .tx_bytes = t.tx_bytes };
    memcpy(totals->drops, t.counters.drops, sizeof totals->drops);
}

static void add_up(const struct interface *interface, struct interface_counters *totals)
{
    memset(totals, 0, sizeof *totals);
    for (unsigned i = 0; i < worker_count(); i++) {
        const struct interface_counters *c = &interface->shares[i].counters;
        totals->rx_packets += load_relaxed(&c->rx_packets);
        totals->rx_bytes += load_relaxed(&c->rx_bytes);
        totals->tx_packets += load_relaxed(&c->tx_packets);
        totals->tx_bytes += load_relaxed(&c->tx_bytes);
        for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
            totals->drops[why] += load_relaxed(&c->drops[why]);
    }
}

void interface_totals(const struct interface *interface, struct interface_counters *totals)
{
    if (!interface->shares) {
        of_port(interface->port, totals);
        return;
    }
    const struct interface_counters *then = &interface->shares[worker_count()].counters;
    add_up(interface, totals);
    totals->rx_packets -= then->rx_packets;
    totals->rx_bytes -= then->rx_bytes;
    totals->tx_packets -= then->tx_packets;
    totals->tx_bytes -= then->tx_bytes;
    for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
        totals->drops[why] -= then->drops[why];
}

void interface_stats_clear(void)
{
    for (unsigned i = 0; i < interface_limit(); i++) {
        struct interface *interface = interface_get(i);
        if (interface && interface->shares)
            add_up(interface, &interface->shares[worker_count()].counters);
    }
}

struct interface_snapshot *interface_snapshot_take(void)
{
    struct interface_snapshot *s = malloc(sizeof *s + interface_limit() * sizeof s->row[0]);
    const struct interface *interface;
    if (!s)
        return NULL;
    s->count = 0;
    for (unsigned cursor = 0; (interface = interface_next(&cursor));) {
        memcpy(s->row[s->count].name, interface->name, INTERFACE_NAME);
        interface_totals(interface, &s->row[s->count++].counters);
    }
    return s;
}

static void print_drops(struct out *out, const struct interface_counters *c)
{
    const char *comma = "";
    out_text(out, ", \"drops\": {");
    for (unsigned why = 0; why < DROP_REASON_COUNT; why++) {
        if (!c->drops[why])
            continue;
        out_printf(out, "%s\"%s\": %" PRIu64, comma, drop_names[why], c->drops[why]);
        comma = ", ";
    }
    out_text(out, "}}");
}

void interface_snapshot_print(struct out *out, const struct interface_snapshot *snapshot)
{
    out_text(out, ", \"interfaces\": [");
    for (unsigned i = 0; snapshot && i < snapshot->count; i++) {
        const struct interface_counters *c = &snapshot->row[i].counters;
        out_printf(out, "%s{\"interface\": \"%s\", \"rx_packets\": %" PRIu64, i ? ", " : "",
                   snapshot->row[i].name, c->rx_packets);
        out_printf(out, ", \"rx_bytes\": %" PRIu64 ", \"tx_packets\": %" PRIu64, c->rx_bytes,
                   c->tx_packets);
        out_printf(out, ", \"tx_bytes\": %" PRIu64, c->tx_bytes);
        print_drops(out, c);
    }
    out_text(out, "]");
}
