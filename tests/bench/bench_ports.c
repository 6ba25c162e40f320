/* bench_ports.c - the forwarder as a program on ports as testpmd and l3fwd have them, one
 * arrangement a call, for tools/bench, which runs those beside it.
 *
 *   bench_ports MODE PORTS [frames N] [routes N] [checksums 0|1] [cpus A[,B...]] [samples N]
 *
 * MODE: io mac macswap l2 l3.  PORTS, two of a kind:
 *   ring  what leaves by one end comes in at the other; frames put in once (N from each end, 32)
 *         go round for ever, as in testpmd's net_ring after `start tx_first`
 *   null  a fresh packet for each received, nothing written into it, as testpmd's net_null
 *   copy  a fresh packet for each received with a frame copied into it, and sent ones are freed,
 *         as DPDK's net_pcap with infinite_rx and no file to send to
 *
 * l2 goes between N stations behind each port, l3 by one route each way or by N, to 65536 hosts
 * each way in turn.  With checksums the device says that it has looked at them.  A worker for each
 * CPU, pinned to it, and the two ports' queues spread over them.  Prints the frames a second that
 * were forwarded, in each of so many samples of 100 ms, one a line. */
#include "apps/bridge/fdb.h"
#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/ip/ipv4.h"
#include "kernel/cpus.h"
#include "kernel/time.h"
#include "tests/bench/tables_data.h"
#include "tests/host/host.h"

#include <sched.h>
#include <stdarg.h>

#define FRAME_LENGTH 60u
#define PACKETS (2u * 32768u + 8192u)
#define RING_LEAST 1024u /* net_ring's */
#define SAMPLE_US 100000ull
#define TURNS_BLIND 200u /* between two looks at the clock */
#define WARM_US 300000ull
#define LINK_US 20000ull /* until links are seen to be up */
#define CPUS_MOST 8u
#define KEYS (1u << 16) /* destinations of l3 with many routes, in turn */

static struct {
    const char *mode, *ports;
    uint32_t frames, routes, checksums;
    unsigned cpu[CPUS_MOST], cpus, samples;
} want = { .frames = 32, .routes = 1, .cpus = 0, .samples = 10 };

static struct port *port[2];
static bool stop; /* the other workers */

static void die(const char *why)
{
    fprintf(stderr, "bench_ports: %s\n", why);
    exit(1);
}

/* Frames --------------------------------------------------------------------------- */

static uint32_t destination[2][KEYS]; /* of what comes in on each port */
static uint32_t keys = 1;

static void station(uint8_t *mac, unsigned side, uint32_t number)
{
    const uint8_t bytes[MAC_LEN] = {
        2, (uint8_t)(1 + side), 0, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number
    };
    memcpy(mac, bytes, MAC_LEN);
}

static void put_destination(uint8_t *frame, uint32_t address)
{
    uint8_t *ip = frame + ETHERNET_HEADER;
    store_be32(ip + IPV4_DESTINATION, address);
    ipv4_checksum_set(ip);
}

/* Number i of what comes in on port `in`: to port `in`, and routed, or from station to station. */
static void make_frame(uint8_t *frame, unsigned in, uint32_t i)
{
    memset(frame, 0, FRAME_LENGTH);
    station(frame, !in, i);
    station(frame + ETHERNET_SOURCE, in, i);
    if (strcmp(want.mode, "l3"))
        return;
    uint8_t *ip = frame + ETHERNET_HEADER;
    memcpy(frame, port[in]->mac, MAC_LEN);
    store_be16(frame + ETHERNET_TYPE, ETHERTYPE_IPV4);
    ip[IPV4_VERSION_IHL] = 0x45;
    store_be16(ip + IPV4_TOTAL_LENGTH, FRAME_LENGTH - ETHERNET_HEADER);
    ip[IPV4_TTL] = IPV4_TTL_DEFAULT;
    ip[IPV4_PROTOCOL] = IPV4_PROTOCOL_UDP;
    store_be32(ip + IPV4_SOURCE, 0xc6120001);
    put_destination(frame, destination[in][i % keys]);
}

/* Ports ---------------------------------------------------------------------------- */

static uint8_t template[2][FRAME_LENGTH];
static uint32_t next_key[2];

static void say_received(struct port_queue *q, struct packet *p)
{
    p->length = FRAME_LENGTH;
    p->frame_length = FRAME_LENGTH;
    p->port = q->port->number;
    p->flags = want.checksums ? PACKET_IP_CHECKSUM_GOOD : 0;
}

static uint16_t null_rx(struct port_queue *q, struct packet **packets, uint16_t n)
{
    if (!packet_alloc_burst(q->cache, packets, n))
        return 0;
    for (uint16_t i = 0; i < n; i++)
        say_received(q, packets[i]);
    counter_add(&q->packets, n);
    counter_add(&q->bytes, n * (uint64_t)FRAME_LENGTH);
    return n;
}

static uint16_t copy_rx(struct port_queue *q, struct packet **packets, uint16_t n)
{
    n = null_rx(q, packets, n);
    for (uint16_t i = 0; i < n; i++)
        memcpy(packets[i]->data, template[q->port == port[1]], FRAME_LENGTH);
    return n;
}

/* Each to another address; what the checksum changes by is known (RFC 1624). */
static uint16_t keys_rx(struct port_queue *q, struct packet **packets, uint16_t n)
{
    unsigned in = q->port == port[1];
    n = copy_rx(q, packets, n);
    for (uint16_t i = 0; i < n; i++) {
        uint8_t *ip = packets[i]->data + ETHERNET_HEADER;
        uint32_t to = destination[in][next_key[in]++ % KEYS];
        uint32_t sum = load_be16(ip + IPV4_CHECKSUM) + (~to >> 16) + (~to & UINT16_MAX);
        sum = (sum & UINT16_MAX) + (sum >> 16);
        store_be16(ip + IPV4_CHECKSUM, (uint16_t)(sum + (sum >> 16)));
        store_be32(ip + IPV4_DESTINATION, to);
    }
    return n;
}

static void make_sources(void)
{
    port_burst_fn *rx = strcmp(want.ports, "copy") ? null_rx : want.routes > 1 ? keys_rx : copy_rx;
    for (unsigned i = 0; i < 2; i++) {
        if (null_port_create(&port[i]))
            die("no memory");
        port[i]->rxq[0]->burst = rx;
    }
}

static void make_rings(void)
{
    uint16_t size = RING_LEAST;
    while (size < want.frames)
        size = (uint16_t)(size * 2);
    if (ring_port_pair_create(size, &port[0], &port[1]))
        die("no memory");
}

/* What will come in on port `in` is sent by the other. */
static void put_frames(unsigned in)
{
    for (uint32_t i = 0; i < want.frames; i++) {
        struct packet *p = packet_alloc(&control_worker()->cache);
        if (!p)
            die("too few packets");
        make_frame(p->data, in, i);
        p->length = FRAME_LENGTH;
        p->frame_length = FRAME_LENGTH;
        if (port_tx_burst(port[!in]->txq[0], &p, 1) != 1)
            die("ring too small");
    }
}

/* Packets that go round lose their TTL: whoever receives one gives it back. */
static port_burst_fn *ring_burst;

static uint16_t ring_rx_routed(struct port_queue *q, struct packet **packets, uint16_t n)
{
    n = ring_burst(q, packets, n);
    for (uint16_t i = 0; i < n; i++)
        memcpy(packets[i]->data, template[q->port == port[1]], FRAME_LENGTH);
    return n;
}

/* Tables --------------------------------------------------------------------------- */

static void ignore(struct out *out, const char *text, size_t n) {}

static void command(const char *format, ...)
{
    char line[128];
    struct out out = { .write = ignore };
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (command_run(line, &out, NULL, 0))
        die(line);
}

/* Prefixes of the lower half of the address space are behind port 0, the others behind port 1. */
static unsigned behind(uint32_t prefix)
{
    return prefix >= 112u << 24;
}

static void add_route(uint32_t prefix, unsigned length)
{
    command("route add %u.%u.%u.%u/%u via 192.0.%u.2", prefix >> 24, prefix >> 16 & 255,
            prefix >> 8 & 255, prefix & 255, length, 1 + behind(prefix));
}

static void make_stations(void)
{
    uint8_t mac[MAC_LEN];
    for (unsigned side = 0; side < 2; side++)
        for (uint32_t i = 0; i < want.frames; i++) {
            station(mac, side, i);
            if (fdb_add_static(fdb_key(0, mac), port[side]->number))
                die("too many stations");
        }
}

/* As many prefixes as are wanted, and addresses inside them: what comes in on a port leaves by the
 * other. */
static void make_many_routes(void)
{
    uint32_t n[2] = { 0, 0 };
    struct tables_v4 *r = tables_v4_random(want.routes);
    uint8_t *there = calloc(25, 1u << 21); /* random ones come twice now and then */
    for (uint32_t i = 0; i < want.routes; i++) {
        uint32_t bit = r[i].length << 24 | r[i].prefix >> 8;
        if (!(there[bit / 8] >> bit % 8 & 1))
            add_route(r[i].prefix, r[i].length);
        there[bit / 8] |= (uint8_t)(1u << bit % 8);
    }
    free(there);
    while (n[0] < KEYS || n[1] < KEYS) {
        const struct tables_v4 *to = &r[tables_random() % want.routes];
        unsigned in = !behind(to->prefix);
        uint32_t host = (uint32_t)tables_random() & UINT32_MAX >> to->length;
        if (n[in] < KEYS && to->prefix >> 24 != 127 && to->prefix >> 16 != 0xa9fe)
            destination[in][n[in]++] = to->prefix | host;
    }
    keys = KEYS;
    free(r);
}

static void make_routes(void)
{
    for (unsigned i = 0; i < 2; i++) {
        command("port %u address 192.0.%u.1/24", i, 1 + i);
        command("neighbor add 192.0.%u.2 %02x:%02x:%02x:%02x:%02x:%02x port %u", 1 + i,
                port[!i]->mac[0], port[!i]->mac[1], port[!i]->mac[2], port[!i]->mac[3],
                port[!i]->mac[4], port[!i]->mac[5], i);
        destination[!i][0] = i ? 0xc6130001 : 0x64400001;
        add_route(destination[!i][0] & ~255u, 24);
    }
    if (want.routes > 1)
        make_many_routes();
}

/* Running -------------------------------------------------------------------------- */

static void pin(unsigned worker)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(want.cpu[worker], &set);
    if (want.cpus && sched_setaffinity(0, sizeof set, &set))
        die("no such CPU");
}

static void go_on(struct worker *worker) {}

static void run_worker(unsigned number)
{
    pin(number);
    worker_run(worker_get(number), &stop, go_on);
}

static unsigned workers_wanted(void)
{
    return want.cpus ? want.cpus : 1;
}

static uint64_t forwarded(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < workers_wanted(); i++)
        sum += load_relaxed(&worker_get(i)->packets);
    return sum;
}

/* Frames a second, over at least so many microseconds. */
static double run_for(uint64_t us)
{
    uint64_t begin = time_us(), since = forwarded(), spent = 0;
    while (spent < us) {
        for (unsigned i = 0; i < TURNS_BLIND; i++)
            forward_turn();
        spent = time_us() - begin;
    }
    return (double)(forwarded() - since) * 1e6 / (double)spent;
}

/* Every frame that came in went out. */
static void look_at_drops(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct port_totals totals;
        stats_port_totals(port[i], &totals);
        for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
            if (totals.counters.drops[why])
                die(drop_texts[why]);
        if (totals.counters.consumed)
            die("frames were consumed");
        if (!totals.tx_packets)
            die("a port sent nothing");
    }
}

static void set_up(void)
{
    bool ring = !strcmp(want.ports, "ring"), routed = !strcmp(want.mode, "l3");
    const struct forward_mode *mode = forward_find_mode(want.mode);
    host_reset();
    host_use_real_time(true);
    port_reset_registry();
    host_set_cpus(workers_wanted());
    if (!mode || forward_init_workers(PACKETS, workers_wanted()))
        die("no such mode, or no memory");
    if (ring)
        make_rings();
    else
        make_sources();
    forward_ports_up();
    if (forward_set_mode(mode))
        die("mode does not start");
    if (routed)
        make_routes();
    else
        make_stations();
    run_for(LINK_US);
    for (unsigned i = 0; i < 2; i++) {
        make_frame(template[i], i, 0);
        if (want.routes > 1) /* keys_rx() says to whom */
            put_destination(template[i], 0);
        if (ring)
            put_frames(i);
        if (ring && routed) {
            ring_burst = port[i]->rxq[0]->burst;
            port[i]->rxq[0]->burst = ring_rx_routed;
        }
    }
}

static void parse(int argc, char **argv)
{
    if (argc < 3 || argc % 2 == 0)
        die("usage: bench_ports MODE PORTS [frames N] [routes N] [checksums 0|1] "
            "[cpus A[,B...]] [samples N]");
    want.mode = argv[1];
    want.ports = argv[2];
    for (int i = 3; i < argc; i += 2) {
        uint32_t number = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "frames"))
            want.frames = number;
        else if (!strcmp(argv[i], "routes"))
            want.routes = number;
        else if (!strcmp(argv[i], "checksums"))
            want.checksums = number;
        else if (!strcmp(argv[i], "samples"))
            want.samples = number;
        else if (!strcmp(argv[i], "cpus"))
            for (char *at = argv[i + 1]; at && want.cpus < CPUS_MOST; at = strchr(at, ',')) {
                at += *at == ',';
                want.cpu[want.cpus++] = (unsigned)strtoul(at, NULL, 10);
            }
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    pin(0);
    set_up();
    forward_start();
    for (unsigned i = 1; i < workers_wanted(); i++)
        cpu_run(i, run_worker);
    run_for(WARM_US);
    stats_clear();
    for (unsigned i = 0; i < want.samples; i++)
        printf("%.0f\n", run_for(SAMPLE_US));
    store_release(&stop, true);
    host_join_cpus();
    look_at_drops();
    return 0;
}
