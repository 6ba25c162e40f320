/* capture_file.c - makes capture files (capture_file.h). */
#include "tests/models/capture_file.h"

#include "kernel/compiler.h"
#include "kernel/endian.h"

#include <stdlib.h>
#include <string.h>

void capture_put(struct capture_file *f, const void *bytes, size_t n)
{
    while (f->size + n > f->room) {
        f->room = f->room ? 2 * f->room : 4096;
        f->bytes = realloc(f->bytes, f->room);
    }
    if (n)
        memcpy(f->bytes + f->size, bytes, n);
    f->size += n;
}

void capture_put16(struct capture_file *f, uint16_t value)
{
    uint8_t b[2];
    f->big_endian ? store_be16(b, value) : store_le16(b, value);
    capture_put(f, b, 2);
}

void capture_put32(struct capture_file *f, uint32_t value)
{
    uint8_t b[4];
    f->big_endian ? store_be32(b, value) : store_le32(b, value);
    capture_put(f, b, 4);
}

void capture_begin(struct capture_file *f, bool big_endian)
{
    f->size = 0;
    f->big_endian = big_endian;
}

void capture_free(struct capture_file *f)
{
    free(f->bytes);
    *f = (struct capture_file){ 0 };
}

void capture_pcap(struct capture_file *f, bool nanoseconds)
{
    capture_put32(f, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
    capture_put16(f, 2);
    capture_put16(f, 4);
    capture_put32(f, 0);
    capture_put32(f, 0);
    capture_put32(f, 65535);
    capture_put32(f, 1);
}

void capture_record(struct capture_file *f, uint32_t s, uint32_t fraction, const void *bytes,
                    uint32_t n)
{
    capture_put32(f, s);
    capture_put32(f, fraction);
    capture_put32(f, n);
    capture_put32(f, n);
    capture_put(f, bytes, n);
}

void capture_block(struct capture_file *f, uint32_t type, const void *body, uint32_t n)
{
    static const uint8_t zeros[4];
    uint32_t padded = ALIGN_UP(n, 4u);
    capture_put32(f, type);
    capture_put32(f, 12 + padded);
    capture_put(f, body, n);
    capture_put(f, zeros, padded - n);
    capture_put32(f, 12 + padded);
}

void capture_section(struct capture_file *f)
{
    struct capture_file body = { .big_endian = f->big_endian };
    capture_put32(&body, 0x1a2b3c4d);
    capture_put16(&body, 1);
    capture_put16(&body, 0);
    capture_put32(&body, 0xffffffff);
    capture_put32(&body, 0xffffffff);
    capture_block(f, 0x0a0d0d0a, body.bytes, (uint32_t)body.size);
    free(body.bytes);
}

void capture_interface(struct capture_file *f, uint16_t linktype, uint32_t snaplen,
                       uint8_t resolution)
{
    struct capture_file body = { .big_endian = f->big_endian };
    capture_put16(&body, linktype);
    capture_put16(&body, 0);
    capture_put32(&body, snaplen);
    if (resolution) {
        capture_put16(&body, 2); /* a name before */
        capture_put16(&body, 3);
        capture_put(&body, "eth\0", 4);
        capture_put16(&body, 9);
        capture_put16(&body, 1);
        capture_put(&body, (uint8_t[]){ resolution, 0, 0, 0 }, 4);
        capture_put32(&body, 0);
    }
    capture_block(f, 1, body.bytes, (uint32_t)body.size);
    free(body.bytes);
}

void capture_packet(struct capture_file *f, uint32_t interface, uint64_t time, const void *bytes,
                    uint32_t n)
{
    struct capture_file body = { .big_endian = f->big_endian };
    capture_put32(&body, interface);
    capture_put32(&body, (uint32_t)(time >> 32));
    capture_put32(&body, (uint32_t)time);
    capture_put32(&body, n);
    capture_put32(&body, n);
    capture_put(&body, bytes, n);
    capture_block(f, 6, body.bytes, (uint32_t)body.size);
    free(body.bytes);
}

void capture_simple(struct capture_file *f, const void *bytes, uint32_t n)
{
    struct capture_file body = { .big_endian = f->big_endian };
    capture_put32(&body, n);
    capture_put(&body, bytes, n);
    capture_block(f, 3, body.bytes, (uint32_t)body.size);
    free(body.bytes);
}
