/* Frames into mode l3: nothing is lost, nothing is counted twice, and nothing
 * that arrives can make it read or write out of bounds.
 *
 * The input is a list of steps: a byte that says what, then what it needs.  Half
 * of the frames are made plausible (our MAC, a right checksum), so that the
 * fuzzer gets behind the first checks. */
#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/models/bench.h"

#include <stdlib.h>
#include <string.h>

#define STEP_WIRE 0x03u
#define STEP_TO_US 0x04u  /* destination MAC is the router's */
#define STEP_SEALED 0x08u /* IP header made to fit the frame, checksum right */
#define STEP_TIME 0x10u   /* no frame: time passes */
#define STEP_CHAIN 0x20u  /* in segments of 128 octets */

struct input {
    const uint8_t *at;
    size_t left;
};

static unsigned take_byte(struct input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

static void make_plausible(struct frame *f)
{
    uint8_t *ip = frame_ip(f);
    unsigned header = (ip[0] & 0xfu) * 4;
    if (f->length < ETHERNET_HEADER + 60)
        return;
    store_be16(f->bytes + 12, ETHERTYPE_IPV4);
    header = header < 20 ? 20 : header;
    ip[0] = (uint8_t)(0x40 | header / 4);
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(f->length - ETHERNET_HEADER));
    ipv4_checksum_set(ip);
    if (ip[IPV4_PROTOCOL] == IPV4_PROTOCOL_ICMP && !(load_be16(ip + IPV4_FRAGMENT) & 0x3fff)) {
        uint32_t length = f->length - ETHERNET_HEADER - header;
        if (length < 8)
            return;
        memset(ip + header + 2, 0, 2);
        uint16_t sum = checksum_finish(checksum_add(0, ip + header, length));
        memcpy(ip + header + 2, &sum, sizeof sum);
    }
}

static void step(struct input *in)
{
    static struct frame f;
    unsigned what = take_byte(in), wire = (what & STEP_WIRE) % BENCH_WIRES;
    if (what & STEP_TIME) {
        host_advance_us((uint64_t)take_byte(in) * US_PER_S);
        bench_run_ms(20);
        return;
    }
    size_t n = FRAME_MIN + take_byte(in);
    n = n < in->left ? n : in->left;
    if (n < FRAME_MIN)
        return;
    memcpy(f.bytes, in->at, n);
    in->at += n;
    in->left -= n;
    f.length = (uint32_t)n;
    if (what & STEP_TO_US)
        memcpy(f.bytes, bench.port[wire]->mac, MAC_LEN);
    if (what & STEP_SEALED)
        make_plausible(&f);
    bench_send_chain(wire, &f, what & STEP_CHAIN ? PACKET_HEADER_MIN : PACKET_ROOM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    bench_packets = 512;
    bench_set_up(NULL);
    bench_command("route add 10.0.0.0/8 via 203.0.113.2");
    port_set_mtu(bench.port[1], MTU_MIN);
    while (in.left) {
        step(&in);
        bench_is_quiet();
        if (!bench_is_conserved())
            abort();
    }
    bench_tear_down(NULL);
    return 0;
}
