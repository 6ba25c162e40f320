/* tftp.h - one transfer by TFTP as the client sees it: which packet is due, what an answer means.
 *
 * It knows no address, no clock and no table of files.  Whoever drives it sends tftp_packet()
 * at the beginning, whenever tftp_take() asks for that, and again when nothing came for a while.
 * Each side repeats only what it sent last, and an acknowledgement that comes twice is no reason
 * to send data twice (RFC 1123 4.2.3.1).
 *
 * unread in this file: RFC 1350, RFC 1123, RFC 2348; RFC 2347 and 2349 were read in quotations. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TFTP_PORT 69u
#define TFTP_BLOCK 512u      /* unless both sides agree on another size */
#define TFTP_BLOCK_MIN 8u    /* RFC 2348 */
#define TFTP_BLOCK_MAX 1428u /* what we ask for; with headers, and a tunnel's, one Ethernet frame */
#define TFTP_HEADER 4u
#define TFTP_PACKET_MAX (TFTP_HEADER + TFTP_BLOCK_MAX)
#define TFTP_NAME_MAX 255u
#define TFTP_WHY_SIZE 120u
#define TFTP_SIZE_MAX (1u << 30) /* of a file */

enum tftp_state {
    TFTP_ASKS,   /* nobody answered yet */
    TFTP_MOVES,  /* the file is on its way */
    TFTP_DONE,   /* as a whole; of one that was got the last packet may be asked for again */
    TFTP_FAILED, /* `why` */
};

struct tftp {
    bool put;         /* the file goes to the server; else it comes */
    const char *name; /* there */
    uint16_t wanted;  /* block size to ask for, TFTP_BLOCK_MIN to TFTP_BLOCK_MAX */
    enum tftp_state state;
    uint16_t block_size;
    uint64_t block;   /* the last one that came, or the one that is out; 0: none yet */
    uint8_t *bytes;   /* of one that comes: the heap's */
    size_t size;      /* so far; of one that goes: its own */
    size_t room;      /* for one that comes */
    bool has_promise; /* the server said how long it is: */
    uint64_t promise;
    bool tells;       /* of TFTP_FAILED: the server is to know */
    uint8_t code;     /* RFC 1350 5 */
    char why[TFTP_WHY_SIZE];
};

/* All the caller fills are put, name, wanted, and of one that goes bytes and size. */
void tftp_begin(struct tftp *t);
/* What is to be sent now: the length of `head`, and what goes behind it. */
size_t tftp_packet(const struct tftp *t, uint8_t head[TFTP_PACKET_MAX], const uint8_t **body,
                   size_t *body_length);
/* A packet of the server's; `length` is its own, of which TFTP_PACKET_MAX octets lie there at the
 * most.  True: tftp_packet() is to be sent. */
bool tftp_take(struct tftp *t, const uint8_t *packet, size_t length);
/* Ends it for a reason of ours, which the server is to know. */
void tftp_fail(struct tftp *t, uint8_t code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define TFTP_UNDEFINED 0u
#define TFTP_DISK_FULL 3u
#define TFTP_ILLEGAL 4u
#define TFTP_UNKNOWN_TID 5u
#define TFTP_OPTION_REFUSED 8u /* RFC 2347 */
/* An ERROR packet; its length. */
size_t tftp_error_packet(uint8_t *packet, size_t size, uint8_t code, const char *text);
void tftp_end(struct tftp *t); /* frees what came, unless the caller took `bytes` out */
