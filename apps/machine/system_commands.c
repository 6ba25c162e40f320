/* system_commands.c - the appliance as a whole: who it is, what it runs, its end. */
#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

COMMAND_AT_ONCE(cmd_help, "help [LINE]", "List every command, or those that LINE begins");
static int cmd_help(struct command_call *call)
{
    return command_help(call, call->arg[0].word ? call->arg[0].word : "");
}

COMMAND(cmd_show_version, "show version", "Show which build this is and what it runs on");
static int cmd_show_version(struct command_call *call)
{
    out_printf(call->out, "version   %s\n", version_string);
    out_printf(call->out, "commit    %s\n", version_commit);
    out_printf(call->out, "date      %s\n", version_date);
    out_printf(call->out, "compiler  %s\n", version_compiler);
    out_printf(call->out, "boot      %s\n", machine_boot_protocol());
    out_printf(call->out, "cpu       %s\n", machine_cpu_name());
    out_printf(call->out, "clock     TSC at %" PRIu64 " MHz, by %s\n", time_cycles_per_us(),
               time_source());
    return 0;
}

/* Rows come in link order; `show config` is in the order of what builds on what. */
COMMAND(cmd_show_config, "show config", "Show the running configuration as commands");
static int cmd_show_config(struct command_call *call)
{
    for (int order = INT_MIN, next;; order = next) {
        next = INT_MAX;
        TABLE_FOR_EACH (config_printers, struct config_printer, row)
            if (row->order > order && row->order < next)
                next = row->order;
        if (next == INT_MAX)
            return 0;
        TABLE_FOR_EACH (config_printers, struct config_printer, row)
            if (row->order == next)
                row->print(call->out);
    }
}

static void print_line(void *ctx, const char *line)
{
    out_printf(ctx, "%s\n", line);
}

COMMAND(cmd_show_log, "show log", "Show the last log lines, oldest first");
static int cmd_show_log(struct command_call *call)
{
    log_for_each(print_line, call->out);
    return 0;
}

COMMAND(cmd_show_memory, "show memory", "Show what memory is used for");
static int cmd_show_memory(struct command_call *call)
{
    const struct packet_pool *pool = worker_count() ? control_worker()->cache.pool : NULL;
    struct memory_stats m;

    memory_stats(&m);
    out_printf(call->out, "total     %8" PRIu64 " KiB\n", m.total / 1024);
    out_printf(call->out, "free      %8" PRIu64 " KiB\n", m.free / 1024);
    out_printf(call->out, "reserve   %8" PRIu64 " KiB kept from tables, for ports\n",
               m.reserve / 1024);
    out_printf(call->out, "heap      %8" PRIu64 " KiB\n", m.heap / 1024);
    out_printf(call->out, "image     %8" PRIu64 " KiB\n", m.image / 1024);
    if (pool)
        out_printf(call->out, "packets   %8" PRIu32 " of %" PRIu32 " in the pool\n",
                   packet_pool_available(pool), packet_pool_count(pool));
    return 0;
}

/* Whoever watches the console sees that it was meant. */

COMMAND_AT_ONCE(cmd_poweroff, "poweroff", "Turn the machine off");
static int cmd_poweroff(struct command_call *call)
{
    out_text(call->out, "turning off\n");
    console_flush();
    machine_poweroff();
    return command_error(call, "the machine does not turn off, expected ACPI's S5");
}

COMMAND_AT_ONCE(cmd_reboot, "reboot", "Reset the machine");
static int cmd_reboot(struct command_call *call)
{
    out_text(call->out, "resetting\n");
    console_flush();
    machine_reboot();
    return command_error(call, "the machine does not reset");
}
