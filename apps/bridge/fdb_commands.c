/* fdb_commands.c - the stations that bridges know. */
#include "apps/bridge/bridge.h"
#include "apps/bridge/fdb.h"
#include "apps/console/command.h"
#include "apps/forward/words.h"
#include "kernel/task.h"
#include "nic/port.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* BRIDGE_DEFAULT keeps its static stations while it is not there. */
static const char *bridge_name(uint16_t fid)
{
    const struct bridge *bridge = bridge_of_fid(fid);
    return bridge ? bridge->interface->name : BRIDGE_DEFAULT;
}

/* The bridge that was named; NULL: none. */
static const struct bridge *bridge_option(const struct command_call *call)
{
    const struct command_arg *arg = command_option(call, "bridge");
    return arg ? arg->interface->bridge : NULL;
}

COMMAND(cmd_fdb_add, "fdb add MAC port PORT [bridge BRIDGE]",
        "Pin a station to a port of a bridge");
static int cmd_fdb_add(struct command_call *call)
{
    const uint8_t *mac = call->arg[0].mac;
    uint16_t port = call->arg[1].port->number;
    const struct bridge *bridge = bridge_option(call);
    const struct member *member = member_of(port);
    uint16_t fid = member ? member->bridge->fid : BRIDGE_DEFAULT_FID;
    if (!mac_is_station(mac))
        return command_error(call, "%s is no station's address, expected a unicast one",
                             call->arg[0].word);
    if (bridge && bridge->fid != fid)
        return command_error(call, "port %u is not in bridge %s, expected one that is", port,
                             bridge->interface->name);
    if (fdb_add_static(fdb_key(fid, mac), port))
        return command_error(call, "no room for %s beside other static entries", call->arg[0].word);
    return 0;
}

static bool is_known(uint16_t fid, const uint8_t *mac)
{
    uint64_t key = fdb_key(fid, mac);
    uint16_t port;
    return fdb_lookup(key, fdb_prefetch(key), &port);
}

/* How many bridges know it, and one of them. */
static unsigned bridges_that_know(const uint8_t *mac, uint16_t *fid)
{
    unsigned n = 0;
    for (unsigned i = 0; i < interface_limit(); i++) {
        const struct interface *b = interface_get(i);
        if (!b || b->kind != INTERFACE_BRIDGE || !b->bridge || !is_known(b->bridge->fid, mac))
            continue;
        *fid = b->bridge->fid;
        n++;
    }
    return n;
}

COMMAND(cmd_fdb_delete, "fdb delete MAC [bridge BRIDGE]", "Forget a station, static or learned");
static int cmd_fdb_delete(struct command_call *call)
{
    const uint8_t *mac = call->arg[0].mac;
    const struct bridge *bridge = bridge_option(call);
    uint16_t fid = bridge ? bridge->fid : BRIDGE_DEFAULT_FID;
    if (!bridge && bridges_that_know(mac, &fid) > 1)
        return command_error(call, "several bridges know %s, expected [bridge BRIDGE] behind it",
                             call->arg[0].word);
    if (fdb_delete(fdb_key(fid, mac)))
        return command_error(call, "%s is not in the table, expected one of `show fdb`",
                             call->arg[0].word);
    return 0;
}

static void show_row(struct out *out, const struct fdb_row *row)
{
    char mac[MAC_TEXT];
    out_printf(out, "%s  %-4u  %-15s  ", mac_format(row->mac, mac), row->port,
               bridge_name(row->fid));
    if (row->fixed)
        out_text(out, "static\n");
    else
        out_printf(out, "learned   %" PRIu32 " s ago\n", row->age_s);
}

COMMAND(cmd_show_fdb, "show fdb [bridge BRIDGE]",
        "Show which stations the bridges know, and where");
static int cmd_show_fdb(struct command_call *call)
{
    const struct bridge *bridge = bridge_option(call);
    uint16_t fid = bridge ? bridge->fid : FDB_ANY;
    struct fdb_counts counts;
    struct fdb_row row;
    fdb_counts(&counts);
    out_printf(call->out, "%-17s  %-4s  %-15s  %-8s  %s\n", "mac", "port", "bridge", "kind",
               "last seen");
    for (uint32_t cursor = 0; fdb_next(&cursor, &row);)
        if (fid == FDB_ANY || row.fid == fid)
            show_row(call->out, &row);
    out_printf(call->out, "%" PRIu32 " learned of at most %" PRIu32 ", %" PRIu32 " static",
               counts.learned, counts.limit, counts.fixed);
    out_printf(call->out, ", %" PRIu64 " times no room\n", counts.refused);
    return 0;
}

/* Configuration -------------------------------------------------------------------- */

#define COMPARED_PER_TURN 512u

struct line {
    char bridge[INTERFACE_NAME];
    uint8_t mac[MAC_LEN];
    uint16_t port;
};

/* There may be a hundred thousand: the loop goes on while they are sorted. */
static int by_bridge_and_mac(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    static unsigned compared;
    if (++compared % COMPARED_PER_TURN == 0)
        task_yield();
    int order = strcmp(x->bridge, y->bridge);
    return order ? order : memcmp(x->mac, y->mac, MAC_LEN);
}

/* All static entries as they are now; *n of them.  NULL: none, or no memory. */
static struct line *take_lines(uint32_t *n)
{
    struct fdb_counts counts;
    struct fdb_row row;
    uint32_t cursor = 0;
    fdb_counts(&counts);
    struct line *lines = counts.fixed ? malloc(counts.fixed * sizeof *lines) : NULL;
    for (*n = 0; lines && *n < counts.fixed && fdb_next(&cursor, &row);) {
        if (!row.fixed)
            continue;
        struct line *line = &lines[(*n)++];
        strcpy(line->bridge, bridge_name(row.fid));
        memcpy(line->mac, row.mac, MAC_LEN);
        line->port = row.port;
    }
    return lines;
}

static void print_fdb_config(struct out *out)
{
    char mac[MAC_TEXT], port[PORT_TEXT];
    uint32_t n;
    struct line *lines = take_lines(&n);
    if (lines)
        qsort(lines, n, sizeof *lines, by_bridge_and_mac);
    for (uint32_t i = 0; lines && i < n; i++) {
        bool other = strcmp(lines[i].bridge, BRIDGE_DEFAULT);
        mac_format(lines[i].mac, mac);
        port_format(lines[i].port, port);
        out_printf(out, "fdb add %s port %s%s%s\n", mac, port, other ? " bridge " : "",
                   other ? lines[i].bridge : "");
    }
    free(lines);
}

CONFIG_PRINTER(fdb_config) = { .order = CONFIG_FDB, .print = print_fdb_config };
