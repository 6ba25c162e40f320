/* IPv6 frames into mode l3, neighbor discovery, listener queries and router solicitations among
 * them: nothing is lost, nothing is counted twice, and nothing that arrives can make it read or
 * write out of bounds.
 *
 * The input is a list of steps: a byte that says what, then what it needs.  Most frames are made
 * plausible (our MAC, lengths that fit, right checksums), so that the fuzzer gets behind the first
 * checks. */
#include "apps/console/command.h"
#include "apps/forward/event.h"
#include "apps/ip/address.h"
#include "apps/ip/advertise.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/reassembly.h"
#include "kernel/time.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/bench6.h"

#include <stdlib.h>
#include <string.h>

#define PACKETS 512u
#define AGE_US (1024 * US_PER_S) /* of an input, at least */
#define TICKS_MS 60u             /* every timer goes off */

#define STEP_WIRE 0x03u
#define STEP_TO_US 0x04u    /* destination MAC is the router's, or the group's */
#define STEP_SEALED 0x08u   /* header made to fit the frame; of ICMPv6 the checksum right */
#define STEP_TIME 0x10u     /* no frame: time passes */
#define STEP_CHAIN 0x20u    /* in segments of 128 octets */
#define STEP_KNOWN 0x40u    /* a byte chooses addresses that mean something, see known[] */
#define STEP_NEIGHBOR 0x80u /* neighbor discovery between them: two bytes say what */

#define STEP_SAY (STEP_TIME | STEP_NEIGHBOR) /* no frame: a command */

static struct ip_address known[16];

static void make_plausible(struct frame *f)
{
    uint8_t *ip = frame_ip(f);
    if (f->length < ETHERNET_HEADER + IPV6_HEADER)
        return;
    store_be16(f->bytes + 12, ETHERTYPE_IPV6);
    ip[0] = (uint8_t)(0x60 | (ip[0] & 0x0f));
    store_be16(ip + IPV6_PAYLOAD_LENGTH, (uint16_t)(f->length - ETHERNET_HEADER - IPV6_HEADER));
    if (ip[IPV6_NEXT_HEADER] == IPV6_ICMP && f->length >= ETHERNET_HEADER + IPV6_HEADER + 8)
        frame6_seal(f);
}

static void make_known(struct frame *f, unsigned which)
{
    uint8_t *ip = frame_ip(f);
    if (f->length < ETHERNET_HEADER + IPV6_HEADER)
        return;
    ip_store(ip + IPV6_SOURCE, known[which & 15]);
    ip_store(ip + IPV6_DESTINATION, known[which >> 4 & 15]);
}

static void make_neighbor(struct frame *f, unsigned wire, unsigned who, unsigned what)
{
    struct ip_address source = known[who & 15], target = known[who >> 4 & 15];
    if (what & 1)
        frame6_solicit(f, wire, what >> 1 & 3, source, target);
    else
        frame6_advertise(f, wire, what >> 1 & 3, source, target, (uint8_t)(what & 0xe0));
}

/* As in fuzz_l3_frames.c: the first ones are how each input finds the router. */
#define SETTINGS 4u
static const char *const commands[] = {
    "route delete 2001:db8:f::/48",
    "route add 2001:db8:f::/48 via 2001:db8:2::2",
    "port 0 reverse-path off",
    "route hash symmetric off",
    "route add 2001:db8:f::/48 via 2001:db8:2::2 via 2001:db8::9 weight 3 via fe80::9 interface 2",
    "route add 2001:db8:f::/48 via fe80::9 interface 0 via fe80::9 interface 2",
    "route add 2001:db8:f::/48 interface 2",
    "route add 2001:db8:f::/48 blackhole",
    "route add 2001:db8:f::/48 unreachable",
    "route add 2001:db8:f::/48 prohibit",
    "port 0 reverse-path loose",
    "port 0 reverse-path strict",
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
    if (what & STEP_NEIGHBOR) {
        unsigned who = (unsigned)take_value(in, 1);
        make_neighbor(&f, wire, who, (unsigned)take_value(in, 1));
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
    if (what & STEP_KNOWN)
        make_known(&f, (unsigned)take_value(in, 1));
    if (what & STEP_SEALED)
        make_plausible(&f);
    if (what & STEP_TO_US) {
        memcpy(f.bytes, bench.port[wire]->mac, MAC_LEN);
        f.bytes[MAC_LEN] &= 0xfe;
        if (n >= ETHERNET_HEADER + IPV6_HEADER && frame_ip(&f)[IPV6_DESTINATION] == 0xff)
            ipv6_group_mac(ipv6_destination(frame_ip(&f)), f.bytes);
    }
    bench_send_chain(wire, &f, what & STEP_CHAIN ? PACKET_HEADER_MIN : PACKET_ROOM);
}

static void known_make(void)
{
    static const char *const names[] = {
        "2001:db8::1",    "2001:db8::9",   "2001:db8:1::1",
        "2001:db8:1::9",  "2001:db8:2::1", "2001:db8::",
        "2001:db8:f::3",  "fe80::9",       "::",
        "ff02::1",        "ff02::2",       "ff02::1:ff00:1",
        "ff02::1:ff00:9", "fe80::1",       "ff02::16",
        "2001:db8:2::2",
    };
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        known[i] = address6(names[i]);
}

/* One router for all inputs: making one takes longer than an input. */
static void begin(void)
{
    known_make();
    bench_packets = PACKETS;
    bench6_set_up(NULL);
    bench_command("port 0 address fe80::1/64");
    bench_command("route add 2001:db8:f::/48 via 2001:db8:2::2");
    bench_command("interface 0 advertise on");
    port_set_mtu(bench.port[1], 1280);
}

/* Addresses that the input took away are looked for again. */
static void ready_again(void)
{
    const struct address *a;
    for (unsigned i = 0; (a = address_at(i)); i++) {
        const struct event event = { .kind = EVENT_INTERFACE_CHANGED,
                                     .interface = address_interface(a) };
        if (address_set_state(a, ADDRESS_READY, 0))
            event_post(&event);
    }
}

static void forget_neighbors(void)
{
    struct neighbor_info info;
    for (unsigned place = 0; neighbor_next(&place, &info);)
        if (info.state != NEIGHBOR_IDLE)
            must(!neighbor_delete(info.address, interface_get(info.interface)));
}

/* As fuzz_l3_frames.c has it. */
static void end(void)
{
    for (unsigned i = 0; i < 2; i++) {
        host_advance_us(FRAGMENT_TIMEOUT_US + US_PER_S);
        bench_run_ms(2);
    }
    for (unsigned i = 0; is_changed && i < SETTINGS; i++)
        say(commands[i]);
    is_changed = false;
    ready_again();
    forget_neighbors();
    bench_run_ms(2);
    bench_is_quiet();
    must(bench_is_conserved() && !forward_held() && bench_packets_back() == PACKETS);
    host_set_time_us(ALIGN_UP(time_us() + US_PER_S, AGE_US));
    bench_run_ms(1);
    bench_is_quiet();
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
