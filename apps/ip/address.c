/* address.c - the IPv4 addresses of the ports (address.h) and their commands. */
#include "apps/ip/address.h"

#include "apps/console/command.h"
#include "apps/forward/words.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/route.h"

#include <errno.h>
#include <string.h>

static struct address addresses[ADDRESSES_MAX];
static unsigned count;
uint8_t address_counts[PORT_MAX];

void address_shutdown(void)
{
    count = 0;
    memset(address_counts, 0, sizeof address_counts);
}

static uint32_t prefix_of(const struct address *a)
{
    return a->address & ipv4_mask(a->length);
}

static uint32_t broadcast_of(const struct address *a)
{
    return a->address | ~ipv4_mask(a->length);
}

static bool in_prefix(const struct address *a, uint32_t host)
{
    return !((a->address ^ host) & ipv4_mask(a->length));
}

const struct address *address_find(uint32_t address)
{
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].address == address)
            return &addresses[i];
    return NULL;
}

const struct address *address_covering(uint32_t host)
{
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].length < 32 && in_prefix(&addresses[i], host))
            return &addresses[i];
    return NULL;
}

const struct address *address_of_port(uint16_t port, unsigned n)
{
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].port == port && n-- == 0)
            return &addresses[i];
    return NULL;
}

const struct address *address_source(uint16_t port, uint32_t toward)
{
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].port == port && in_prefix(&addresses[i], toward))
            return &addresses[i];
    return address_of_port(port, 0);
}

bool address_is_host(const struct address *prefix, uint32_t host)
{
    return prefix->length >= 31 || (host != prefix_of(prefix) && host != broadcast_of(prefix));
}

/* Routes that an address brings ------------------------------------------- */

/* Another address in the same prefix keeps the prefix's routes alive. */
static bool prefix_is_shared(const struct address *a)
{
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].address != a->address && addresses[i].length == a->length &&
            in_prefix(a, addresses[i].address))
            return true;
    return false;
}

static int routes_set(const struct address *a, bool present)
{
    int e = route_update(a->address, 32, ROUTE_LOCAL, present ? ADJACENCY_LOCAL : 0);
    if (e || a->length == 32 || prefix_is_shared(a))
        return e;
    e = route_update(prefix_of(a), a->length, ROUTE_CONNECTED,
                     present ? ADJACENCY_CONNECTED + a->port : 0);
    if (e || a->length == 31)
        return e;
    e = route_update(prefix_of(a), 32, ROUTE_BROADCAST, present ? ADJACENCY_BROADCAST : 0);
    if (!e)
        e = route_update(broadcast_of(a), 32, ROUTE_BROADCAST, present ? ADJACENCY_BROADCAST : 0);
    return e;
}

static int address_check(const struct address *a, struct address *conflict)
{
    if (!a->length || ipv4_is_martian(a->address) || !address_is_host(a, a->address))
        return -EINVAL;
    for (unsigned i = 0; i < count; i++) {
        const struct address *b = &addresses[i];
        unsigned shorter = a->length < b->length ? a->length : b->length;
        bool overlap = !((a->address ^ b->address) & ipv4_mask(shorter));
        *conflict = *b;
        if (a->address == b->address)
            return -EEXIST;
        if (overlap && (a->port != b->port || a->length != b->length))
            return -EADDRINUSE;
    }
    return count < ADDRESSES_MAX && address_counts[a->port] < UINT8_MAX ? 0 : -ENOSPC;
}

int address_add(uint16_t port, uint32_t address, unsigned length, struct address *conflict)
{
    struct address a = { .address = address, .length = (uint8_t)length, .port = port };
    int e = address_check(&a, conflict);
    if (!e)
        e = route_init();
    if (!e)
        e = routes_set(&a, true);
    if (e == -ENOMEM)
        routes_set(&a, false);
    if (e)
        return e;
    addresses[count++] = a;
    address_counts[port]++;
    neighbor_refresh();
    route_refresh_static();
    neighbor_announce(&a);
    return 0;
}

int address_delete(uint16_t port, uint32_t address, unsigned length)
{
    for (unsigned i = 0; i < count; i++) {
        struct address a = addresses[i];
        if (a.address != address || a.length != length || a.port != port)
            continue;
        memmove(&addresses[i], &addresses[i + 1], (--count - i) * sizeof addresses[0]);
        address_counts[port]--;
        routes_set(&a, false);
        route_refresh_static();
        neighbor_refresh();
        return 0;
    }
    return -ENOENT;
}

/* Commands ---------------------------------------------------------------- */

static int refuse(struct command_call *call, int e, const struct address *conflict)
{
    const char *word = call->arg[1].word;
    char other[IPV4_PREFIX_TEXT];
    ipv4_format_prefix(conflict->address, conflict->length, other);
    switch (e) {
    case -EINVAL:
        return command_error(call,
                             "%s is not the address of a host, expected one that is neither "
                             "the network's nor its broadcast address",
                             word);
    case -EEXIST:
        return command_error(call, "%s is taken by %s on port %u, expected another address", word,
                             other, conflict->port);
    case -EADDRINUSE:
        return command_error(call, "%s overlaps %s on port %u, expected a prefix of its own", word,
                             other, conflict->port);
    case -ENOSPC:
        return command_error(call, "there are %u addresses already, expected no more",
                             ADDRESSES_MAX);
    default:
        return command_error(call, "no memory for the routes of %s", word);
    }
}

static int check_family(struct command_call *call)
{
    if (call->arg[1].prefix.ipv6)
        return command_error(call, "IPv6 is not built yet, expected an IPv4 address");
    return 0;
}

COMMAND(cmd_port_address, "port PORT address PREFIX", "Give a port an IPv4 address");
static int cmd_port_address(struct command_call *call)
{
    const struct prefix *p = &call->arg[1].prefix;
    struct address conflict = { 0 };
    int e = check_family(call);
    if (e)
        return e;
    e = address_add(call->arg[0].port->number, load_be32(p->bytes), p->length, &conflict);
    return e ? refuse(call, e, &conflict) : 0;
}

COMMAND(cmd_port_no_address, "port PORT no address PREFIX", "Take an address off a port");
static int cmd_port_no_address(struct command_call *call)
{
    const struct prefix *p = &call->arg[1].prefix;
    const struct port *port = call->arg[0].port;
    int e = check_family(call);
    if (e)
        return e;
    if (address_delete(port->number, load_be32(p->bytes), p->length))
        return command_error(call, "port %u does not have %s, expected one of its addresses",
                             port->number, call->arg[1].word);
    return 0;
}

static void print_config(struct out *out)
{
    for (unsigned i = 0; i < count; i++) {
        struct address a = addresses[i];
        char text[IPV4_PREFIX_TEXT], port[PORT_TEXT];
        ipv4_format_prefix(a.address, a.length, text);
        port_format(a.port, port);
        out_printf(out, "port %s address %s\n", port, text);
    }
}

CONFIG_PRINTER(address_config) = { .order = CONFIG_PORT + 1, .print = print_config };
