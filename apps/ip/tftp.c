/* tftp.c - TFTP's packets and what they do to a transfer (tftp.h). */
#include "apps/ip/tftp.h"

#include "apps/console/out.h"
#include "kernel/endian.h"
#include "kernel/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define OPCODE 0u
#define OPCODE_READ 1u
#define OPCODE_WRITE 2u
#define OPCODE_DATA 3u
#define OPCODE_ACK 4u
#define OPCODE_ERROR 5u
#define OPCODE_OPTIONS 6u /* RFC 2347: OACK */
#define BLOCK 2u          /* of DATA and ACK */
#define CODE 2u           /* of ERROR */
#define ROOM_FIRST 65536u /* for a file of which nobody said how long it is */

void tftp_fail(struct tftp *t, uint8_t code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(t->why, sizeof t->why, fmt, args);
    va_end(args);
    t->state = TFTP_FAILED;
    t->tells = true;
    t->code = code;
}

void tftp_begin(struct tftp *t)
{
    t->state = TFTP_ASKS;
    t->block_size = TFTP_BLOCK;
}

void tftp_end(struct tftp *t)
{
    if (!t->put)
        free(t->bytes);
    t->bytes = NULL;
}

/* What is sent ------------------------------------------------------------ */

static size_t add_string(uint8_t *packet, size_t at, const char *text)
{
    size_t n = strlen(text) + 1;
    memcpy(packet + at, text, n);
    return at + n;
}

static size_t add_option(uint8_t *packet, size_t at, const char *name, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    return add_string(packet, add_string(packet, at, name), digits);
}

/* Of a file that is read tsize asks for its length (RFC 2349). */
static size_t request(const struct tftp *t, uint8_t *packet)
{
    store_be16(packet + OPCODE, t->put ? OPCODE_WRITE : OPCODE_READ);
    size_t at = add_string(packet, 2, t->name);
    at = add_string(packet, at, "octet");
    at = add_option(packet, at, "blksize", t->wanted);
    return add_option(packet, at, "tsize", t->put ? t->size : 0);
}

size_t tftp_error_packet(uint8_t *packet, size_t size, uint8_t code, const char *text)
{
    store_be16(packet + OPCODE, OPCODE_ERROR);
    store_be16(packet + CODE, code);
    snprintf((char *)packet + TFTP_HEADER, size - TFTP_HEADER, "%s", text);
    return TFTP_HEADER + strlen((char *)packet + TFTP_HEADER) + 1;
}

/* Of the block that is out; 0 for the one behind a last full one. */
static size_t block_bytes(const struct tftp *t, size_t *at)
{
    *at = (size_t)(t->block - 1) * t->block_size;
    size_t left = t->size - *at;
    return left < t->block_size ? left : t->block_size;
}

size_t tftp_packet(const struct tftp *t, uint8_t head[TFTP_PACKET_MAX], const uint8_t **body,
                   size_t *body_length)
{
    size_t at;
    *body = NULL;
    *body_length = 0;
    if (t->state == TFTP_ASKS)
        return request(t, head);
    if (t->state == TFTP_FAILED)
        return tftp_error_packet(head, TFTP_PACKET_MAX, t->code, t->why);
    store_be16(head + OPCODE, t->put ? OPCODE_DATA : OPCODE_ACK);
    store_be16(head + BLOCK, (uint16_t)t->block);
    if (t->put) {
        *body_length = block_bytes(t, &at);
        *body = t->bytes + at;
    }
    return TFTP_HEADER;
}

/* Options ----------------------------------------------------------------- */

/* The next text of an OACK that ends within it; NULL: none. */
static const char *next_string(const uint8_t *packet, size_t length, size_t *at)
{
    const char *text = (const char *)packet + *at;
    const char *end = *at < length ? memchr(text, 0, length - *at) : NULL;
    if (!end)
        return NULL;
    *at = (size_t)((const uint8_t *)end + 1 - packet);
    return text;
}

static bool number_of(const char *text, uint64_t *number)
{
    size_t n = strspn(text, "0123456789");
    *number = strtoull(text, NULL, 10);
    return n && n < 19 && !text[n];
}

/* False: it is not what was asked for. */
static bool option_take(struct tftp *t, const char *name, const char *value)
{
    uint64_t number;
    if (!number_of(value, &number))
        return false;
    if (!strcasecmp(name, "blksize")) {
        if (number < TFTP_BLOCK_MIN || number > t->wanted)
            return false;
        t->block_size = (uint16_t)number;
        return true;
    }
    t->has_promise = !t->put;
    t->promise = number;
    return !strcasecmp(name, "tsize");
}

static bool options_take(struct tftp *t, const uint8_t *packet, size_t length)
{
    size_t at = 2;
    while (at < length) {
        const char *name = next_string(packet, length, &at);
        const char *value = name ? next_string(packet, length, &at) : NULL;
        if (!value || !option_take(t, name, value))
            return false;
    }
    return true;
}

/* What is got ------------------------------------------------------------- */

/* Room for so many bytes: what was promised at once, else twice as much each time. */
static bool make_room(struct tftp *t, uint64_t size)
{
    uint64_t room = t->room ? t->room : ROOM_FIRST;
    if (size <= t->room)
        return true;
    while (room < size)
        room *= 2;
    if (t->has_promise)
        room = t->promise > size ? t->promise : size;
    uint8_t *bytes = NULL;
    if (size <= TFTP_SIZE_MAX && room <= 2ull * TFTP_SIZE_MAX && memory_spare(room))
        bytes = realloc(t->bytes, (size_t)room);
    if (!bytes) {
        tftp_fail(t, TFTP_DISK_FULL, "there is no memory for %" PRIu64 " bytes", room);
        return false;
    }
    t->bytes = bytes;
    t->room = (size_t)room;
    return true;
}

static void options_agreed(struct tftp *t, const uint8_t *packet, size_t length)
{
    if (!options_take(t, packet, length)) {
        tftp_fail(t, TFTP_OPTION_REFUSED, "the server's options are not those that we asked for");
    } else if (t->put) {
        t->state = TFTP_MOVES;
        t->block = 1;
    } else if (!t->has_promise || !t->promise || make_room(t, t->promise)) {
        t->state = TFTP_MOVES;
    }
}

static void got_all(struct tftp *t)
{
    if (t->has_promise && t->size != t->promise)
        tftp_fail(t, TFTP_UNDEFINED,
                  "the server sent %" PRIu64 " bytes, and had said that they are %" PRIu64,
                  (uint64_t)t->size, t->promise);
    else
        t->state = TFTP_DONE;
}

/* The next block is kept; the last one again means that our answer was lost. */
static bool data_take(struct tftp *t, const uint8_t *packet, size_t length)
{
    uint16_t block = load_be16(packet + BLOCK);
    size_t n = length - TFTP_HEADER;
    if (t->state == TFTP_ASKS && block != 1)
        return false;
    if (t->block && block == (uint16_t)t->block)
        return true;
    if (t->state == TFTP_DONE || block != (uint16_t)(t->block + 1))
        return false;
    if (n > t->block_size) {
        tftp_fail(t, TFTP_ILLEGAL, "the server sent a block of %u bytes, expected %u at most",
                  (unsigned)n, t->block_size);
        return true;
    }
    t->state = TFTP_MOVES;
    if (t->has_promise && t->size + n > t->promise) {
        tftp_fail(t, TFTP_ILLEGAL, "the server sends more than the %" PRIu64 " bytes that it said",
                  t->promise);
        return true;
    }
    if (!make_room(t, (uint64_t)t->size + n))
        return true;
    if (n)
        memcpy(t->bytes + t->size, packet + TFTP_HEADER, n);
    t->size += n;
    t->block++;
    if (n < t->block_size)
        got_all(t);
    return true;
}

/* What is put ------------------------------------------------------------- */

/* Only the one for the block that is out does anything. */
static bool ack_take(struct tftp *t, const uint8_t *packet)
{
    size_t at;
    if (load_be16(packet + BLOCK) != (uint16_t)t->block)
        return false;
    if (t->state == TFTP_MOVES && block_bytes(t, &at) < t->block_size) {
        t->state = TFTP_DONE;
        return false;
    }
    t->state = TFTP_MOVES;
    t->block++;
    return true;
}

/* ------------------------------------------------------------------------- */

/* In the server's words, or in RFC 1350's. */
static void error_take(struct tftp *t, const uint8_t *packet, size_t length)
{
    static const char *const names[] = { "error",
                                         "file not found",
                                         "access violation",
                                         "disk full",
                                         "illegal operation",
                                         "unknown transfer",
                                         "file already exists",
                                         "no such user",
                                         "options refused" };
    char text[64];
    unsigned code = load_be16(packet + CODE);
    const char *words = (const char *)packet + TFTP_HEADER;
    size_t n = strnlen(words, length - TFTP_HEADER);
    if (n)
        text_printable(text, sizeof text, words, n);
    else
        snprintf(text, sizeof text, "%s", names[code < sizeof names / sizeof *names ? code : 0]);
    tftp_fail(t, 0, "the server says: %s (%u)", text, code);
    t->tells = false;
}

/* What makes no sense here is passed over: the network may bring anything, late and twice. */
bool tftp_take(struct tftp *t, const uint8_t *packet, size_t length)
{
    bool over = t->state == TFTP_FAILED || (t->state == TFTP_DONE && t->put);
    if (over || length < TFTP_HEADER)
        return false;
    unsigned opcode = load_be16(packet + OPCODE);
    if (opcode == OPCODE_DATA && !t->put)
        return data_take(t, packet, length);
    if (t->state == TFTP_DONE)
        return false;
    size_t whole = length < TFTP_PACKET_MAX ? length : TFTP_PACKET_MAX;
    if (opcode == OPCODE_ERROR) {
        error_take(t, packet, whole);
        return false;
    }
    if (opcode == OPCODE_OPTIONS && t->state == TFTP_ASKS) {
        options_agreed(t, packet, whole);
        return true;
    }
    if (opcode == OPCODE_OPTIONS) /* our answer to it was lost */
        return !t->put && !t->block;
    return opcode == OPCODE_ACK && t->put && ack_take(t, packet);
}
