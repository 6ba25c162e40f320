/* mode_commands.c - choosing a mode, starting and stopping. */
#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/modes/tx_first.h"

#include <string.h>

/* Modes ---------------------------------------------------------------------- */

COMMAND(cmd_forward, "forward MODE", "Choose how frames are forwarded, and start");
static int cmd_forward(struct command_call *call)
{
    int e = forward_set_mode(call->arg[0].mode);
    if (e)
        return command_error(call, "mode %s could not start: %s", call->arg[0].mode->name,
                             strerror(-e));
    forward_start();
    return 0;
}

COMMAND(cmd_start, "start [tx_first]",
        "Start forwarding in the mode chosen last; tx_first: send a burst of test frames before");
static int cmd_start(struct command_call *call)
{
    int e = 0;
    if (command_given(call, "tx_first"))
        e = modes_start_tx_first();
    else
        forward_start();
    if (e)
        return command_error(call, "no packets left to send: %s", strerror(-e));
    return 0;
}

COMMAND(cmd_stop, "stop", "Stop forwarding: frames are received and dropped");
static int cmd_stop(struct command_call *call)
{
    forward_stop();
    return 0;
}

/* Stopped in mode l2 is how the appliance begins. */
static void print_forward_config(struct out *out)
{
    const struct forward_mode *mode = forward_get_mode();
    if (!forward_running() && !strcmp(mode->name, "l2"))
        return;
    out_printf(out, "forward %s\n%s", mode->name, forward_running() ? "" : "stop\n");
}

CONFIG_PRINTER(forward_config) = { .order = CONFIG_FORWARD, .print = print_forward_config };
