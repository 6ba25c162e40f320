/* neighbor_commands.c - `neighbor add`, `neighbor delete`, `show neighbors`. */
#include "apps/console/command.h"
#include "apps/ip/argument.h"
#include "apps/ip/name.h"
#include "apps/ip/neighbor.h"
#include "kernel/task.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COMPARED_PER_TURN 512u

static int refuse(struct command_call *call, int e, const struct interface *interface)
{
    const char *word = call->arg[0].word;
    char where[INTERFACE_TEXT];
    interface_describe(interface, where);
    switch (e) {
    case -EINVAL:
        return command_error(call, "%s at %s cannot be, expected a station that is not us", word,
                             call->arg[1].word);
    case -ENETUNREACH:
        return command_error(call, "%s is no host on %s, expected one within its prefixes", word,
                             where);
    case -EEXIST:
        return command_error(
            call, "%s is a static neighbor already, expected `neighbor delete` first", word);
    case -ENOMEM:
        return command_error(call, "no memory for another neighbor");
    default:
        return command_error(call, "the table is full, expected at most %u neighbors",
                             NEIGHBORS_MAX);
    }
}

static int add(struct command_call *call, struct interface *interface)
{
    struct ip_address address;
    if (ip_argument(call, 0, &address))
        return -EINVAL;
    int e = neighbor_add_static(address, call->arg[1].mac, interface);
    return e ? refuse(call, e, interface) : 0;
}

COMMAND(cmd_neighbor_add, "neighbor add ADDRESS MAC port PORT", "Add a static neighbor");
static int cmd_neighbor_add(struct command_call *call)
{
    return add(call, interface_of_port(call->arg[2].port));
}

COMMAND(cmd_neighbor_add_interface, "neighbor add ADDRESS MAC interface INTERFACE",
        "Add a static neighbor of a port or a bridge");
static int cmd_neighbor_add_interface(struct command_call *call)
{
    return add(call, call->arg[2].interface);
}

COMMAND(cmd_neighbor_delete, "neighbor delete ADDRESS [interface INTERFACE]", "Forget a neighbor");
static int cmd_neighbor_delete(struct command_call *call)
{
    struct ip_address address;
    if (ip_argument(call, 0, &address))
        return -EINVAL;
    const struct command_arg *on = command_option(call, "interface");
    if (neighbor_delete(address, on ? on->interface : NULL))
        return command_error(call, "%s is not in the table, expected one of `show neighbors`",
                             call->arg[0].word);
    return 0;
}

static bool is_known(const struct neighbor_info *n)
{
    return n->state != NEIGHBOR_IDLE && n->state != NEIGHBOR_INCOMPLETE &&
           n->state != NEIGHBOR_FAILED;
}

struct widths {
    int address, interface;
};

static void widen(int *width, const char *text)
{
    if ((int)strlen(text) > *width)
        *width = (int)strlen(text);
}

/* As wide as the longest of each. */
static struct widths column_widths(void)
{
    struct neighbor_info n;
    char text[IP_TEXT], where[INTERFACE_TEXT];
    struct widths widths = { .address = 15, .interface = (int)strlen("interface") };
    for (unsigned place = 0; neighbor_next(&place, &n);) {
        widen(&widths.address, ip_format(n.address, text));
        widen(&widths.interface, interface_short(interface_get(n.interface), where));
    }
    return widths;
}

COMMAND(cmd_show_neighbors, "show neighbors", "Show who is next on the links");
static int cmd_show_neighbors(struct command_call *call)
{
    struct neighbor_info n;
    unsigned place = 0, shown = 0;
    struct widths widths = column_widths();
    out_printf(call->out, "%-*s  %-17s  %-*s  %s\n", widths.address, "address", "mac",
               widths.interface, "interface", "state");
    for (; neighbor_next(&place, &n); shown++) {
        char text[IP_TEXT], mac[MAC_TEXT], where[INTERFACE_TEXT];
        const struct interface *interface = interface_get(n.interface);
        ip_format(n.address, text);
        bool unused = n.state == NEIGHBOR_STATIC && !n.in_use;
        out_printf(call->out, "%-*s  %-17s  %-*s  %s%s\n", widths.address, text,
                   is_known(&n) ? mac_format(n.mac, mac) : "-", widths.interface,
                   interface_short(interface, where), neighbor_state_names[n.state],
                   unused ? "  (not in use)" : "");
    }
    out_printf(call->out, "%u neighbors, at most %u, %" PRIu64 " times no room\n", shown,
               NEIGHBORS_MAX, neighbor_refused());
    return 0;
}

/* The loop goes on while thousands are sorted. */
static int by_address(const void *a, const void *b)
{
    const struct neighbor_info *x = a, *y = b;
    char of_x[INTERFACE_TEXT], of_y[INTERFACE_TEXT];
    static unsigned compared;
    if (++compared % COMPARED_PER_TURN == 0)
        task_yield();
    int order = ip_compare(x->address, y->address);
    if (order || x->interface == y->interface)
        return order;
    return strcmp(interface_words(interface_get(x->interface), of_x),
                  interface_words(interface_get(y->interface), of_y));
}

static bool is_told(const struct neighbor_info *one, bool by_route)
{
    return one->state == NEIGHBOR_STATIC && (one->ground == NEIGHBOR_BY_ROUTE) == by_route;
}

/* The static ones, of which there are *n; NULL: none, or no memory. */
static struct neighbor_info *take_static(unsigned *n, bool by_route)
{
    struct neighbor_info *taken, one;
    unsigned count = 0, place = 0;
    while (neighbor_next(&place, &one))
        count += is_told(&one, by_route);
    taken = count ? malloc(count * sizeof *taken) : NULL;
    *n = 0;
    for (place = 0; taken && *n < count && neighbor_next(&place, &one);)
        if (is_told(&one, by_route))
            taken[(*n)++] = one;
    return taken;
}

/* Places in the table depend on who came when; a configuration's lines must not. */
static void print_static(struct out *out, bool by_route)
{
    unsigned n;
    struct neighbor_info *taken = take_static(&n, by_route);
    if (taken)
        qsort(taken, n, sizeof *taken, by_address);
    for (unsigned i = 0; i < n; i++) {
        char text[IP_TEXT], mac[MAC_TEXT], where[INTERFACE_TEXT];
        ip_format(taken[i].address, text);
        mac_format(taken[i].mac, mac);
        interface_words(interface_get(taken[i].interface), where);
        /* Without its prefix the command would be refused: it is told, and not run again. */
        out_printf(out, "%sneighbor add %s %s %s\n", taken[i].ground ? "" : "# not in use: ", text,
                   mac, where);
    }
    free(taken);
}

static void print_config(struct out *out)
{
    print_static(out, false);
}

CONFIG_PRINTER(neighbor_config) = { .order = CONFIG_NEIGHBOR, .print = print_config };

/* These would be refused before their routes. */
static void print_gateways(struct out *out)
{
    print_static(out, true);
}

CONFIG_PRINTER(gateway_config) = { .order = CONFIG_GATEWAY, .print = print_gateways };
