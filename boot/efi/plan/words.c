/* words.c - load options, file names and boot offers.
 *
 * Sources: UEFI 2.10 9.1 (load options); RFC 2131 2 and 4.1, RFC 2132 (DHCP packet).
 * unread in this file: all three. */
#include "boot/efi/plan/plan.h"
#include "boot/image_name.h"

#include <string.h>

/* Load options -------------------------------------------------------------------- */

/* Who writes UCS-2 has a zero byte behind each of ours; efibootmgr without -u writes bytes. */
static bool is_wide(const uint8_t *bytes, uint32_t size)
{
    return size >= 2 && !bytes[1];
}

static bool copy_as_text(const uint8_t *bytes, uint32_t size, char *line, unsigned room)
{
    const uint32_t step = is_wide(bytes, size) ? 2 : 1;
    unsigned n = 0;
    for (uint32_t at = 0; step <= size - at && bytes[at] && n < room - 1; at += step) {
        uint8_t c = bytes[at] == '\r' || bytes[at] == '\n' ? ' ' : bytes[at];
        if ((c < ' ' && c != '\t') || c >= 127 || (step == 2 && bytes[at + 1])) {
            n = 0;
            break;
        }
        line[n++] = (char)c;
    }
    line[n] = '\0';
    return n || !size || !bytes[0];
}

static size_t word_length(const char *word)
{
    size_t quoted = *word == '"' ? 1 + strcspn(word + 1, "\"") : 0;
    return quoted && word[quoted] ? quoted + 1 : strcspn(word, " \t");
}

static void cut(char *from, const char *to)
{
    memmove(from, to, strlen(to) + 1);
}

static void drop_name(char *line)
{
    size_t n = word_length(line);
    if (is_image_name(line, n))
        cut(line, line + n + strspn(line + n, " \t"));
}

bool options_read(const void *options, uint32_t size, char *line, unsigned room)
{
    if (!copy_as_text(options, options ? size : 0, line, room))
        return false;
    cut(line, line + strspn(line, " \t"));
    drop_name(line);
    return true;
}

/* Names --------------------------------------------------------------------------- */

void configuration_name(const uint8_t *mac, char name[CONFIGURATION_NAME_MAX])
{
    static const char digits[] = "0123456789abcdef";
    char *to = name;
    for (const char *from = "millrace"; *from;)
        *to++ = *from++;
    for (unsigned i = 0; mac && i < MAC_LENGTH; i++) {
        *to++ = '-';
        *to++ = digits[mac[i] >> 4];
        *to++ = digits[mac[i] & 15];
    }
    memcpy(to, ".conf", sizeof ".conf");
}

bool path_beside(const char *path, const char *name, char *to, unsigned room)
{
    size_t folder = 0, bytes = strlen(name) + 1;
    for (size_t i = 0; path[i] && path[i] != '?' && path[i] != '#'; i++)
        if (path[i] == '/' || path[i] == '\\')
            folder = i + 1;
    if (folder + bytes > room)
        return false;
    memcpy(to, path, folder);
    memcpy(to + folder, name, bytes);
    return true;
}

unsigned path_append(uint16_t *path, unsigned n, unsigned room, const uint8_t *text,
                     unsigned length)
{
    if (n < room && (!n || path[n - 1] != '\\'))
        path[n++] = '\\';
    for (unsigned i = 0; i < length && n < room; i++) {
        uint16_t c = (uint16_t)(text[2 * i] | text[2 * i + 1] << 8);
        if (!c)
            break;
        if (c != '\\' || path[n - 1] != '\\')
            path[n++] = c;
    }
    return n;
}

/* Boot offers --------------------------------------------------------------------- */

/* RFC 2131 2: where the header's fields lie. */
#define DHCP_SIADDR 20u
#define DHCP_SNAME 44u
#define DHCP_FILE 108u
#define DHCP_FILE_SIZE 128u
#define DHCP_COOKIE 236u
#define DHCP_OPTIONS 240u

#define OPTION_PAD 0u
#define OPTION_OVERLOAD 52u /* RFC 2132 9.3: options go on in `file` (1) or `sname` (2) */
#define OPTION_SERVER 54u
#define OPTION_BOOT_FILE 67u
#define OPTION_END 255u

struct option {
    const uint8_t *value;
    uint8_t length;
};

static struct option option_in(const uint8_t *area, unsigned size, uint8_t wanted)
{
    for (unsigned at = 0; at < size && area[at] != OPTION_END;) {
        if (area[at] == OPTION_PAD) {
            at++;
            continue;
        }
        if (size - at < 2 || area[at + 1] > size - at - 2)
            break;
        if (area[at] == wanted)
            return (struct option){ .value = area + at + 2, .length = area[at + 1] };
        at += 2u + area[at + 1];
    }
    return (struct option){ 0 };
}

static uint8_t overload_of(const uint8_t *packet, unsigned size)
{
    struct option o = option_in(packet + DHCP_OPTIONS, size - DHCP_OPTIONS, OPTION_OVERLOAD);
    return o.length ? o.value[0] : 0;
}

static struct option option_find(const uint8_t *packet, unsigned size, uint8_t wanted)
{
    uint8_t overload = overload_of(packet, size);
    struct option o = option_in(packet + DHCP_OPTIONS, size - DHCP_OPTIONS, wanted);
    if (!o.length && (overload & 1))
        o = option_in(packet + DHCP_FILE, DHCP_FILE_SIZE, wanted);
    if (!o.length && (overload & 2))
        o = option_in(packet + DHCP_SNAME, DHCP_FILE - DHCP_SNAME, wanted);
    return o;
}

bool boot_offer_read(const uint8_t *packet, unsigned size, struct boot_offer *offer)
{
    static const uint8_t cookie[] = { 99, 130, 83, 99 }, nobody[4];
    if (size < DHCP_OPTIONS || memcmp(packet + DHCP_COOKIE, cookie, sizeof cookie))
        return false;
    struct option file = option_find(packet, size, OPTION_BOOT_FILE);
    struct option server = option_find(packet, size, OPTION_SERVER);
    if (!file.length && !(overload_of(packet, size) & 1))
        file = (struct option){ .value = packet + DHCP_FILE, .length = DHCP_FILE_SIZE };
    memset(offer, 0, sizeof *offer);
    memcpy(offer->file, file.length ? file.value : nobody, file.length);
    if (memcmp(packet + DHCP_SIADDR, nobody, sizeof nobody))
        memcpy(offer->server, packet + DHCP_SIADDR, sizeof offer->server);
    else if (server.length >= sizeof offer->server)
        memcpy(offer->server, server.value, sizeof offer->server);
    return offer->file[0] && memcmp(offer->server, nobody, sizeof nobody);
}
