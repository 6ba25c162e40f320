/* parse.c - numbers and addresses in their usual notation (command.h).
 *
 * Each parser takes the whole string or refuses it, and leaves *value alone
 * when it does.  unread in this file: IEEE 802, RFC 6943, RFC 4291. */
#include "apps/console/command.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool parse_number(const char *text, uint64_t *value)
{
    unsigned base = 10;
    uint64_t v = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    if (!*text)
        return false;
    for (; *text; text++) {
        int digit = hex_digit(*text);
        if (digit < 0 || digit >= (int)base)
            return false;
        if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
            __builtin_add_overflow(v, (uint64_t)digit, &v))
            return false;
    }
    *value = v;
    return true;
}

/* Two hexadecimal digits per octet with ':' between (IEEE 802-2014 8.1 uses
 * '-', the field types ':'; one of them throughout). */
bool parse_mac(const char *text, uint8_t mac[MAC_LEN])
{
    uint8_t bytes[MAC_LEN];
    char separator = strlen(text) == 17 ? text[2] : 0;

    if (separator != ':' && separator != '-')
        return false;
    for (unsigned i = 0; i < MAC_LEN; i++, text += 3) {
        int high = hex_digit(text[0]), low = hex_digit(text[1]);
        if (high < 0 || low < 0 || text[2] != (i + 1 < MAC_LEN ? separator : 0))
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(mac, bytes, MAC_LEN);
    return true;
}

/* A decimal number up to max without leading zeros: 010 is eight to some
 * readers and ten to others (RFC 6943 3.1.1), so it is refused. */
static bool take_decimal(const char **text, unsigned max, uint8_t *value)
{
    const char *p = *text;
    unsigned v = 0;

    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
        return false;
    while (*p >= '0' && *p <= '9') {
        v = v * 10 + (unsigned)(*p++ - '0');
        if (v > max)
            return false;
    }
    *value = (uint8_t)v;
    *text = p;
    return true;
}

static bool take_ipv4(const char **text, uint8_t bytes[4])
{
    for (unsigned i = 0; i < 4; i++) {
        if (i && *(*text)++ != '.')
            return false;
        if (!take_decimal(text, 255, &bytes[i]))
            return false;
    }
    return true;
}

/* RFC 4291 2.2: groups of 16 bits; "::" once, for one or more groups of zeros;
 * the last 32 bits may be written as an IPv4 address. */
static bool take_ipv6(const char **text, uint8_t bytes[16])
{
    const char *p = *text;
    unsigned n = 0, gap = 17; /* octets read; octets in front of "::" */

    if (p[0] == ':' && p[1] != ':')
        return false;
    while (n < 16) {
        if (p[0] == ':' && p[1] == ':') {
            if (gap != 17)
                return false;
            gap = n;
            p += 2;
            if (hex_digit(*p) < 0)
                break;
        } else if (n && *p++ != ':') {
            return false;
        }
        const char *group = p;
        unsigned v = 0;
        while (hex_digit(*p) >= 0 && p - group < 4)
            v = v << 4 | (unsigned)hex_digit(*p++);
        if (p == group)
            return false;
        if (*p == '.') {
            p = group;
            if (n > 12 || !take_ipv4(&p, bytes + n))
                return false;
            n += 4;
            break;
        }
        bytes[n++] = (uint8_t)(v >> 8);
        bytes[n++] = (uint8_t)v;
        if (*p != ':')
            break;
    }
    if (gap != 17 ? n > 14 : n != 16)
        return false;
    if (gap != 17) {
        memmove(bytes + gap + (16 - n), bytes + gap, n - gap);
        memset(bytes + gap, 0, 16 - n);
    }
    *text = p;
    return true;
}

bool parse_prefix(const char *text, struct prefix *prefix, bool need_length)
{
    struct prefix p = { .ipv6 = strchr(text, ':') != NULL };

    p.length = p.ipv6 ? 128 : 32;
    if (p.ipv6 ? !take_ipv6(&text, p.bytes) : !take_ipv4(&text, p.bytes))
        return false;
    if (need_length) {
        unsigned max = p.length;
        if (*text++ != '/' || !take_decimal(&text, max, &p.length))
            return false;
    }
    if (*text)
        return false;
    *prefix = p;
    return true;
}

bool parse_name(const char *text)
{
    size_t n = strlen(text);
    return text[0] >= 'a' && text[0] <= 'z' && n < COMMAND_NAME_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}
