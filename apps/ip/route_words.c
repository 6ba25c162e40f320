/* route_words.c - static routes in words (route_words.h). */
#include "apps/ip/route_words.h"

#include "apps/ip/address.h"
#include "apps/ip/argument.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/name.h"
#include "apps/ip/route_static.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Telling --------------------------------------------------------------------- */

const char *way_words(const struct target_way *way, char text[WAY_TEXT])
{
    char gateway[IP_TEXT], interface[INTERFACE_TEXT], weight[16] = "";
    bool named = way->interface != INTERFACE_NONE;
    if (way->weight != 1)
        snprintf(weight, sizeof weight, " weight %u", way->weight);
    snprintf(text, WAY_TEXT, "via %s%s%s%s", ip_format(way->gateway, gateway),
             named ? " interface " : "",
             named ? interface_short(interface_get(way->interface), interface) : "", weight);
    return text;
}

/* What is said of the addresses of one that is up, of which none serves. */
static const char *lacking_address(const struct interface *interface, unsigned family)
{
    const struct address *a;
    for (unsigned i = 0; (a = address_of(interface, i)); i++)
        if (ip_family(a->address) == family && a->state != ADDRESS_READY)
            return a->state == ADDRESS_TENTATIVE ? "has a tentative address"
                                                 : "has a duplicate address";
    return "has no address";
}

const char *interface_reason(const struct interface *interface, unsigned family,
                             char text[REASON_TEXT])
{
    char where[INTERFACE_TEXT];
    bool is_member = interface && interface->kind == INTERFACE_PORT && interface->bridge;
    bool is_down = !interface || !interface->up;
    snprintf(text, REASON_TEXT, "%s %s", interface_describe(interface, where),
             is_member ? "is in a bridge"
             : is_down ? "is down"
                       : lacking_address(interface, family));
    return text;
}

const char *way_reason(const struct target_way *way, enum way_state state, char text[REASON_TEXT])
{
    char gateway[IP_TEXT];
    ip_format(way->gateway, gateway);
    switch (state) {
    case WAY_DOWN:
    case WAY_NO_ADDRESS:
        return interface_reason(target_way_interface(way), ip_family(way->gateway), text);
    case WAY_NO_PREFIX:
        snprintf(text, REASON_TEXT, "no prefix leads to %s", gateway);
        break;
    case WAY_OURS:
        snprintf(text, REASON_TEXT, "%s is our own address", gateway);
        break;
    case WAY_BROADCAST:
        snprintf(text, REASON_TEXT, "%s is a broadcast address", gateway);
        break;
    default:
        if (route_refresh_busy())
            snprintf(text, REASON_TEXT, "%s is about to be looked at again", gateway);
        else
            snprintf(text, REASON_TEXT, "no memory");
        break;
    }
    return text;
}

/* Reading --------------------------------------------------------------------- */

static int weight_parse(struct command_call *call, const char *word, uint8_t *weight)
{
    uint64_t number = 1;
    if (word && (!parse_number(word, &number) || !number || number > GROUP_WEIGHT_MAX))
        return command_error(call, "weight '%s' is out of range, expected 1 to %u", word,
                             GROUP_WEIGHT_MAX);
    *weight = (uint8_t)number;
    return 0;
}

/* No neighbor has such an address, on whatever link. */
static bool is_nobody(struct ip_address a)
{
    return ip_is_v4(a) ? ipv4_is_martian(ip_to_v4(a))
                       : ip_is_zero(a) || ipv6_is_martian(a) || ipv6_is_multicast(a);
}

static bool is_named_twice(const struct target_words *words, const struct target_way *way)
{
    for (unsigned i = 0; i < words->count; i++)
        if (ip_equal(words->way[i].gateway, way->gateway) &&
            words->way[i].interface == way->interface)
            return true;
    return false;
}

int ways_add(struct command_call *call, struct target_words *words, const char *gateway,
             const struct interface *interface, const char *weight)
{
    struct target_way way = { .interface = interface ? interface->number : INTERFACE_NONE };
    struct prefix prefix;
    if (words->count == GROUP_WAYS)
        return command_error(call, "too many next hops, expected at most %u", GROUP_WAYS);
    if (!parse_prefix(gateway, &prefix, false) || strchr(gateway, '/'))
        return command_error(call, "wrong '%s' after 'via', expected ADDRESS such as 192.0.2.1",
                             gateway);
    if (ip_of_prefix(call, &prefix, &way.gateway))
        return -EINVAL;
    if (ip_family(way.gateway) != words->family)
        return command_error(call, "%s is of another family, expected an %s gateway", gateway,
                             words->family ? "IPv6" : "IPv4");
    if (is_nobody(way.gateway))
        return command_error(call, "%s is no host's address, expected another router", gateway);
    if (is_named_twice(words, &way))
        return command_error(call, "%s is named twice, expected each next hop once", gateway);
    if (weight_parse(call, weight, &way.weight))
        return -EINVAL;
    words->way[words->count++] = way;
    return 0;
}

/* Cuts the next word off, NULL: none is left. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " \t"), *end = word + strcspn(word, " \t");
    *line = *end ? end + 1 : end;
    *end = 0;
    return *word ? word : NULL;
}

static const struct interface *interface_called(const char *word)
{
    TABLE_FOR_EACH (command_words, struct command_word, kind) {
        struct command_arg arg;
        if (!strcmp(kind->name, "INTERFACE"))
            return kind->parse(word, &arg) ? arg.interface : NULL;
    }
    return NULL;
}

/* A word may be cut short, as everywhere. */
static bool is_option(const char *word, const char *name)
{
    return word && *word && !strncmp(name, word, strlen(word));
}

/* One way, and the word behind it; *rest NULL: it was the last. */
static int way_parse(struct command_call *call, char **line, struct target_words *words)
{
    const char *gateway = next_word(line), *weight = NULL, *word;
    const struct interface *interface = NULL;
    while ((word = next_word(line)) && !is_option(word, "via")) {
        bool names_interface = is_option(word, "interface");
        const char *value = next_word(line);
        if (!names_interface && !is_option(word, "weight"))
            return command_error(call,
                                 "wrong '%s' after 'via %s', expected interface, via or weight",
                                 word, gateway);
        if (names_interface ? interface != NULL : weight != NULL)
            return command_error(call, "'%s' is there twice after 'via %s', expected it once", word,
                                 gateway);
        if (names_interface && !(interface = value ? interface_called(value) : NULL))
            return command_error(call,
                                 "wrong '%s' after 'interface', expected INTERFACE that "
                                 "'show interfaces' lists",
                                 value ? value : "");
        if (!names_interface)
            weight = value ? value : "";
    }
    if (word && !(*line)[strspn(*line, " \t")])
        return command_error(call, "'via' at the end is incomplete, expected ADDRESS such as "
                                   "192.0.2.1");
    return ways_add(call, words, gateway, interface, weight);
}

int ways_parse(struct command_call *call, const char *line, struct target_words *words)
{
    char copy[COMMAND_LINE_MAX], *rest = copy;
    int e = 0;
    snprintf(copy, sizeof copy, "%s", line);
    while (!e && rest[strspn(rest, " \t")])
        e = way_parse(call, &rest, words);
    return e;
}
