/* Frames into mode l3: nothing is lost, nothing is counted twice, and nothing
 * that arrives can make it read or write out of bounds.
 *
 * The input is a list of steps: a byte that says what, then what it needs.  Half
 * of the frames are made plausible (our MAC, a right checksum), so that the
 * fuzzer gets behind the first checks. */
#include "apps/console/command.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/reassembly.h"
#include "kernel/time.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/bench.h"

#include <stdlib.h>
#include <string.h>

#define PACKETS 512u
#define AGE_US (1024 * US_PER_S) /* of an input, at least */
#define TICKS_MS 11u             /* every timer goes off twice */

#define STEP_WIRE 0x03u
#define STEP_TO_US 0x04u  /* destination MAC is the router's */
#define STEP_SEALED 0x08u /* IP header made to fit the frame, checksum right */
#define STEP_TIME 0x10u   /* no frame: time passes */
#define STEP_CHAIN 0x20u  /* in segments of 128 octets */
#define STEP_KNOWN 0x40u  /* a byte chooses addresses that mean something, see known[] */
#define STEP_ARP 0x80u    /* no frame but ARP, from one of them to another, as a byte says */
#define STEP_SAY (STEP_TIME | STEP_ARP) /* no frame: a command */

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

/* The router's and neighbors', one beyond a route, a broadcast. */
static const uint32_t known[8] = {
    IP(192, 0, 2, 1),   IP(192, 0, 2, 9),   IP(198, 51, 100, 1), IP(198, 51, 100, 9),
    IP(203, 0, 113, 1), IP(203, 0, 113, 2), IP(10, 1, 2, 3),     IP(192, 0, 2, 255),
};

static void make_known(struct frame *f, unsigned which)
{
    uint8_t *ip = frame_ip(f);
    if (f->length < ETHERNET_HEADER + IPV4_HEADER_MIN)
        return;
    store_be32(ip + IPV4_SOURCE, known[which & 7]);
    store_be32(ip + IPV4_DESTINATION, known[which >> 3 & 7]);
    if (which & 0x40)
        ip[IPV4_PROTOCOL] = IPV4_PROTOCOL_ICMP;
}

static void make_arp(struct frame *f, unsigned wire, unsigned which)
{
    frame_arp(f, wire, which & 3, 1 + (which >> 7), known[which & 7], known[which >> 3 & 7]);
}

/* What may be said meanwhile, and whether it is refused does not matter; the first ones are how
 * each input finds the router. */
#define SETTINGS 7u
static const char *const commands[] = {
    "route delete 10.0.0.0/8",
    "route add 10.0.0.0/8 via 203.0.113.2",
    "port 0 reverse-path off",
    "port 0 proxy-arp off",
    "port 2 redirects on",
    "route hash symmetric off",
    "route delete 198.51.100.0/25",
    "route add 10.0.0.0/8 via 203.0.113.2 via 192.0.2.9 weight 3 via 198.51.100.9",
    "route add 10.0.0.0/8 via 203.0.113.2 via 10.1.2.3 interface 2",
    "route add 10.0.0.0/8 via 192.0.2.9 via 198.51.100.9",
    "route add 10.0.0.0/8 interface 2",
    "route add 10.0.0.0/8 blackhole",
    "route add 10.0.0.0/8 unreachable",
    "route add 10.0.0.0/8 prohibit",
    "route add 198.51.100.0/25 interface 0",
    "port 0 reverse-path loose",
    "port 0 reverse-path strict",
    "port 0 proxy-arp on",
    "port 2 redirects off",
    "route hash symmetric on",
};
static bool is_changed;

static void ignore(struct out *out, const char *text, size_t n) {}

static void say(const char *line)
{
    struct out out = { .write = ignore };
    command_run(line, &out, NULL, 0);
    bench_run_ms(1);
}

static void step(struct input *in)
{
    static struct frame f;
    unsigned what = (unsigned)take_value(in, 1), wire = (what & STEP_WIRE) % BENCH_WIRES;
    if ((what & STEP_SAY) == STEP_SAY) {
        say(commands[take_value(in, 1) % ARRAY_SIZE(commands)]);
        is_changed = true;
        return;
    }
    if (what & STEP_TIME) {
        host_advance_us(take_value(in, 1) * US_PER_S);
        bench_run_ms(TICKS_MS);
        return;
    }
    if (what & STEP_ARP) {
        make_arp(&f, wire, (unsigned)take_value(in, 1));
        bench_send(wire, &f);
        return;
    }
    size_t n = FRAME_MIN + take_value(in, 1);
    n = n < in->size ? n : in->size;
    if (n < FRAME_MIN)
        return;
    memcpy(f.bytes, in->data, n);
    in->data += n;
    in->size -= n;
    f.length = (uint32_t)n;
    if (what & STEP_TO_US)
        memcpy(f.bytes, bench.port[wire]->mac, MAC_LEN);
    if (what & STEP_KNOWN)
        make_known(&f, (unsigned)take_value(in, 1));
    if (what & STEP_SEALED)
        make_plausible(&f);
    bench_send_chain(wire, &f, what & STEP_CHAIN ? PACKET_HEADER_MIN : PACKET_ROOM);
}

/* One router for all inputs: making one takes longer than an input. */
static void begin(void)
{
    bench_packets = PACKETS;
    bench_set_up(NULL);
    bench_command("route add 10.0.0.0/8 via 203.0.113.2");
    port_set_mtu(bench.port[1], MTU_MIN);
}

static void forget_neighbors(void)
{
    struct neighbor_info info;
    for (unsigned place = 0; neighbor_next(&place, &info);)
        if (info.state != NEIGHBOR_IDLE)
            must(!neighbor_delete(info.address, NULL));
}

/* What waits for neighbors and fragments is given up, and may send errors that wait in turn; then
 * nobody is known.  All timers are due at once, so that they go off together in each input. */
static void end(void)
{
    for (unsigned i = 0; i < 2; i++) {
        host_advance_us(FRAGMENT_TIMEOUT_US + US_PER_S);
        bench_run_ms(2);
    }
    for (unsigned i = 0; is_changed && i < SETTINGS; i++)
        say(commands[i]);
    is_changed = false;
    forget_neighbors();
    bench_run_ms(2);
    bench_is_quiet();
    must(bench_is_conserved() && !forward_held() && bench_packets_back() == PACKETS);
    host_set_time_us(ALIGN_UP(time_us() + US_PER_S, AGE_US));
    bench_run_ms(1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    static bool begun;
    if (!begun) {
        begin();
        end();
    }
    begun = true;
    while (in.size) {
        step(&in);
        bench_is_quiet();
        must(bench_is_conserved());
    }
    end();
    return 0;
}
