/* peer_traffic.c - the generator of tools/bench's guests: both ends of a forwarder in QEMU.
 *
 *   peer_traffic CPU vhost PATH0 PATH1     virtio ports by vhost-user, this is the back end
 * (DPDK's) peer_traffic CPU dgram L0 R0 L1 R1     QEMU's datagram sockets, local and remote paths
 *
 * Reads commands, a line each, and answers with one:
 *   to MAC0 MAC1              frames are for these from now on (routed); else from station to
 * station flood SIZE MS             as fast as they are taken, both ways: received a second, sent a
 * second lone SIZE MS              one at a time, 0 to 1: p50 p99 p99.9 in ns, how many, and lost
 *   paced SIZE MS RATE        so many a second, both ways together: as lone
 *   line CPU                  a cache line from here to that one and back: p50 in ns
 * SIZE is with FCS (64: 60 octets here).  A frame carries when it was sent; only such are counted.
 */
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BURST 32u
#define SIZE_MOST 2048u
#define FCS 4u
#define FLOWS 64u
#define STAMP 42u /* behind Ethernet, IPv4 and UDP */
#define MAGIC 0x6c696d72u
#define SAMPLES_MOST (4u << 20)
#define LOST_MS 100u
#define LINE_TURNS 100000u

struct stamp {
    uint64_t cycles;
    uint32_t magic;
} __attribute__((packed));

static bool by_vhost;
static struct rte_mempool *pool;
static int wire[2];
static uint8_t frames[2][FLOWS][SIZE_MOST]; /* to be sent by each side */
static unsigned length, next_flow;
static uint64_t hz;
static uint32_t *sample; /* ns */
static uint64_t received, sent;
static uint64_t since; /* what was sent before is not counted */

static void die(const char *why)
{
    fprintf(stderr, "peer_traffic: %s\n", why);
    exit(1);
}

/* Frames --------------------------------------------------------------------------- */

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_header(uint8_t *ip, unsigned side, unsigned flow)
{
    static const uint8_t net[2][3] = { { 192, 0, 2 }, { 198, 51, 100 } };
    uint32_t sum = 0;
    memset(ip, 0, 28);
    ip[0] = 0x45;
    put16(ip + 2, length - 14);
    ip[8] = 64;
    ip[9] = 17;
    memcpy(ip + 12, net[side], 3);
    memcpy(ip + 16, net[!side], 3);
    ip[15] = ip[19] = 2;
    for (unsigned i = 0; i < 20; i += 2)
        sum += (unsigned)(ip[i] << 8 | ip[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    put16(ip + 10, ~(sum + (sum >> 16)));
    put16(ip + 20, 1024 + flow);
    put16(ip + 22, 9);
    put16(ip + 24, length - 34);
}

static uint8_t target[2][6];
static bool routed;

static void make_frames(unsigned size)
{
    length = size - FCS;
    if (length < STAMP + sizeof(struct stamp) || length > SIZE_MOST)
        die("no such size");
    for (unsigned side = 0; side < 2; side++)
        for (unsigned flow = 0; flow < FLOWS; flow++) {
            uint8_t *frame = frames[side][flow];
            const uint8_t station[6] = { 2, 0, 0, 0, (uint8_t)(0xaa + !side), (uint8_t)flow };
            memset(frame, 0, SIZE_MOST);
            memcpy(frame, routed ? target[side] : station, 6);
            memcpy(frame + 6, station, 6);
            frame[10] = (uint8_t)(0xaa + side);
            put16(frame + 12, 0x0800);
            put_header(frame + 14, side, flow);
        }
}

/* Ports ---------------------------------------------------------------------------- */

static unsigned vhost_send(unsigned side, unsigned n)
{
    struct rte_mbuf *m[BURST];
    struct stamp stamp = { .cycles = rte_rdtsc(), .magic = MAGIC };
    if (rte_pktmbuf_alloc_bulk(pool, m, n))
        return 0;
    for (unsigned i = 0; i < n; i++) {
        uint8_t *data = (uint8_t *)rte_pktmbuf_append(m[i], (uint16_t)length);
        memcpy(data, frames[side][(next_flow + i) % FLOWS], length);
        memcpy(data + STAMP, &stamp, sizeof stamp);
    }
    unsigned taken = rte_eth_tx_burst((uint16_t)side, 0, m, (uint16_t)n);
    rte_pktmbuf_free_bulk(m + taken, n - taken);
    next_flow += taken;
    return taken;
}

static unsigned dgram_send(unsigned side, unsigned n)
{
    struct mmsghdr messages[BURST] = { 0 };
    struct iovec part[BURST];
    struct stamp stamp = { .cycles = rte_rdtsc(), .magic = MAGIC };
    for (unsigned i = 0; i < n; i++) {
        uint8_t *data = frames[side][(next_flow + i) % FLOWS];
        memcpy(data + STAMP, &stamp, sizeof stamp);
        part[i] = (struct iovec){ data, length };
        messages[i].msg_hdr = (struct msghdr){ .msg_iov = &part[i], .msg_iovlen = 1 };
    }
    int taken = sendmmsg(wire[side], messages, n, MSG_DONTWAIT);
    next_flow += taken > 0 ? (unsigned)taken : 0;
    return taken > 0 ? (unsigned)taken : 0;
}

static void send_some(unsigned side, unsigned n)
{
    sent += by_vhost ? vhost_send(side, n) : dgram_send(side, n);
}

/* One of ours, that comes out where it should. */
static void take(const uint8_t *data, unsigned n, uint64_t now)
{
    struct stamp stamp;
    if (n < STAMP + sizeof stamp)
        return;
    memcpy(&stamp, data + STAMP, sizeof stamp);
    if (stamp.magic != MAGIC || stamp.cycles < since)
        return;
    if (received < SAMPLES_MOST)
        sample[received] = (uint32_t)((double)(now - stamp.cycles) * 1e9 / (double)hz);
    received++;
}

static void vhost_receive(unsigned side)
{
    struct rte_mbuf *m[BURST];
    unsigned n = rte_eth_rx_burst((uint16_t)side, 0, m, BURST);
    uint64_t now = rte_rdtsc();
    for (unsigned i = 0; i < n; i++)
        take(rte_pktmbuf_mtod(m[i], uint8_t *), rte_pktmbuf_data_len(m[i]), now);
    rte_pktmbuf_free_bulk(m, n);
}

static void dgram_receive(unsigned side)
{
    static uint8_t data[BURST][SIZE_MOST];
    static struct iovec part[BURST];
    static struct mmsghdr messages[BURST];
    for (unsigned i = 0; i < BURST; i++) {
        part[i] = (struct iovec){ data[i], SIZE_MOST };
        messages[i].msg_hdr = (struct msghdr){ .msg_iov = &part[i], .msg_iovlen = 1 };
    }
    int n = recvmmsg(wire[side], messages, BURST, MSG_DONTWAIT, NULL);
    uint64_t now = rte_rdtsc();
    for (int i = 0; i < n; i++)
        take(data[i], messages[i].msg_len, now);
}

static void receive(void)
{
    for (unsigned side = 0; side < 2; side++)
        if (by_vhost)
            vhost_receive(side);
        else
            dgram_receive(side);
}

static void vhost_open(unsigned side)
{
    struct rte_eth_conf conf = { 0 };
    if (rte_eth_dev_configure((uint16_t)side, 1, 1, &conf) ||
        rte_eth_rx_queue_setup((uint16_t)side, 0, 256, 0, NULL, pool) ||
        rte_eth_tx_queue_setup((uint16_t)side, 0, 256, 0, NULL) ||
        rte_eth_dev_start((uint16_t)side))
        die("no vhost port");
}

static void dgram_open(unsigned side, const char *local, const char *remote)
{
    struct sockaddr_un here = { .sun_family = AF_UNIX }, there = { .sun_family = AF_UNIX };
    snprintf(here.sun_path, sizeof here.sun_path, "%s", local);
    snprintf(there.sun_path, sizeof there.sun_path, "%s", remote);
    wire[side] = socket(AF_UNIX, SOCK_DGRAM, 0);
    unlink(local);
    if (bind(wire[side], (struct sockaddr *)&here, sizeof here))
        die("cannot bind");
    for (unsigned tries = 0; connect(wire[side], (struct sockaddr *)&there, sizeof there);
         tries++) {
        if (tries > 2000)
            die("nobody at the other end");
        usleep(10000);
    }
}

/* Commands ------------------------------------------------------------------------- */

static void begin(void)
{
    for (uint64_t end = rte_rdtsc() + hz / 100; rte_rdtsc() < end;) /* what is still under way */
        receive();
    received = sent = 0;
    since = rte_rdtsc();
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void say_times(uint64_t lost)
{
    uint64_t n = received < SAMPLES_MOST ? received : SAMPLES_MOST;
    qsort(sample, n, sizeof *sample, ascending);
    if (!n)
        n = sample[0] = 1;
    printf("%u %u %u %llu %llu\n", sample[n / 2], sample[n * 99 / 100], sample[n * 999 / 1000],
           (unsigned long long)received, (unsigned long long)lost);
}

static void flood(unsigned ms)
{
    uint64_t start = rte_rdtsc(), now = start;
    begin();
    for (start = rte_rdtsc(); (now = rte_rdtsc()) - start < hz / 1000 * ms;) {
        send_some(0, BURST);
        send_some(1, BURST);
        receive();
    }
    double s = (double)(now - start) / (double)hz;
    printf("%.0f %.0f\n", (double)received / s, (double)sent / s);
}

static void lone(unsigned ms)
{
    uint64_t start = rte_rdtsc(), lost = 0;
    begin();
    while (rte_rdtsc() - start < hz / 1000 * ms) {
        uint64_t before = received, then = since = rte_rdtsc();
        send_some(0, 1);
        while (received == before && rte_rdtsc() - then < hz / 1000 * LOST_MS)
            receive();
        lost += received == before;
    }
    say_times(lost);
}

static void paced(unsigned ms, double rate)
{
    uint64_t start, now, end;
    begin();
    start = rte_rdtsc();
    for (end = start + hz / 1000 * ms; (now = rte_rdtsc()) < end;) {
        uint64_t due = (uint64_t)((double)(now - start) * rate / (double)hz);
        if (due > sent + BURST * 8) /* somebody else had this CPU: it is not made up for */
            start += (uint64_t)((double)(due - sent) * (double)hz / rate);
        else if (due > sent)
            send_some(sent & 1, 1);
        receive();
    }
    for (end = rte_rdtsc() + hz / 1000 * LOST_MS; received < sent && rte_rdtsc() < end;)
        receive();
    say_times(sent - received);
}

/* How far apart the two CPUs are: each word is in a line of its own. */
static struct {
    uint64_t there __rte_cache_aligned, back __rte_cache_aligned;
} ball;

static void *throw_back(void *cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(*(unsigned *)cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    for (uint64_t n = 0; n < LINE_TURNS; __atomic_store_n(&ball.back, ++n, __ATOMIC_RELEASE))
        while (__atomic_load_n(&ball.there, __ATOMIC_ACQUIRE) == n)
            continue;
    return NULL;
}

static void throw(unsigned cpu)
{
    pthread_t other;
    ball.there = ball.back = 0;
    if (pthread_create(&other, NULL, throw_back, &cpu))
        die("no thread");
    for (uint64_t n = 0; n < LINE_TURNS; n++) {
        uint64_t then = rte_rdtsc();
        __atomic_store_n(&ball.there, n + 1, __ATOMIC_RELEASE);
        while (__atomic_load_n(&ball.back, __ATOMIC_ACQUIRE) == n)
            continue;
        sample[n] = (uint32_t)((double)(rte_rdtsc() - then) * 1e9 / (double)hz);
    }
    pthread_join(other, NULL);
    qsort(sample, LINE_TURNS, sizeof *sample, ascending);
    printf("%u\n", sample[LINE_TURNS / 2]);
}

static void obey(const char *line)
{
    unsigned size, ms, a[6], b[6];
    double rate;
    if (sscanf(line, "to %x:%x:%x:%x:%x:%x %x:%x:%x:%x:%x:%x", &a[0], &a[1], &a[2], &a[3], &a[4],
               &a[5], &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) == 12) {
        for (unsigned i = 0; i < 6; i++) {
            target[0][i] = (uint8_t)a[i];
            target[1][i] = (uint8_t)b[i];
        }
        routed = true;
        printf("ok\n");
    } else if (sscanf(line, "flood %u %u", &size, &ms) == 2) {
        make_frames(size);
        flood(ms);
    } else if (sscanf(line, "lone %u %u", &size, &ms) == 2) {
        make_frames(size);
        lone(ms);
    } else if (sscanf(line, "paced %u %u %lf", &size, &ms, &rate) == 3) {
        make_frames(size);
        paced(ms, rate);
    } else if (sscanf(line, "line %u", &size) == 1) {
        throw(size);
    } else {
        printf("what?\n");
    }
    fflush(stdout);
}

static void start_eal(char **argv, const char *const *paths)
{
    char vdev[2][256] = { "", "" }, prefix[64];
    snprintf(prefix, sizeof prefix, "--file-prefix=peer-traffic-%d", (int)getpid());
    for (unsigned i = 0; paths && i < 2; i++)
        snprintf(vdev[i], sizeof vdev[i], "--vdev=net_vhost%u,iface=%s", i, paths[i]);
    char *options[] = { argv[0], "-l",       argv[1],          "--no-huge", "-m",
                        "256",   "--no-pci", "--no-telemetry", prefix,      "--log-level=4",
                        vdev[0], vdev[1] };
    if (rte_eal_init(paths ? RTE_DIM(options) : RTE_DIM(options) - 2, options) < 0)
        die("DPDK does not start");
    hz = rte_get_tsc_hz();
}

int main(int argc, char **argv)
{
    char line[256];
    sample = calloc(SAMPLES_MOST, sizeof *sample);
    by_vhost = argc == 5 && !strcmp(argv[2], "vhost");
    if (!by_vhost && (argc != 7 || strcmp(argv[2], "dgram")))
        die("usage: peer_traffic CPU vhost PATH0 PATH1 | CPU dgram L0 R0 L1 R1");
    start_eal(argv, by_vhost ? (const char *const *)argv + 3 : NULL);
    pool = rte_pktmbuf_pool_create("frames", 8191, 256, 0, SIZE_MOST + 128, SOCKET_ID_ANY);
    for (unsigned side = 0; side < 2; side++)
        if (by_vhost)
            vhost_open(side);
    printf("ready\n");
    fflush(stdout);
    for (unsigned side = 0; side < 2 && !by_vhost; side++)
        dgram_open(side, argv[3 + 2 * side], argv[4 + 2 * side]);
    while (fgets(line, sizeof line, stdin))
        obey(line);
    return 0;
}
