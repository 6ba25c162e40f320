/* IPv6 frames into mode l3, neighbor discovery, listener queries and router solicitations among
 * them: nothing is lost, nothing is counted twice, and nothing that arrives can make it read or
 * write out of bounds. */
#include "apps/forward/event.h"
#include "apps/ip/address.h"
#include "apps/ip/neighbor.h"
#include "tests/fuzz/router.h"
#include "tests/models/bench6.h"

#include <string.h>

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

static void make_neighbor(struct frame *f, unsigned wire, struct input *in)
{
    unsigned who = (unsigned)take_value(in, 1), what = (unsigned)take_value(in, 1);
    struct ip_address source = known[who & 15], target = known[who >> 4 & 15];
    if (what & 1)
        frame6_solicit(f, wire, what >> 1 & 3, source, target);
    else
        frame6_advertise(f, wire, what >> 1 & 3, source, target, (uint8_t)(what & 0xe0));
}

static void make_frame(struct frame *f, unsigned wire, unsigned what, unsigned which)
{
    if (what & STEP_KNOWN)
        make_known(f, which);
    if (what & STEP_SEALED)
        make_plausible(f);
    if (!(what & STEP_TO_US))
        return;
    memcpy(f->bytes, bench.port[wire]->mac, MAC_LEN);
    f->bytes[MAC_LEN] &= 0xfe;
    if (f->length >= ETHERNET_HEADER + IPV6_HEADER && frame_ip(f)[IPV6_DESTINATION] == 0xff)
        ipv6_group_mac(ipv6_destination(frame_ip(f)), f->bytes);
}

enum { ROUTE = 1, REVERSE_PATH = 2, HASH = 4 };

#define UNDO_COMMANDS 4u
#define F_48 "route add 2001:db8:f::/48 "
static const struct router_command commands[] = {
    { "route delete 2001:db8:f::/48", ROUTE },
    { F_48 "via 2001:db8:2::2", ROUTE },
    { "port 0 reverse-path off", REVERSE_PATH },
    { "route hash symmetric off", HASH },
    { F_48 "via 2001:db8:2::2 via 2001:db8::9 weight 3 via fe80::9 interface 2", ROUTE },
    { F_48 "via fe80::9 interface 0 via fe80::9 interface 2", ROUTE },
    { F_48 "interface 2", ROUTE },
    { F_48 "blackhole", ROUTE },
    { F_48 "unreachable", ROUTE },
    { F_48 "prohibit", ROUTE },
    { "port 0 reverse-path loose", REVERSE_PATH },
    { "port 0 reverse-path strict", REVERSE_PATH },
    { "route hash symmetric on", HASH },
};

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

static void begin(void)
{
    known_make();
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

static void forget(void)
{
    struct neighbor_info info;
    ready_again();
    for (unsigned place = 0; neighbor_next(&place, &info);)
        if (info.state != NEIGHBOR_IDLE)
            must(!neighbor_delete(info.address, interface_get(info.interface)));
}

static const struct router_fuzzer fuzzer = { .begin = begin,
                                             .make_message = make_neighbor,
                                             .make_frame = make_frame,
                                             .forget = forget,
                                             .ticks = 6,
                                             .commands = commands,
                                             .command_count = ARRAY_SIZE(commands),
                                             .undo_count = UNDO_COMMANDS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    router_run(&fuzzer, data, size);
    return 0;
}
