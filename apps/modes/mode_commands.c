/* mode_commands.c - choosing a mode, starting and stopping. */
#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/forward/quiesce.h"
#include "apps/modes/pmd_stats.h"
#include "apps/modes/tx_first.h"

#include <string.h>

#define BURSTS_MAX 1024u

/* Modes ---------------------------------------------------------------------- */

COMMAND(cmd_forward, "forward MODE", "Choose how frames are forwarded, and start");
static int cmd_forward(struct command_call *call)
{
    int e = forward_set_mode(call->arg[0].mode);
    if (e)
        return command_error(call, "mode %s could not start: %s", call->arg[0].mode->name,
                             strerror(-e));
    forward_start();
    pmd_begin_forward();
    return 0;
}

COMMAND(cmd_start, "start", "Start forwarding in the mode chosen last");
static int cmd_start(struct command_call *call)
{
    forward_start();
    pmd_begin_forward();
    return 0;
}

static int start_tx_first(struct command_call *call, uint64_t bursts)
{
    if (!bursts || bursts > BURSTS_MAX)
        return command_error(call, "'%s' is out of range, expected 1 to %u", call->arg[0].word,
                             BURSTS_MAX);
    forward_stop();
    pmd_begin_forward();
    int e = modes_start_tx_first(bursts);
    return e ? command_error(call, "no packets left to send: %s", strerror(-e)) : 0;
}

COMMAND(cmd_start_tx_first, "start tx_first",
        "Send a burst of test frames by every port, and start");
static int cmd_start_tx_first(struct command_call *call)
{
    return start_tx_first(call, 1);
}

COMMAND(cmd_start_tx_first_n, "start tx_first NUMBER", "The same with so many bursts");
static int cmd_start_tx_first_n(struct command_call *call)
{
    return start_tx_first(call, call->arg[0].number);
}

/* What was forwarded is told to whoever types it; a configuration's `stop` says nothing. */
COMMAND(cmd_stop, "stop", "Stop forwarding: frames are received and dropped");
static int cmd_stop(struct command_call *call)
{
    bool ran = forward_running();
    forward_stop();
    if (!ran || call->source)
        return 0;
    workers_quiesce();
    out_text(call->out, "Telling cores to stop...\nWaiting for lcores to finish...\n");
    pmd_show_forward(call->out);
    out_text(call->out, "\nDone.\n");
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
