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

static bool take_group(const char **text, uint8_t bytes[2])
{
    const char *p = *text;
    unsigned v = 0;

    while (hex_digit(*p) >= 0 && p - *text < 4)
        v = v << 4 | (unsigned)hex_digit(*p++);
    if (p == *text)
        return false;
    bytes[0] = (uint8_t)(v >> 8);
    bytes[1] = (uint8_t)v;
    *text = p;
    return true;
}

/* Groups of 16 bits with colons between them, up to "::" or to `room` octets; the last 32 bits of
 * an address may be written as an IPv4 address.  The octets read; -1: that is no address. */
static int take_groups(const char **text, uint8_t *bytes, int room)
{
    for (int n = 0; n < room; *text += 1) {
        const char *group = *text;
        if (!take_group(text, bytes + n))
            return -1;
        if (**text == '.') {
            *text = group;
            return n + 4 <= room && take_ipv4(text, bytes + n) && **text != ':' ? n + 4 : -1;
        }
        n += 2;
        if (n == room || (*text)[0] != ':' || (*text)[1] == ':')
            return n;
    }
    return 0;
}

/* RFC 4291 2.2: "::" once, for one or more groups of zeros. */
static bool take_ipv6(const char **text, uint8_t bytes[16])
{
    uint8_t behind[16];
    int front = **text == ':' ? 0 : take_groups(text, bytes, 16), back = 0;

    if ((*text)[0] != ':' || (*text)[1] != ':')
        return front == 16;
    if (front < 0 || front > 14)
        return false;
    *text += 2;
    if (hex_digit(**text) >= 0)
        back = take_groups(text, behind, 14 - front);
    if (back < 0)
        return false;
    memset(bytes + front, 0, (size_t)(16 - front - back));
    memcpy(bytes + 16 - back, behind, (size_t)back);
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
