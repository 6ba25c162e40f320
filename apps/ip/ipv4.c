/* ipv4.c - what of the IPv4 header is too long for ipv4.h: sums over chains,
 * options. */
#include "apps/ip/ipv4.h"

#include "kernel/time.h"

/* Options, RFC 791 3.1: type (copied flag, class, number), length, pointer. */
#define OPTION_END 0u
#define OPTION_NOP 1u
#define OPTION_RECORD_ROUTE 7u
#define OPTION_TIMESTAMP 68u
#define OPTION_LOOSE_ROUTE 131u
#define OPTION_STRICT_ROUTE 137u
#define OPTION_LENGTH 1u
#define OPTION_POINTER 2u /* counts octets of the option from 1 */
#define OPTION_FLAGS 3u   /* of Timestamp: overflow, flag */
#define TIMESTAMP_OVERFLOW 0xf0u
#define TIMESTAMP_FLAG 0x0fu
#define TIMESTAMP_ONLY 0u
#define TIMESTAMP_ADDRESS 1u
#define TIMESTAMP_PRESPECIFIED 3u

/* The sum of a piece that begins at an odd octet has its bytes swapped
 * (unread: RFC 1071 2 B). */
uint16_t ipv4_packet_checksum(const struct packet *packet, uint32_t offset, uint32_t length)
{
    uint64_t sum = 0;
    uint32_t done = 0;
    for (; packet && done < length; packet = packet->next) {
        if (offset >= packet->length) {
            offset -= packet->length;
            continue;
        }
        uint32_t n = packet->length - offset;
        n = n < length - done ? n : length - done;
        uint16_t piece = (uint16_t)~checksum_finish(checksum_add(0, packet->data + offset, n));
        sum += done & 1 ? __builtin_bswap16(piece) : piece;
        done += n;
        offset = 0;
    }
    return checksum_finish(sum);
}

void ipv4_packet_trim(struct packet_cache *cache, struct packet *packet, uint32_t length)
{
    packet->frame_length = length;
    while (length > packet->length) {
        length -= packet->length;
        packet = packet->next;
    }
    packet->length = (uint16_t)length;
    if (packet->next)
        packet_free(cache, packet->next);
    packet->next = NULL;
}

/* Where the option that begins at `at` ends; 0: it has no proper length. */
static unsigned option_end(const uint8_t *ip, unsigned at, unsigned end)
{
    unsigned length = at + 1 < end ? ip[at + OPTION_LENGTH] : 0;
    unsigned least = ip[at] == OPTION_TIMESTAMP ? 4 : ip[at] == OPTION_RECORD_ROUTE ? 3 : 2;
    return length >= least && length <= end - at ? at + length : 0;
}

/* RFC 791: a pointer below the first slot, or room for a part of one only, is
 * an error of the packet's. */
static bool option_is_recordable(const uint8_t *option)
{
    unsigned pointer = option[OPTION_POINTER], length = option[OPTION_LENGTH];
    if (option[0] == OPTION_RECORD_ROUTE)
        return pointer >= 4 && (pointer > length || length - pointer >= 3);
    unsigned flag = option[OPTION_FLAGS] & TIMESTAMP_FLAG;
    unsigned slot = flag == TIMESTAMP_ONLY ? 4 : 8;
    bool overflows = (option[OPTION_FLAGS] & TIMESTAMP_OVERFLOW) == TIMESTAMP_OVERFLOW;
    if (flag != TIMESTAMP_ONLY && flag != TIMESTAMP_ADDRESS && flag != TIMESTAMP_PRESPECIFIED)
        return false;
    return pointer >= 5 && (pointer > length ? !overflows : length - pointer + 1 >= slot);
}

enum ipv4_options ipv4_options_check(const uint8_t *ip, uint8_t *pointer)
{
    unsigned end = ipv4_header_length(ip), next;
    for (unsigned at = IPV4_OPTIONS; at < end && ip[at] != OPTION_END; at = next) {
        next = at + 1;
        if (ip[at] == OPTION_NOP)
            continue;
        *pointer = (uint8_t)at;
        next = option_end(ip, at, end);
        if (!next)
            return IPV4_OPTIONS_BAD;
        if (ip[at] == OPTION_LOOSE_ROUTE)
            return IPV4_OPTIONS_LOOSE_ROUTE;
        if (ip[at] == OPTION_STRICT_ROUTE)
            return IPV4_OPTIONS_STRICT_ROUTE;
        if ((ip[at] == OPTION_RECORD_ROUTE || ip[at] == OPTION_TIMESTAMP) &&
            !option_is_recordable(ip + at))
            return IPV4_OPTIONS_BAD;
    }
    return IPV4_OPTIONS_FINE;
}

static void record_route(uint8_t *option, uint32_t address)
{
    if (option[OPTION_POINTER] > option[OPTION_LENGTH])
        return;
    store_be32(option + option[OPTION_POINTER] - 1, address);
    option[OPTION_POINTER] = (uint8_t)(option[OPTION_POINTER] + 4);
}

/* We do not know midnight UT; RFC 791 lets any clock in with the top bit set. */
static void timestamp(uint8_t *option, uint32_t address, uint64_t now_us)
{
    unsigned flag = option[OPTION_FLAGS] & TIMESTAMP_FLAG;
    uint8_t *slot = option + option[OPTION_POINTER] - 1;
    if (option[OPTION_POINTER] > option[OPTION_LENGTH]) {
        option[OPTION_FLAGS] = (uint8_t)(option[OPTION_FLAGS] + 0x10);
        return;
    }
    if (flag == TIMESTAMP_PRESPECIFIED && load_be32(slot) != address)
        return;
    if (flag == TIMESTAMP_ADDRESS)
        store_be32(slot, address);
    slot += flag == TIMESTAMP_ONLY ? 0 : 4;
    store_be32(slot, 0x80000000u | (uint32_t)(now_us / US_PER_MS));
    option[OPTION_POINTER] = (uint8_t)(slot + 4 - option + 1);
}

void ipv4_options_stamp(uint8_t *ip, uint32_t address, uint64_t now_us)
{
    unsigned end = ipv4_header_length(ip), next;
    for (unsigned at = IPV4_OPTIONS; at < end && ip[at] != OPTION_END; at = next) {
        next = ip[at] == OPTION_NOP ? at + 1 : at + ip[at + OPTION_LENGTH];
        if (ip[at] == OPTION_RECORD_ROUTE)
            record_route(ip + at, address);
        else if (ip[at] == OPTION_TIMESTAMP)
            timestamp(ip + at, address, now_us);
    }
    ipv4_checksum_set(ip);
}
