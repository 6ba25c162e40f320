/* argument.c - addresses among arguments (argument.h). */
#include "apps/ip/argument.h"

int ip_of_prefix(struct command_call *call, const struct prefix *p, struct ip_address *address)
{
    *address = p->ipv6 ? ip_load(p->bytes) : ip_from_v4(load_be32(p->bytes));
    if (p->ipv6 && ip_is_v4(*address))
        return command_error(call, "an IPv4-mapped address cannot be, expected IPv4 or IPv6");
    return 0;
}

int ip_argument(struct command_call *call, unsigned n, struct ip_address *address)
{
    return ip_of_prefix(call, &call->arg[n].prefix, address);
}

int ip_argument_prefix(struct command_call *call, unsigned n, struct ip_address *prefix)
{
    unsigned length = call->arg[n].prefix.length;
    char text[IP_PREFIX_TEXT];
    int e = ip_argument(call, n, prefix);
    if (e || ip_equal(*prefix, ip_network(*prefix, length)))
        return e;
    ip_format_prefix(ip_network(*prefix, length), length, text);
    return command_error(call, "%s has host bits set, expected %s", call->arg[n].word, text);
}
