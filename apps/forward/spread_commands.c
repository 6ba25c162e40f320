/* spread_commands.c - `spread`: whether workers without queues take part (spread.h). */
#include "apps/console/command.h"
#include "apps/forward/spread.h"

static const char *const words[] = {
    [SPREAD_AUTO] = "auto", [SPREAD_ON] = "on", [SPREAD_OFF] = "off"
};

COMMAND(cmd_spread, "spread auto|on|off",
        "Set whether cores without queues take flows from those that have some");
static int cmd_spread(struct command_call *call)
{
    if (spread_set((enum spread)call->arg[0].choice))
        return command_error(call, "no memory for new lists of queues");
    return 0;
}

static void print_spread(struct out *out)
{
    if (spread_get() != SPREAD_AUTO)
        out_printf(out, "spread %s\n", words[spread_get()]);
}

CONFIG_PRINTER(spread_config) = { .order = CONFIG_PORT + 3, .print = print_spread };
