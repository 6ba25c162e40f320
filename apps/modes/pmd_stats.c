/* pmd_stats.c - testpmd's counters, in its shape (pmd_stats.h).
 *
 * Lines and widths as dpdk-testpmd 22.11 prints them: tests/system/test_testpmd.py compares. */
#include "apps/modes/pmd_stats.h"

#include "apps/forward/forward.h"
#include "apps/modes/bursts.h"
#include "apps/modes/pmd.h"
#include "apps/modes/settings.h"
#include "kernel/time.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool records_cycles;
static uint64_t cycles_base;

/* Reading --------------------------------------------------------------------- */

/* testpmd's words: missed is what the device had no buffer for, nombuf what we had none for,
 * dropped what could not be sent. */
static void read_counts(const struct port *port, struct pmd_counts *c)
{
    struct port_totals t;
    stats_port_all(port, &t);
    *c = (struct pmd_counts){ .rx_packets = t.rx_packets,
                              .rx_bytes = t.rx_bytes,
                              .rx_missed = t.rx_missed,
                              .rx_errors = t.rx_errors,
                              .rx_nombuf = t.counters.drops[DROP_no_buffer],
                              .tx_packets = t.tx_packets,
                              .tx_bytes = t.tx_bytes,
                              .tx_errors = t.tx_errors };
    for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
        c->tx_dropped += drop_is_tx[why] ? t.counters.drops[why] : 0;
    c->tx_dropped += t.tx_errors;
}

static uint64_t since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

static void counts_since(struct pmd_counts *c, const struct pmd_counts *then)
{
    c->rx_packets = since(c->rx_packets, then->rx_packets);
    c->rx_bytes = since(c->rx_bytes, then->rx_bytes);
    c->rx_missed = since(c->rx_missed, then->rx_missed);
    c->rx_errors = since(c->rx_errors, then->rx_errors);
    c->rx_nombuf = since(c->rx_nombuf, then->rx_nombuf);
    c->tx_packets = since(c->tx_packets, then->tx_packets);
    c->tx_bytes = since(c->tx_bytes, then->tx_bytes);
    c->tx_errors = since(c->tx_errors, then->tx_errors);
    c->tx_dropped = since(c->tx_dropped, then->tx_dropped);
}

static uint64_t busy_cycles(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < worker_count(); i++)
        sum += load_relaxed(&worker_get(i)->busy_cycles);
    return sum;
}

/* Of one port, or of all (NULL). */
static void begin(const struct port *only)
{
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *port = port_get(i);
        struct mode_port *mp = mode_port_get(i);
        if (!port || !mp || (only && only != port))
            continue;
        read_counts(port, &mp->forward_base);
        mp->bad_ip_base = load_relaxed(&mp->bad_ip);
        mp->bad_l4_base = load_relaxed(&mp->bad_l4);
    }
}

void pmd_begin_forward(void)
{
    begin(NULL);
    cycles_base = busy_cycles();
    if (bursts_are_recorded())
        bursts_record(true);
}

void pmd_record_cycles(bool on)
{
    records_cycles = on;
    cycles_base = busy_cycles();
}

bool pmd_records_cycles(void)
{
    return records_cycles;
}

int pmd_record_bursts(bool on)
{
    return bursts_record(on);
}

bool pmd_records_bursts(void)
{
    return bursts_are_recorded();
}

/* Forward statistics ------------------------------------------------------------- */

struct forward_port_counts {
    unsigned number;
    struct pmd_counts counts;
    uint64_t bad_ip, bad_l4;
    bool bursts;
    struct burst_spread rx, tx;
};

/* All is read before anything is printed: the sums are right among each other. */
struct forward_counts {
    struct pmd_counts all;
    uint64_t cycles;
    unsigned count;
    struct forward_port_counts port[];
};

static void take_port(struct forward_counts *f, const struct port *port)
{
    const struct mode_port *mp = mode_port_get(port->number);
    struct forward_port_counts *p = &f->port[f->count++];
    p->number = port->number;
    read_counts(port, &p->counts);
    if (mp) {
        counts_since(&p->counts, &mp->forward_base);
        p->bad_ip = since(load_relaxed(&mp->bad_ip), mp->bad_ip_base);
        p->bad_l4 = since(load_relaxed(&mp->bad_l4), mp->bad_l4_base);
    }
    p->bursts = bursts_of(port, false, &p->rx) && bursts_of(port, true, &p->tx);
    f->all.rx_packets += p->counts.rx_packets;
    f->all.rx_missed += p->counts.rx_missed;
    f->all.rx_nombuf += p->counts.rx_nombuf;
    f->all.tx_packets += p->counts.tx_packets;
    f->all.tx_dropped += p->counts.tx_dropped;
}

static struct forward_counts *take(void)
{
    const uint16_t *listed;
    unsigned n = forward_get_pairs(&listed), ports = n > port_count() ? n : port_count();
    struct forward_counts *f = calloc(1, sizeof *f + ports * sizeof f->port[0]);
    if (!f)
        return NULL;
    f->cycles = since(busy_cycles(), cycles_base);
    for (unsigned i = 0; n && i < n; i++)
        if (port_get(listed[i]))
            take_port(f, port_get(listed[i]));
    for (unsigned i = 0; !n && i < port_count(); i++)
        if (port_get(i))
            take_port(f, port_get(i));
    return f;
}

static void show_way(struct out *out, const char *way, uint64_t packets, uint64_t dropped)
{
    out_printf(out,
               "  %s-packets: %-14" PRIu64 " %s-dropped: %-14" PRIu64 "%s-total: %" PRIu64 "\n",
               way, packets, way, dropped, way, packets + dropped);
}

/* None and the two most frequent sizes by themselves, in parts of a hundred. */
static void show_spread(struct out *out, const char *way, const struct burst_spread *spread)
{
    uint64_t total = spread->of[0], count[3] = { spread->of[0], 0, 0 }, shown = 0;
    unsigned size[3] = { 0 }, percent = 0;
    for (unsigned n = 1; n <= PORT_BURST; n++) {
        total += spread->of[n];
        unsigned place = spread->of[n] > count[1] ? 1 : spread->of[n] > count[2] ? 2 : 3;
        if (place == 1) {
            count[2] = count[1];
            size[2] = size[1];
        }
        if (place < 3) {
            count[place] = spread->of[n];
            size[place] = n;
        }
    }
    if (!total)
        return;
    out_printf(out, "  %s-bursts : %" PRIu64 " [", way, total);
    for (unsigned i = 0; i < 3; i++) {
        shown += count[i];
        if (shown == total) {
            out_printf(out, "%u%% of %u pkts]\n", 100 - percent, size[i]);
            return;
        }
        out_printf(out, "%u%% of %u pkts + ", (unsigned)(count[i] * 100 / total), size[i]);
        percent += (unsigned)(count[i] * 100 / total);
    }
    out_printf(out, "%u%% of other]\n", 100 - percent);
}

static void show_forward_port(struct out *out, const struct forward_port_counts *p)
{
    static const char border[] = "----------------------";
    const struct pmd_counts *c = &p->counts;
    out_printf(out, "\n  %s Forward statistics for port %-2u %s\n", border, p->number, border);
    show_way(out, "RX", c->rx_packets, c->rx_missed);
    if (!strcmp(forward_get_mode()->name, "csum"))
        out_printf(out,
                   "  Bad-ipcsum: %-14" PRIu64 " Bad-l4csum: %-14" PRIu64
                   "Bad-outer-l4csum: %-14u\n  Bad-outer-ipcsum: %-14u\n",
                   p->bad_ip, p->bad_l4, 0u, 0u);
    if (c->rx_errors + c->rx_nombuf)
        out_printf(out, "  RX-error: %" PRIu64 "\n  RX-nombufs: %-14" PRIu64 "\n", c->rx_errors,
                   c->rx_nombuf);
    show_way(out, "TX", c->tx_packets, c->tx_dropped);
    if (p->bursts) {
        show_spread(out, "RX", &p->rx);
        show_spread(out, "TX", &p->tx);
    }
    out_printf(out, "  %s--------------------------------%s\n", border, border);
}

static void show_cycles(struct out *out, const struct forward_counts *f)
{
    const char *mode = forward_get_mode()->name;
    bool makes = !strcmp(mode, "txonly") || !strcmp(mode, "flowgen");
    uint64_t packets = makes ? f->all.tx_packets : f->all.rx_packets;
    if (!packets)
        return;
    out_printf(out,
               "\n  CPU cycles/packet=%" PRIu64 ".%02" PRIu64 " (busy cycles=%" PRIu64
               " / total %s packets=%" PRIu64 ") at %" PRIu64 " MHz Clock\n",
               f->cycles / packets, f->cycles % packets * 100 / packets, f->cycles, mode, packets,
               time_cycles_per_us());
}

void pmd_show_forward(struct out *out)
{
    static const char border[] = "+++++++++++++++";
    struct forward_counts *f = take();
    if (!f)
        return;
    for (unsigned i = 0; i < f->count; i++)
        show_forward_port(out, &f->port[i]);
    out_printf(out, "\n  %s Accumulated forward statistics for all ports%s\n", border, border);
    show_way(out, "RX", f->all.rx_packets, f->all.rx_missed);
    show_way(out, "TX", f->all.tx_packets, f->all.tx_dropped);
    if (f->all.rx_nombuf)
        out_printf(out, "  RX-nombufs: %-14" PRIu64 "\n", f->all.rx_nombuf);
    out_printf(out, "  %s++++++++++++++++++++++++++++++++++++++++++++++%s\n", border, border);
    if (records_cycles)
        show_cycles(out, f);
    free(f);
}

COMMAND(cmd_show_fwd, "show fwd stats all", "Show what was forwarded since the start, as testpmd");
static int cmd_show_fwd(struct command_call *call)
{
    pmd_show_forward(call->out);
    return 0;
}

COMMAND(cmd_clear_fwd, "clear fwd stats all", "Count what is forwarded from zero");
static int cmd_clear_fwd(struct command_call *call)
{
    pmd_begin_forward();
    return 0;
}

/* Ports' statistics ---------------------------------------------------------------- */

static int clear_port(struct command_call *call, struct port *port, const void *arg)
{
    struct mode_port *mp = mode_port_get(port->number);
    if (mp)
        read_counts(port, &mp->port_base);
    begin(port);
    out_printf(call->out, "\n  NIC statistics for port %u cleared\n", port->number);
    return 0;
}

COMMAND(cmd_clear_port, "clear port stats PORTS",
        "Count what testpmd's words tell of a port from zero");
static int cmd_clear_port(struct command_call *call)
{
    return pmd_for_each(call, &call->arg[0], clear_port, NULL);
}

/* Since it was shown last, in frames or bits a second. */
static uint64_t rate(uint64_t now, uint64_t then, uint64_t us)
{
    return us ? since(now, then) * US_PER_S / us : 0;
}

static void show_throughput(struct out *out, const struct pmd_counts *now,
                            const struct pmd_counts *then, uint64_t us)
{
    out_text(out, "\n  Throughput (since last show)\n");
    out_printf(out, "  Rx-pps: %12" PRIu64 "          Rx-bps: %12" PRIu64 "\n",
               rate(now->rx_packets, then->rx_packets, us),
               rate(now->rx_bytes, then->rx_bytes, us) * 8);
    out_printf(out, "  Tx-pps: %12" PRIu64 "          Tx-bps: %12" PRIu64 "\n",
               rate(now->tx_packets, then->tx_packets, us),
               rate(now->tx_bytes, then->tx_bytes, us) * 8);
}

static int show_stats(struct command_call *call, struct port *port, const void *arg)
{
    static const char border[] = "########################";
    struct mode_port *mp = mode_port_get(port->number);
    struct pmd_counts c, now, shown = { 0 };
    uint64_t us = 0;
    read_counts(port, &now);
    c = now;
    if (mp) {
        counts_since(&c, &mp->port_base);
        us = mp->shown_us ? time_us() - mp->shown_us : 0;
        shown = mp->shown;
        mp->shown = now;
        mp->shown_us = time_us();
    }
    out_printf(call->out, "\n  %s NIC statistics for port %-2u %s\n", border, port->number, border);
    out_printf(call->out,
               "  RX-packets: %-10" PRIu64 " RX-missed: %-10" PRIu64 " RX-bytes:  %" PRIu64
               "\n  RX-errors: %" PRIu64 "\n  RX-nombuf:  %-10" PRIu64 "\n",
               c.rx_packets, c.rx_missed, c.rx_bytes, c.rx_errors, c.rx_nombuf);
    out_printf(call->out,
               "  TX-packets: %-10" PRIu64 " TX-errors: %-10" PRIu64 " TX-bytes:  %" PRIu64 "\n",
               c.tx_packets, c.tx_errors, c.tx_bytes);
    show_throughput(call->out, &now, &shown, us);
    out_printf(call->out, "  %s############################%s\n", border, border);
    return 0;
}

COMMAND(cmd_show_port_stats, "show port stats PORTS", "Show a port's counters, as testpmd");
static int cmd_show_port_stats(struct command_call *call)
{
    return pmd_for_each(call, &call->arg[0], show_stats, NULL);
}

static void show_x(struct out *out, const char *name, uint64_t value)
{
    out_printf(out, "%s: %" PRIu64 "\n", name, value);
}

static void show_x_queues(struct out *out, unsigned number)
{
    const struct port *port;
    for (unsigned i = 0; (port = port_get(number)) && i < port->rx_queues; i++) {
        const struct port_queue *q = port->rxq[i];
        out_printf(out, "rx_q%u_packets: %" PRIu64 "\nrx_q%u_bytes: %" PRIu64 "\n", i,
                   load_relaxed(&q->packets), i, load_relaxed(&q->bytes));
        if ((port = port_get(number)))
            out_printf(out, "rx_q%u_errors: %" PRIu64 "\n", i, load_relaxed(&port->rxq[i]->errors));
    }
    for (unsigned i = 0; (port = port_get(number)) && i < port->tx_queues; i++) {
        const struct port_queue *q = port->txq[i];
        out_printf(out, "tx_q%u_packets: %" PRIu64 "\ntx_q%u_bytes: %" PRIu64 "\n", i,
                   load_relaxed(&q->packets), i, load_relaxed(&q->bytes));
    }
}

#define DEVICE_COUNTERS 64u

/* A port may go while this prints, so it asks for the port each time. */
static int show_xstats(struct command_call *call, struct port *port, const void *arg)
{
    struct port_counter rows[DEVICE_COUNTERS];
    const unsigned number = port->number;
    struct mode_port *mp = mode_port_get(number);
    struct pmd_counts c;
    unsigned n = port_read_counters(port, rows, DEVICE_COUNTERS);
    read_counts(port, &c);
    if (mp)
        counts_since(&c, &mp->port_base);
    out_printf(call->out, "###### NIC extended statistics for port %-2u\n", number);
    show_x(call->out, "rx_good_packets", c.rx_packets);
    show_x(call->out, "tx_good_packets", c.tx_packets);
    show_x(call->out, "rx_good_bytes", c.rx_bytes);
    show_x(call->out, "tx_good_bytes", c.tx_bytes);
    show_x(call->out, "rx_missed_errors", c.rx_missed);
    show_x(call->out, "rx_errors", c.rx_errors);
    show_x(call->out, "tx_errors", c.tx_errors);
    show_x(call->out, "rx_mbuf_allocation_errors", c.rx_nombuf);
    show_x_queues(call->out, number);
    for (unsigned i = 0; i < n; i++)
        show_x(call->out, rows[i].name, rows[i].value);
    return 0;
}

COMMAND(cmd_show_port_xstats, "show port xstats PORTS",
        "Show a port's counters by testpmd's names, its queues' and its device's");
static int cmd_show_port_xstats(struct command_call *call)
{
    return pmd_for_each(call, &call->arg[0], show_xstats, NULL);
}
