/* A TFTP server that may say anything, to somebody who gets a file and to somebody who puts one:
 * what is sent stays a packet, what is done stays done, and no byte is read that was not there. */
#include "apps/ip/tftp.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#define FILE_SIZE 5000u
#define TABLE_ROOM (1u << 20)

static void check(const struct tftp *t)
{
    uint8_t head[TFTP_PACKET_MAX];
    const uint8_t *body;
    size_t n, length = tftp_packet(t, head, &body, &n);
    must(length >= TFTP_HEADER && length <= TFTP_PACKET_MAX && n <= t->block_size);
    must(t->put ? !n || (body >= t->bytes && body + n <= t->bytes + t->size) : !n);
    must(t->block_size >= TFTP_BLOCK_MIN && t->block_size <= TFTP_BLOCK_MAX);
    must(t->put || t->size <= t->room);
    must(t->state != TFTP_FAILED || (t->why[0] && memchr(t->why, 0, sizeof t->why)));
    must(t->put || t->state != TFTP_DONE || !t->has_promise || t->size == t->promise);
}

/* Lengths as the datagram says, of which no more than a packet's worth is there. */
static void hear(struct tftp *t, struct input *in)
{
    uint32_t length = (uint32_t)take_value(in, 2) % 2000;
    size_t n = length < in->size ? length : in->size;
    n = n < TFTP_PACKET_MAX ? n : TFTP_PACKET_MAX;
    if (n < length && n < TFTP_PACKET_MAX)
        length = (uint32_t)n;
    uint8_t *packet = malloc(n ? n : 1);
    memcpy(packet, in->data, n);
    in->data += n;
    in->size -= n;
    tftp_take(t, packet, length);
    free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[FILE_SIZE];
    struct input in = { data, size };
    uint8_t how = (uint8_t)take_value(&in, 1);
    struct tftp t = { .put = how & 1, .name = "file", .wanted = how & 2 ? 8 : TFTP_BLOCK_MAX };
    if (t.put) {
        t.bytes = file;
        t.size = take_value(&in, 2) % (FILE_SIZE + 1);
    }
    host_set_table_room(TABLE_ROOM);
    tftp_begin(&t);
    check(&t);
    while (in.size) {
        enum tftp_state was = t.state;
        size_t had = t.size;
        hear(&t, &in);
        if (was >= TFTP_DONE)
            must(t.state == was && t.size == had);
        must(t.state >= was && (t.put ? t.size == had : t.size >= had));
        must(t.size - had <= t.block_size);
        check(&t);
    }
    tftp_end(&t);
    host_set_table_room(SIZE_MAX);
    harness_end();
    return 0;
}
