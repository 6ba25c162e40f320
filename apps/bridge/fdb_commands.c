/* fdb_commands.c - the stations that bridges know. */
#include "apps/bridge/bridge.h"
#include "apps/bridge/fdb.h"
#include "apps/bridge/vlans.h"
#include "apps/console/command.h"
#include "apps/forward/port_commands.h"
#include "apps/forward/words.h"
#include "kernel/task.h"
#include "nic/port.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* BRIDGE_DEFAULT keeps its static stations while it is not there. */
static const char *bridge_name(uint16_t fid)
{
    const struct bridge *bridge = fid_get(fid).bridge;
    return bridge ? bridge->interface->name : BRIDGE_DEFAULT;
}

/* The bridge that was named; NULL: none. */
static const struct bridge *bridge_option(const struct command_call *call)
{
    const struct command_arg *arg = command_option(call, "bridge");
    return arg ? arg->interface->bridge : NULL;
}

/* The VLAN that was named; 0: none. */
static uint64_t vlan_option(const struct command_call *call)
{
    const struct command_arg *arg = command_option(call, "vlan");
    return arg ? arg->number : 0;
}

/* Where a station of that port belongs; FID_NONE: after the line that says why not. */
static uint16_t fid_for_port(struct command_call *call, uint16_t port)
{
    const struct member *member = member_of(port);
    const struct bridge *in = member ? member->bridge : NULL, *wanted = bridge_option(call);
    const struct bridge *by_default = fid_get(BRIDGE_DEFAULT_FID).bridge;
    uint64_t vid = vlan_option(call);
    if (wanted && wanted != in && (in || wanted->fid != BRIDGE_DEFAULT_FID))
        command_error(call, "port %u is not in bridge %s, expected one that is", port,
                      wanted->interface->name);
    else if (command_given(call, "vlan") && !(in && in->vlans))
        command_error(call, "port %u is in no VLAN-aware bridge, expected one that is", port);
    else if (!in && by_default && by_default->vlans)
        command_error(call, "port %u is in no bridge, expected one that is", port);
    else if (!(in && in->vlans))
        return in ? in->fid : BRIDGE_DEFAULT_FID;
    else if (!vid)
        command_error(call, "bridge %s is VLAN-aware, expected [vlan V] behind the port",
                      in->interface->name);
    else if (vid > VLAN_MAX || !vlan_set_has(member->vlans, (unsigned)vid))
        command_error(call, "port %u is not in VLAN %s, expected one of its VLANs", port,
                      command_option(call, "vlan")->word);
    else
        return bridge_vlan_of(in, (unsigned)vid)->fid;
    return FID_NONE;
}

COMMAND(cmd_fdb_add, "fdb add MAC port PORT [bridge BRIDGE] [vlan NUMBER] [sticky]",
        "Pin a station to a port of a bridge; sticky: what it sends by another is dropped");
static int cmd_fdb_add(struct command_call *call)
{
    const uint8_t *mac = call->arg[0].mac;
    uint16_t port = call->arg[1].port->number;
    uint16_t fid = station_check(call, &call->arg[0]) ? FID_NONE : fid_for_port(call, port);
    if (fid == FID_NONE)
        return -1;
    uint64_t key = fdb_key(fid, mac);
    if (command_given(call, "sticky") ? fdb_add_sticky(key, port) : fdb_add_static(key, port))
        return command_error(call, "no room for %s beside other static entries", call->arg[0].word);
    return 0;
}

static bool is_known(uint16_t fid, const uint8_t *mac)
{
    uint64_t key = fdb_key(fid, mac);
    uint16_t port;
    return fdb_lookup(key, fdb_prefetch(key), &port);
}

/* How many know it of those that were meant, and one of them. */
static unsigned fids_that_know(const struct command_call *call, uint16_t *fid)
{
    const struct bridge *bridge = bridge_option(call);
    uint64_t vid = vlan_option(call);
    unsigned n = 0;
    for (unsigned i = 0; i < fid_limit() || !i; i++) {
        const struct fid f = fid_get((uint16_t)i);
        if ((bridge && f.bridge != bridge) || (command_given(call, "vlan") && f.vid != vid) ||
            !is_known((uint16_t)i, call->arg[0].mac))
            continue;
        *fid = (uint16_t)i;
        n++;
    }
    return n;
}

COMMAND(cmd_fdb_delete, "fdb delete MAC [bridge BRIDGE] [vlan NUMBER]",
        "Forget a station, static or learned");
static int cmd_fdb_delete(struct command_call *call)
{
    uint16_t fid = BRIDGE_DEFAULT_FID;
    unsigned n = fids_that_know(call, &fid);
    if (n > 1)
        return command_error(call,
                             "several bridges or VLANs know %s, expected [bridge BRIDGE] [vlan "
                             "V] behind it",
                             call->arg[0].word);
    if (!n || fdb_delete(fdb_key(fid, call->arg[0].mac)))
        return command_error(call, "%s is not in the table, expected one of `show fdb`",
                             call->arg[0].word);
    return 0;
}

COMMAND(cmd_fdb_size, "fdb size NUMBER", "Make room for so many learned stations");
static int cmd_fdb_size(struct command_call *call)
{
    uint64_t n = call->arg[0].number;
    if (n < FDB_STATIONS_MIN || n > FDB_STATIONS_MAX)
        return command_error(call, "wrong size '%s', expected %u to %u stations", call->arg[0].word,
                             FDB_STATIONS_MIN, FDB_STATIONS_MAX);
    int e = fdb_resize((uint32_t)n);
    if (e == -ENOSPC)
        return command_error(call, "no room for the static entries in a table of %s stations",
                             call->arg[0].word);
    return e ? command_error(call, "no memory for %s stations", call->arg[0].word) : 0;
}

static void show_row(struct out *out, const struct fdb_row *row)
{
    char mac[MAC_TEXT], vid[8] = "-";
    if (fid_get(row->fid).vid)
        snprintf(vid, sizeof vid, "%u", fid_get(row->fid).vid);
    out_printf(out, "%s  %-4u  %-15s  %-4s  ", mac_format(row->mac, mac), row->port,
               bridge_name(row->fid), vid);
    if (row->fixed)
        out_text(out, row->sticky ? "sticky\n" : "static\n");
    else
        out_printf(out, "learned   %" PRIu32 " s ago\n", row->age_s);
}

COMMAND(cmd_show_fdb, "show fdb [bridge BRIDGE]",
        "Show which stations the bridges know, and where");
static int cmd_show_fdb(struct command_call *call)
{
    const struct bridge *bridge = bridge_option(call);
    char name[INTERFACE_NAME] = "";
    struct fdb_counts counts;
    struct fdb_row row;
    if (bridge)
        strcpy(name, bridge->interface->name);
    fdb_counts(&counts);
    out_printf(call->out, "%-17s  %-4s  %-15s  %-4s  %-8s  %s\n", "mac", "port", "bridge", "vlan",
               "kind", "last seen");
    for (uint32_t cursor = 0; fdb_next(&cursor, &row);)
        if (!name[0] || !strcmp(bridge_name(row.fid), name))
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
    uint16_t vid, port;
    bool sticky;
};

/* There may be a hundred thousand: the loop goes on while they are sorted. */
static int by_bridge_and_mac(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    static unsigned compared;
    if (++compared % COMPARED_PER_TURN == 0)
        task_yield();
    int order = strcmp(x->bridge, y->bridge);
    order = order ? order : x->vid - y->vid;
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
        line->vid = fid_get(row.fid).vid;
        line->port = row.port;
        line->sticky = row.sticky;
    }
    return lines;
}

static void print_line(struct out *out, const struct line *line)
{
    char mac[MAC_TEXT], port[PORT_TEXT];
    port_format(line->port, port);
    out_printf(out, "fdb add %s port %s", mac_format(line->mac, mac), port);
    if (strcmp(line->bridge, BRIDGE_DEFAULT))
        out_printf(out, " bridge %s", line->bridge);
    if (line->vid)
        out_printf(out, " vlan %u", line->vid);
    out_text(out, line->sticky ? " sticky\n" : "\n");
}

static void print_fdb_config(struct out *out)
{
    uint32_t n;
    struct fdb_counts counts;
    fdb_counts(&counts);
    if (fdb_is_resized())
        out_printf(out, "fdb size %" PRIu32 "\n", counts.limit);
    struct line *lines = take_lines(&n);
    if (lines)
        qsort(lines, n, sizeof *lines, by_bridge_and_mac);
    for (uint32_t i = 0; lines && i < n; i++)
        print_line(out, &lines[i]);
    free(lines);
}

CONFIG_PRINTER(fdb_config) = { .order = CONFIG_FDB, .print = print_fdb_config };
