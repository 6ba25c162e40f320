/* A capture file that may be anything: what is accepted lies within it and is read again as it was
 * when it is written anew; what is refused says why. */
#include "nic/packet.h"
#include "nic/pcap_file.h"
#include "tests/fuzz/harness.h"

#include <stdlib.h>
#include <string.h>

#define ROOM (1u << 20)

static void check_frame_of(const struct pcap_frame *f, const uint8_t *bytes, size_t size)
{
    must(f->length >= FRAME_MIN && f->length <= FRAME_MAX);
    must(f->bytes >= bytes && f->bytes + f->length <= bytes + size);
}

/* Into both formats, and back. */
static void write_again(const struct pcap_frame *f, uint8_t *room)
{
    char why[PCAP_WHY_SIZE];
    struct pcap_reader r;
    struct pcap_frame again;
    size_t n = pcap_write_header(room);
    uint64_t time = f->time_ns % (UINT32_MAX * 1000000000ull);
    pcap_write_record(room + n, time, f->length, f->length);
    memcpy(room + n + PCAP_RECORD_HEADER, f->bytes, f->length);
    must(pcap_begin(&r, room, n + PCAP_RECORD_HEADER + f->length, why));
    must(pcap_next(&r, &again, why) == 1 && again.time_ns == time);
    must(again.length == f->length && !memcmp(again.bytes, f->bytes, f->length));
    n = pcapng_write_headers(room, "port 0", 65535);
    memcpy(pcapng_write_block(room + n, 1, f->length, f->length, PCAPNG_INBOUND, "x"), f->bytes,
           f->length);
    must(pcap_check(room, n + pcapng_block_size(f->length, "x"), why) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t room[ROOM];
    char why[PCAP_WHY_SIZE] = "";
    struct pcap_reader r;
    struct pcap_frame f = { 0 };
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    int64_t frames = pcap_check(copy, size, why), seen = 0;
    must(frames >= 0 ? !why[0] : why[0] && memchr(why, 0, sizeof why));
    if (pcap_begin(&r, copy, size, why)) {
        int e;
        while ((e = pcap_next(&r, &f, why)) == 1) {
            check_frame_of(&f, copy, size);
            if (seen++ < 4)
                write_again(&f, room);
        }
        must(frames < 0 ? e < 0 : e == 0 && seen == frames);
    }
    free(copy);
    return 0;
}
