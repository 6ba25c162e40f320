/* capture_file.h - capture files as tests want them, in either byte order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture_file {
    uint8_t *bytes;
    size_t size, room;
    bool big_endian;
};

void capture_put16(struct capture_file *f, uint16_t value);
void capture_put32(struct capture_file *f, uint32_t value);
void capture_put(struct capture_file *f, const void *bytes, size_t n);
void capture_begin(struct capture_file *f, bool big_endian); /* empty */
void capture_free(struct capture_file *f);

/* pcap, of Ethernet; then records whose fraction is in the file's unit. */
void capture_pcap(struct capture_file *f, bool nanoseconds);
void capture_record(struct capture_file *f, uint32_t s, uint32_t fraction, const void *bytes,
                    uint32_t n);
/* pcapng: a section; an interface (resolution 0: not told); a packet. */
void capture_section(struct capture_file *f);
void capture_interface(struct capture_file *f, uint16_t linktype, uint32_t snaplen,
                       uint8_t resolution);
void capture_packet(struct capture_file *f, uint32_t interface, uint64_t time, const void *bytes,
                    uint32_t n);
void capture_simple(struct capture_file *f, const void *bytes, uint32_t n);
void capture_block(struct capture_file *f, uint32_t type, const void *body, uint32_t n);
