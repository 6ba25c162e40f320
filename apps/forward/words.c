/* words.c - the kinds of values that forwarding knows: PORT and MODE (apps/console/command.h). */
#include "apps/forward/words.h"

#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/forward/vlan.h"
#include "pci/pci.h"

#include <stdio.h>
#include <string.h>

TABLE_DECLARE(forward_modes, struct forward_mode);

typedef void complete_fn(void *ctx, const char *word, const char *help);

/* INTERFACE ------------------------------------------------------------------ */

void interface_format(const struct interface *interface, char text[INTERFACE_NAME])
{
    const struct interface *lower = interface->lower ? interface->lower : interface;
    if (lower->kind == INTERFACE_PORT)
        port_format(lower->port_number, text);
    else
        memcpy(text, lower->name, INTERFACE_NAME);
    if (lower != interface)
        snprintf(text + strlen(text), INTERFACE_NAME - strlen(text), ".%u", interface->vid);
}

static struct interface *find_by_bdf(uint32_t bdf)
{
    for (unsigned i = 0; i < interface_limit(); i++) {
        struct interface *interface = interface_get(i);
        if (interface && interface->kind == INTERFACE_PORT && interface->port->pci &&
            interface->port->pci->bdf == bdf)
            return interface;
    }
    return NULL;
}

/* "01:00.0", or "01:00.0.100". */
struct interface *interface_by_word(const char *word)
{
    char name[INTERFACE_NAME];
    struct interface *interface = interface_find(word);
    const char *dot = strrchr(word, '.');
    uint64_t vid;
    uint32_t bdf;
    if (interface || !dot || strlen(word) >= sizeof name)
        return interface;
    if (pci_bdf_parse(word, &bdf))
        return find_by_bdf(bdf);
    snprintf(name, sizeof name, "%.*s", (int)(dot - word), word);
    if (!pci_bdf_parse(name, &bdf) || !parse_number(dot + 1, &vid) || vid > VLAN_MAX)
        return NULL;
    interface = find_by_bdf(bdf);
    return interface ? vlan_of(interface, (unsigned)vid) : NULL;
}

/* PORT --------------------------------------------------------------------- */

void port_format(unsigned number, char text[PORT_TEXT])
{
    const struct port *port = port_get(number);
    if (port && port->pci && port->pci->pf)
        pci_bdf_format(port->pci->bdf, text);
    else
        snprintf(text, PORT_TEXT, "%u", number);
}

static bool port_parse(const char *word, struct command_arg *arg)
{
    uint64_t number;
    uint32_t bdf;

    if (parse_number(word, &number)) {
        arg->port = number < PORT_NONE ? port_get((unsigned)number) : NULL;
        return arg->port;
    }
    if (!pci_bdf_parse(word, &bdf))
        return false;
    for (unsigned i = 0; i < port_count(); i++) {
        arg->port = port_get(i);
        if (arg->port && arg->port->pci && arg->port->pci->bdf == bdf)
            return true;
    }
    return false;
}

static bool port_complete(const char *partial, complete_fn *fn, void *ctx)
{
    for (unsigned i = 0; i < port_count(); i++) {
        char number[12];
        snprintf(number, sizeof number, "%u", i);
        if (port_get(i) && !strncmp(number, partial, strlen(partial)))
            fn(ctx, number, NULL);
    }
    return port_count();
}

static void port_expected(char *text, size_t size)
{
    if (port_count())
        snprintf(text, size, "PORT 0 to %u or its PCI address", port_count() - 1);
    else
        snprintf(text, size, "PORT (there are none)");
}

static int port_check(struct command_call *call, const struct command_arg *arg)
{
    const struct port *port = arg->port;
    if (port->state != PORT_FAILED)
        return 0;
    return command_error(call, "port %u has failed: %s", port->number,
                         port->failure ? port->failure : "no reason given");
}

COMMAND_WORD(word_port) = { .name = "PORT",
                            .example = "0 or 0000:01:00.0",
                            .parse = port_parse,
                            .complete = port_complete,
                            .expected = port_expected,
                            .check = port_check };

/* MODE --------------------------------------------------------------------- */

static bool mode_parse(const char *word, struct command_arg *arg)
{
    unsigned found = 0;

    arg->mode = forward_find_mode(word);
    if (arg->mode)
        return true;
    TABLE_FOR_EACH (forward_modes, struct forward_mode, mode)
        if (!strncmp(mode->name, word, strlen(word))) {
            arg->mode = mode;
            found++;
        }
    return found == 1;
}

static bool mode_complete(const char *partial, complete_fn *fn, void *ctx)
{
    TABLE_FOR_EACH (forward_modes, struct forward_mode, mode)
        if (!strncmp(mode->name, partial, strlen(partial)))
            fn(ctx, mode->name, mode->help ? mode->help : "");
    return true;
}

static void mode_expected(char *text, size_t size)
{
    size_t n = 0;
    TABLE_FOR_EACH (forward_modes, struct forward_mode, mode)
        if (n < size)
            n += (size_t)snprintf(text + n, size - n, "%s%s", n ? "|" : "", mode->name);
}

COMMAND_WORD(word_mode) = { .name = "MODE",
                            .example = "l2",
                            .parse = mode_parse,
                            .complete = mode_complete,
                            .expected = mode_expected };

/* A command of a configuration that waits turns the loop itself. */
TABLE_ENTRY(command_turns, struct command_turn, forward_turn_row) = { .turn = forward_turn };
