/* pcap_file.h - capture files: read in place, and written into memory.
 *
 * Read: pcap with micro- and nanoseconds and pcapng, either byte order; Ethernet alone.
 * Sources, read: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng, as of May 2026. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAP_WHY_SIZE 128u
#define PCAP_INTERFACES_MAX 16u /* in a section of a pcapng file */

/* A file being read, and how far. */
struct pcap_reader {
    const uint8_t *bytes;
    size_t size, at;
    bool ng, big_endian;
    uint64_t frames; /* read so far */
    /* of interface i of the section, or of the file: */
    unsigned interfaces;
    struct pcap_interface {
        bool ethernet;
        uint8_t resolution; /* as if_tsresol has it */
        uint32_t snaplen;
    } interface[PCAP_INTERFACES_MAX];
};

struct pcap_frame {
    const uint8_t *bytes;
    uint32_t length;
    uint64_t time_ns; /* since the epoch; a simple packet block has none: that of the one before */
};

/* `why` has PCAP_WHY_SIZE bytes.  Begins with the file; false: of neither kind, and why says what
 * was expected. */
bool pcap_begin(struct pcap_reader *r, const void *bytes, size_t size, char *why);
/* 1: a frame.  0: the end.  -EINVAL: the file is broken there, or holds what is no Ethernet frame
 * that could be sent; why names the frame. */
int pcap_next(struct pcap_reader *r, struct pcap_frame *frame, char *why);
/* How many frames a whole file has; negative: it is refused, why says where. */
int64_t pcap_check(const void *bytes, size_t size, char *why);

/* Writing: each puts its bytes to `to` and says how many those are.  pcap: little-endian, with
 * nanoseconds. */
#define PCAP_FILE_HEADER 24u
#define PCAP_RECORD_HEADER 16u
size_t pcap_write_header(uint8_t *to);
void pcap_write_record(uint8_t *to, uint64_t time_ns, uint32_t captured, uint32_t length);

/* pcapng: a section with one interface, then blocks, of which each is a multiple of 4 long. */
#define PCAPNG_HEADERS_MAX 256u
enum pcapng_way { PCAPNG_UNTOLD, PCAPNG_INBOUND, PCAPNG_OUTBOUND };
size_t pcapng_write_headers(uint8_t *to, const char *interface, uint32_t snaplen);
size_t pcapng_block_size(uint32_t captured, const char *comment); /* comment: NULL, none */
/* All of a block but the frame's bytes, which belong at the place that is returned. */
uint8_t *pcapng_write_block(uint8_t *to, uint64_t time_us, uint32_t captured, uint32_t length,
                            enum pcapng_way way, const char *comment);
/* A block that readers pass over, of `size` bytes: at least 12. */
void pcapng_write_filler(uint8_t *to, uint32_t size);
