/* fdb_commands.c - the stations that a bridge knows. */
#include "apps/bridge/fdb.h"
#include "apps/console/command.h"
#include "apps/forward/words.h"

#include <inttypes.h>

COMMAND(cmd_fdb_add, "fdb add MAC port PORT", "Pin a station to a port of the bridge");
static int cmd_fdb_add(struct command_call *call)
{
    const uint8_t *mac = call->arg[0].mac;
    if (!mac_is_station(mac))
        return command_error(call, "%s is no station's address, expected a unicast one",
                             call->arg[0].word);
    if (fdb_add_static(fdb_key(0, mac), call->arg[1].port->number))
        return command_error(call, "no room for %s beside other static entries", call->arg[0].word);
    return 0;
}

COMMAND(cmd_fdb_delete, "fdb delete MAC", "Forget a station, static or learned");
static int cmd_fdb_delete(struct command_call *call)
{
    if (fdb_delete(fdb_key(0, call->arg[0].mac)))
        return command_error(call, "%s is not in the table, expected one of `show fdb`",
                             call->arg[0].word);
    return 0;
}

COMMAND(cmd_show_fdb, "show fdb", "Show which stations the bridge knows, and where");
static int cmd_show_fdb(struct command_call *call)
{
    struct fdb_counts counts;
    struct fdb_row row;
    char mac[MAC_TEXT];
    fdb_counts(&counts);
    out_printf(call->out, "%-17s  %-4s  %-8s  %s\n", "mac", "port", "kind", "last seen");
    for (uint32_t cursor = 0; fdb_next(&cursor, &row);) {
        mac_format(row.mac, mac);
        if (row.fixed)
            out_printf(call->out, "%s  %-4u  static\n", mac, row.port);
        else
            out_printf(call->out, "%s  %-4u  learned   %" PRIu32 " s ago\n", mac, row.port,
                       row.age_s);
    }
    out_printf(call->out, "%" PRIu32 " learned of at most %" PRIu32 ", %" PRIu32 " static",
               counts.learned, counts.limit, counts.fixed);
    out_printf(call->out, ", %" PRIu64 " times no room\n", counts.refused);
    return 0;
}

static void print_fdb_config(struct out *out)
{
    struct fdb_row row;
    char mac[MAC_TEXT], port[PORT_TEXT];
    for (uint32_t cursor = 0; fdb_next(&cursor, &row);) {
        if (!row.fixed)
            continue;
        mac_format(row.mac, mac);
        port_format(row.port, port);
        out_printf(out, "fdb add %s port %s\n", mac, port);
    }
}

CONFIG_PRINTER(fdb_config) = { .order = CONFIG_FDB, .print = print_fdb_config };
