/* ip_address.c - comparing and writing addresses (ip_address.h). */
#include "apps/ip/ip_address.h"

#include <stdio.h>

#define GROUPS 8u

int ip_compare(struct ip_address a, struct ip_address b)
{
    if (ip_is_v4(a) != ip_is_v4(b))
        return ip_is_v4(a) ? -1 : 1;
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    return a.low == b.low ? 0 : a.low < b.low ? -1 : 1;
}

unsigned ip_same_bits(struct ip_address a, struct ip_address b)
{
    if (a.high != b.high)
        return (unsigned)__builtin_clzll(a.high ^ b.high);
    return a.low == b.low ? 128 : 64 + (unsigned)__builtin_clzll(a.low ^ b.low);
}

static unsigned group_of(struct ip_address a, unsigned n)
{
    return (n < 4 ? a.high : a.low) >> (48 - 16 * (n & 3)) & 0xffff;
}

static unsigned zeros_from(struct ip_address a, unsigned n)
{
    unsigned from = n;
    while (n < GROUPS && !group_of(a, n))
        n++;
    return n - from;
}

/* unread: RFC 5952 4.2: of runs of zeros the longest, the first of equals, and never one group
 * alone. */
static unsigned longest_zeros(struct ip_address a, unsigned *length)
{
    unsigned best = GROUPS;
    *length = 1;
    for (unsigned n = 0; n < GROUPS; n++)
        if (zeros_from(a, n) > *length) {
            *length = zeros_from(a, n);
            best = n;
        }
    return best;
}

static void format_v6(struct ip_address a, char text[IP_TEXT])
{
    unsigned length, gap = longest_zeros(a, &length), at = 0;
    if (gap == 0)
        text[at++] = ':';
    for (unsigned n = 0; n < GROUPS;) {
        if (n == gap) {
            text[at++] = ':';
            n += length;
            continue;
        }
        at += (unsigned)snprintf(text + at, IP_TEXT - at, "%x%s", group_of(a, n),
                                 n + 1 < GROUPS ? ":" : "");
        n++;
    }
    text[at] = 0;
}

const char *ip_format(struct ip_address a, char text[IP_TEXT])
{
    uint32_t v4 = ip_to_v4(a);
    if (ip_is_v4(a))
        snprintf(text, IP_TEXT, "%u.%u.%u.%u", (unsigned)(v4 >> 24), (unsigned)(v4 >> 16 & 0xff),
                 (unsigned)(v4 >> 8 & 0xff), (unsigned)(v4 & 0xff));
    else
        format_v6(a, text);
    return text;
}

const char *ip_format_prefix(struct ip_address a, unsigned length, char text[IP_PREFIX_TEXT])
{
    char address[IP_TEXT];
    snprintf(text, IP_PREFIX_TEXT, "%s/%u", ip_format(a, address), length & 255u);
    return text;
}
