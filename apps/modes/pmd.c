/* pmd.c - PORTS, a kind of value: a port or `all` (pmd.h). */
#include "apps/modes/pmd.h"

#include <stdio.h>
#include <string.h>

static bool ports_parse(const char *word, struct command_arg *arg)
{
    uint64_t number;
    arg->port = NULL;
    if (!strcmp(word, "all"))
        return true;
    if (parse_number(word, &number) && number < PORT_NONE)
        arg->port = port_get((unsigned)number);
    return arg->port;
}

static bool ports_complete(const char *partial,
                           void (*fn)(void *ctx, const char *word, const char *help), void *ctx)
{
    if (!strncmp("all", partial, strlen(partial)))
        fn(ctx, "all", NULL);
    for (unsigned i = 0; i < port_count(); i++) {
        char number[12];
        snprintf(number, sizeof number, "%u", i);
        if (port_get(i) && !strncmp(number, partial, strlen(partial)))
            fn(ctx, number, NULL);
    }
    return true;
}

static void ports_expected(char *text, size_t size)
{
    if (port_count())
        snprintf(text, size, "PORTS 0 to %u or all", port_count() - 1);
    else
        snprintf(text, size, "PORTS (there are none)");
}

COMMAND_WORD(word_ports) = { .name = "PORTS",
                             .example = "0 or all",
                             .parse = ports_parse,
                             .complete = ports_complete,
                             .expected = ports_expected };

int pmd_for_each(struct command_call *call, const struct command_arg *ports,
                 int (*fn)(struct command_call *call, struct port *port, const void *arg),
                 const void *arg)
{
    int e = 0;
    if (ports->port && ports->port->state == PORT_FAILED)
        return command_error(call, "port %u has failed: %s", ports->port->number,
                             ports->port->failure ? ports->port->failure : "no reason given");
    if (ports->port)
        return fn(call, ports->port, arg);
    for (unsigned i = 0; !e && i < port_count(); i++)
        if (port_get(i) && port_get(i)->state != PORT_FAILED)
            e = fn(call, port_get(i), arg);
    return e;
}
