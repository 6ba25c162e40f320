/* pcap_file.c - pcap and pcapng (pcap_file.h). */
#include "nic/pcap_file.h"

#include "kernel/compiler.h"
#include "kernel/endian.h"
#include "nic/packet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du
#define LINKTYPE_ETHERNET 1u /* draft-ietf-opsawg-pcaplinktype */
#define NS_PER_S 1000000000ull

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET_OLD 2u
#define BLOCK_SIMPLE 3u
#define BLOCK_ENHANCED 6u
#define BLOCK_LOCAL 0x80000000u /* and on: for local use */
#define ORDER_MAGIC 0x1a2b3c4du
#define BLOCK_MIN 12u
#define OPTION_END 0u
#define OPTION_COMMENT 1u
#define OPTION_IF_NAME 2u
#define OPTION_EPB_FLAGS 2u
#define OPTION_IF_TSRESOL 9u
#define TSRESOL_US 6u /* unless told */

static int refuse(const struct pcap_reader *r, char *why, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int refuse(const struct pcap_reader *r, char *why, const char *fmt, ...)
{
    va_list args;
    int n = snprintf(why, PCAP_WHY_SIZE, "frame %" PRIu64 ": ", r->frames + 1);
    va_start(args, fmt);
    vsnprintf(why + n, PCAP_WHY_SIZE - (size_t)n, fmt, args);
    va_end(args);
    return -EINVAL;
}

static uint32_t u32(const struct pcap_reader *r, size_t at)
{
    return r->big_endian ? load_be32(r->bytes + at) : load_le32(r->bytes + at);
}

static uint16_t u16(const struct pcap_reader *r, size_t at)
{
    return r->big_endian ? load_be16(r->bytes + at) : load_le16(r->bytes + at);
}

static size_t left(const struct pcap_reader *r)
{
    return r->size - r->at;
}

/* Time --------------------------------------------------------------------------- */

/* A count of units of 10^-n or, with the highest bit, 2^-n seconds, in nanoseconds; whole seconds
 * and the rest by themselves, so that nothing overflows. */
static uint64_t to_ns(uint64_t count, uint8_t resolution)
{
    unsigned n = resolution & 0x7fu;
    uint64_t unit = 1;
    if (resolution & 0x80) {
        if (n >= 64)
            return 0;
        unit = 1ull << n;
    } else {
        for (; n && unit <= UINT64_MAX / 10; n--)
            unit *= 10;
        if (n)
            return 0; /* finer than any count tells */
    }
    uint64_t rest = count % unit;
    uint64_t ns = unit > UINT64_MAX / NS_PER_S ? rest / (unit / NS_PER_S) : rest * NS_PER_S / unit;
    return count / unit * NS_PER_S + ns;
}

/* Frames ------------------------------------------------------------------------- */

/* The captured bytes lie in the file. */
static int give(struct pcap_reader *r, struct pcap_frame *frame, const uint8_t *bytes,
                uint32_t length, char *why)
{
    if (length < FRAME_MIN)
        return refuse(r, why, "%" PRIu32 " bytes, expected an Ethernet frame of %u or more", length,
                      FRAME_MIN);
    if (length > FRAME_MAX)
        return refuse(r, why, "%" PRIu32 " bytes, and no port sends more than %u", length,
                      FRAME_MAX);
    frame->bytes = bytes;
    frame->length = length;
    r->frames++;
    return 1;
}

static int next_record(struct pcap_reader *r, struct pcap_frame *frame, char *why)
{
    if (!left(r))
        return 0;
    if (left(r) < PCAP_RECORD_HEADER)
        return refuse(r, why, "cut off within its header");
    size_t at = r->at;
    uint32_t length = u32(r, at + 8), fraction = u32(r, at + 4);
    uint64_t unit = r->interface[0].resolution == TSRESOL_US ? NS_PER_S / 1000000 : 1;
    if (length > left(r) - PCAP_RECORD_HEADER)
        return refuse(r, why, "cut off, %" PRIu32 " bytes are promised and %" PRIu64 " are left",
                      length, (uint64_t)left(r) - PCAP_RECORD_HEADER);
    if (fraction * unit >= NS_PER_S)
        return refuse(r, why, "a time of more than a second's fractions");
    frame->time_ns = u32(r, at) * NS_PER_S + fraction * unit;
    r->at += PCAP_RECORD_HEADER + length;
    return give(r, frame, r->bytes + at + PCAP_RECORD_HEADER, length, why);
}

/* Blocks ------------------------------------------------------------------------- */

/* The section that begins here says in which byte order it is. */
static int begin_section(struct pcap_reader *r, char *why)
{
    if (left(r) < BLOCK_MIN + 16)
        return refuse(r, why, "a section cut off within its header");
    r->big_endian = load_be32(r->bytes + r->at + 8) == ORDER_MAGIC;
    if (u32(r, r->at + 8) != ORDER_MAGIC)
        return refuse(r, why, "a section of no byte order");
    if (u16(r, r->at + 12) != 1)
        return refuse(r, why, "a section of version %u, expected 1", u16(r, r->at + 12));
    r->interfaces = 0;
    return 0;
}

/* Options are type, length, value filled up to 4; the last is of type 0, or the block's end. */
static uint8_t find_resolution(const struct pcap_reader *r, size_t at, size_t end)
{
    while (end - at >= 4 && u16(r, at) != OPTION_END) {
        size_t length = u16(r, at + 2);
        if (length > end - at - 4)
            break;
        if (u16(r, at) == OPTION_IF_TSRESOL && length >= 1)
            return r->bytes[at + 4];
        at += 4 + min_u64(ALIGN_UP(length, 4u), end - at - 4);
    }
    return TSRESOL_US;
}

static int add_interface(struct pcap_reader *r, size_t at, size_t end, char *why)
{
    if (end - at < 8)
        return refuse(r, why, "an interface cut short");
    if (r->interfaces == PCAP_INTERFACES_MAX)
        return refuse(r, why, "more than %u interfaces", PCAP_INTERFACES_MAX);
    r->interface[r->interfaces++] =
        (struct pcap_interface){ .ethernet = u16(r, at) == LINKTYPE_ETHERNET,
                                 .resolution = find_resolution(r, at + 8, end),
                                 .snaplen = u32(r, at + 4) };
    return 0;
}

static int check_interface(const struct pcap_reader *r, uint32_t number, char *why)
{
    if (number >= r->interfaces)
        return refuse(r, why, "from interface %" PRIu32 ", which was not described", number);
    if (!r->interface[number].ethernet)
        return refuse(r, why, "from an interface that is no Ethernet");
    return 0;
}

/* An enhanced packet block, or an old one, whose interface has but 16 bits. */
static int packet_block(struct pcap_reader *r, size_t at, size_t end, bool old,
                        struct pcap_frame *frame, char *why)
{
    if (end - at < 20)
        return refuse(r, why, "a block cut short");
    uint32_t number = old ? u16(r, at) : u32(r, at), length = u32(r, at + 12);
    int e = check_interface(r, number, why);
    if (e)
        return e;
    if (length > end - at - 20)
        return refuse(r, why, "%" PRIu32 " bytes are promised and its block has %" PRIu64, length,
                      (uint64_t)(end - at - 20));
    frame->time_ns =
        to_ns((uint64_t)u32(r, at + 4) << 32 | u32(r, at + 8), r->interface[number].resolution);
    return give(r, frame, r->bytes + at + 20, length, why);
}

/* It holds as much as was there, up to the snap length of the first interface. */
static int simple_block(struct pcap_reader *r, size_t at, size_t end, struct pcap_frame *frame,
                        char *why)
{
    if (end - at < 4)
        return refuse(r, why, "a block cut short");
    int e = check_interface(r, 0, why);
    if (e)
        return e;
    uint32_t length = u32(r, at), snaplen = r->interface[0].snaplen;
    if (snaplen && length > snaplen)
        length = snaplen;
    if (length > end - at - 4)
        return refuse(r, why, "%" PRIu32 " bytes are promised and its block has %" PRIu64, length,
                      (uint64_t)(end - at - 4));
    return give(r, frame, r->bytes + at + 4, length, why);
}

/* 1: a frame; 0: none in this block; or -EINVAL. */
static int read_block(struct pcap_reader *r, uint32_t type, size_t at, size_t end,
                      struct pcap_frame *frame, char *why)
{
    switch (type) {
    case BLOCK_INTERFACE:
        return add_interface(r, at, end, why);
    case BLOCK_ENHANCED:
    case BLOCK_PACKET_OLD:
        return packet_block(r, at, end, type == BLOCK_PACKET_OLD, frame, why);
    case BLOCK_SIMPLE:
        return simple_block(r, at, end, frame, why);
    default:
        return 0;
    }
}

static int next_block(struct pcap_reader *r, struct pcap_frame *frame, char *why)
{
    while (left(r)) {
        if (left(r) < BLOCK_MIN)
            return refuse(r, why, "a block cut off within its header");
        uint32_t type = u32(r, r->at);
        int e = type == BLOCK_SECTION ? begin_section(r, why) : 0;
        if (e)
            return e;
        size_t at = r->at;
        uint32_t length = u32(r, at + 4);
        if (length < BLOCK_MIN || length % 4 || length > left(r))
            return refuse(r, why, "a block of %" PRIu32 " bytes, %" PRIu64 " are left", length,
                          (uint64_t)left(r));
        if (u32(r, at + length - 4) != length)
            return refuse(r, why, "a block whose two lengths differ");
        r->at += length;
        e = read_block(r, type, at + 8, at + length - 4, frame, why);
        if (e)
            return e;
    }
    return 0;
}

/* Files -------------------------------------------------------------------------- */

static bool begin_pcap(struct pcap_reader *r, char *why)
{
    uint32_t le = load_le32(r->bytes), be = load_be32(r->bytes);
    r->big_endian = be == MAGIC_US || be == MAGIC_NS;
    uint32_t magic = r->big_endian ? be : le;
    if (magic != MAGIC_US && magic != MAGIC_NS) {
        snprintf(why, PCAP_WHY_SIZE, "neither pcap nor pcapng");
        return false;
    }
    if (r->size < PCAP_FILE_HEADER || u16(r, 4) != 2) {
        snprintf(why, PCAP_WHY_SIZE, "no whole header of pcap version 2");
        return false;
    }
    if ((u32(r, 20) & 0xffff) != LINKTYPE_ETHERNET) {
        snprintf(why, PCAP_WHY_SIZE, "frames of link type %u, expected Ethernet, which is %u",
                 (unsigned)(u32(r, 20) & 0xffff), LINKTYPE_ETHERNET);
        return false;
    }
    r->interface[0].resolution = magic == MAGIC_US ? TSRESOL_US : 9;
    r->at = PCAP_FILE_HEADER;
    return true;
}

bool pcap_begin(struct pcap_reader *r, const void *bytes, size_t size, char *why)
{
    *r = (struct pcap_reader){ .bytes = bytes, .size = size };
    if (size < 4) {
        snprintf(why, PCAP_WHY_SIZE, "%u bytes, expected pcap or pcapng", (unsigned)size);
        return false;
    }
    r->ng = load_le32(r->bytes) == BLOCK_SECTION;
    return r->ng || begin_pcap(r, why);
}

int pcap_next(struct pcap_reader *r, struct pcap_frame *frame, char *why)
{
    return r->ng ? next_block(r, frame, why) : next_record(r, frame, why);
}

int64_t pcap_check(const void *bytes, size_t size, char *why)
{
    struct pcap_reader r;
    struct pcap_frame frame = { 0 };
    int e = pcap_begin(&r, bytes, size, why) ? 1 : -EINVAL;
    while (e > 0)
        e = pcap_next(&r, &frame, why);
    return e ? e : (int64_t)r.frames;
}

/* Writing ------------------------------------------------------------------------- */

size_t pcap_write_header(uint8_t *to)
{
    memset(to, 0, PCAP_FILE_HEADER);
    store_le32(to, MAGIC_NS);
    store_le16(to + 4, 2);
    store_le16(to + 6, 4);
    store_le32(to + 16, FRAME_MAX);
    store_le32(to + 20, LINKTYPE_ETHERNET);
    return PCAP_FILE_HEADER;
}

void pcap_write_record(uint8_t *to, uint64_t time_ns, uint32_t captured, uint32_t length)
{
    store_le32(to, (uint32_t)(time_ns / NS_PER_S));
    store_le32(to + 4, (uint32_t)(time_ns % NS_PER_S));
    store_le32(to + 8, captured);
    store_le32(to + 12, length);
}

/* The two lengths of a block of `size` bytes, and its type. */
static void frame_block(uint8_t *to, uint32_t type, uint32_t size)
{
    store_le32(to, type);
    store_le32(to + 4, size);
    store_le32(to + size - 4, size);
}

static uint8_t *put_option(uint8_t *to, uint16_t type, const void *bytes, size_t length)
{
    memset(to, 0, 4 + ALIGN_UP(length, (size_t)4));
    store_le16(to, type);
    store_le16(to + 2, (uint16_t)length);
    memcpy(to + 4, bytes, length);
    return to + 4 + ALIGN_UP(length, (size_t)4);
}

size_t pcapng_write_headers(uint8_t *to, const char *interface, uint32_t snaplen)
{
    const uint32_t section = BLOCK_MIN + 16;
    size_t name = strnlen(interface, PCAPNG_HEADERS_MAX / 2);
    uint32_t described = (uint32_t)(BLOCK_MIN + 8 + 4 + ALIGN_UP(name, (size_t)4) + 4);
    uint8_t *block = to + section;
    frame_block(to, BLOCK_SECTION, section);
    store_le32(to + 8, ORDER_MAGIC);
    store_le16(to + 12, 1);
    store_le16(to + 14, 0);
    memset(to + 16, 0xff, 8); /* the length is not told */
    frame_block(block, BLOCK_INTERFACE, described);
    store_le16(block + 8, LINKTYPE_ETHERNET);
    store_le16(block + 10, 0);
    store_le32(block + 12, snaplen);
    memset(put_option(block + 16, OPTION_IF_NAME, interface, name), 0, 4);
    return section + described;
}

#define EPB_FIXED 28u
#define EPB_FLAGS 8u /* the option */

size_t pcapng_block_size(uint32_t captured, const char *comment)
{
    size_t text = comment ? 4 + ALIGN_UP(strlen(comment), (size_t)4) : 0;
    return EPB_FIXED + ALIGN_UP(captured, 4u) + EPB_FLAGS + text + 4 + 4;
}

uint8_t *pcapng_write_block(uint8_t *to, uint64_t time_us, uint32_t captured, uint32_t length,
                            enum pcapng_way way, const char *comment)
{
    uint8_t flags[4], *options = to + EPB_FIXED + ALIGN_UP(captured, 4u);
    store_le32(to + 8, 0); /* the first interface */
    store_le32(to + 12, (uint32_t)(time_us >> 32));
    store_le32(to + 16, (uint32_t)time_us);
    store_le32(to + 20, captured);
    store_le32(to + 24, length);
    memset(to + EPB_FIXED + captured, 0, (size_t)(options - to) - EPB_FIXED - captured);
    store_le32(flags, way);
    options = put_option(options, OPTION_EPB_FLAGS, flags, sizeof flags);
    if (comment)
        options = put_option(options, OPTION_COMMENT, comment, strlen(comment));
    memset(options, 0, 4);
    frame_block(to, BLOCK_ENHANCED, (uint32_t)pcapng_block_size(captured, comment));
    return to + EPB_FIXED;
}

void pcapng_write_filler(uint8_t *to, uint32_t size)
{
    frame_block(to, BLOCK_LOCAL | 1, size);
}
