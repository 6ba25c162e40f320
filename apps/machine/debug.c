/* debug.c - `debug crash`: the machine's own failures, provoked, so that anyone
 * can see what a panic report looks like and tests can see that each is told. */
#include "apps/console/command.h"
#include "apps/forward/worker.h"
#include "kernel/machine.h"

static unsigned crash_kind, crash_core;

static void crash_here(struct worker *worker)
{
    if (worker->number == crash_core)
        machine_crash(crash_kind);
}

/* On another core: its worker does it, in place of what a mode has for a turn. */
static int crash_there(struct command_call *call, unsigned kind, const struct command_arg *core)
{
    if (core->number >= worker_count())
        return command_error(call, "there is no core '%s', expected 0 to %u", core->word,
                             worker_count() - 1);
    crash_kind = kind;
    crash_core = (unsigned)core->number;
    workers_set_turn(crash_here);
    return 0;
}

COMMAND_AT_ONCE(cmd_debug_crash,
                "debug crash null|text|rodata|execute|unmapped|stack|invalid|panic [core NUMBER]",
                "Crash on purpose: shows the panic report, then resets");

static int cmd_debug_crash(struct command_call *call)
{
    const struct command_arg *core = command_option(call, "core");
    if (core)
        return crash_there(call, call->arg[0].choice, core);
    machine_crash(call->arg[0].choice);
    return 0;
}
