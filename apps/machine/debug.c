/* debug.c - `debug crash`: the machine's own failures, provoked, so that anyone
 * can see what a panic report looks like and tests can see that each is told. */
#include "apps/console/command.h"
#include "kernel/machine.h"

COMMAND_AT_ONCE(cmd_debug_crash,
                "debug crash null|text|rodata|execute|unmapped|stack|invalid|panic",
                "Crash on purpose: shows the panic report, then resets");

static int cmd_debug_crash(struct command_call *call)
{
    machine_crash(call->arg[0].choice);
    return 0;
}
