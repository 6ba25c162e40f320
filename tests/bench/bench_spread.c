/* bench_spread.c - what spreading one queue's flows over two workers gives (apps/forward/spread.h).
 *
 * A port makes frames of 256 flows as fast as they are taken, and another swallows them; in between
 * is l3, or a mode that works on each frame for a while.  Each worker is a thread, and what its
 * turns with frames cost is taken from the thread's own CPU time, so that neither waiting nor
 * others on the machine count.  Printed are nanoseconds a frame of who polls, alone and when it
 * passes on half of the flows, of who takes those, and how many times as fast two are by that. */
#include "apps/forward/assign.h"
#include "apps/forward/forward.h"
#include "apps/forward/spread.h"
#include "apps/ip/address.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/neighbor.h"
#include "kernel/cpus.h"
#include "kernel/random.h"
#include "tests/host/host.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PACKETS 16384u
#define FRAME 60u
#define FLOWS 256u
#define FRAMES 500000ull
#define ROUNDS 5u
#define LAN_A 0xc0000201u /* RFC 5737 */
#define LAN_B 0xc6336401u

static struct port *in, *out;
static port_burst_fn *make;
static uint8_t frames[FLOWS][FRAME];
static uint32_t next;
static bool over;

static struct {
    uint64_t ns, frames;
} cost[2];

static void die(const char *why)
{
    fprintf(stderr, "bench_spread: %s\n", why);
    exit(1);
}

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint16_t make_flows(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    n = make(queue, packets, n);
    for (uint16_t i = 0; i < n; i++)
        memcpy(packets[i]->data, frames[next++ % FLOWS], FRAME);
    return n;
}

static void turn(struct worker *worker, unsigned (*work)(struct worker *worker))
{
    uint64_t before = cpu_ns();
    unsigned n = work(worker);
    if (n) {
        cost[worker->number].ns += cpu_ns() - before;
        counter_add(&cost[worker->number].frames, n);
    }
}

static unsigned work_alone(struct worker *worker)
{
    unsigned n = worker_poll(worker);
    forward_flush(worker);
    worker_end_turn(worker, n);
    return n;
}

static unsigned work_control(struct worker *worker)
{
    return forward_turn();
}

static void *helper(void *arg)
{
    struct worker *worker = worker_get(1);
    turns_park(&worker->turns, false);
    while (!load_acquire(&over)) {
        turn(worker, work_alone);
        cpu_pause();
    }
    turns_park(&worker->turns, true);
    return NULL;
}

static void run(void)
{
    memset(cost, 0, sizeof cost);
    while (cost[0].frames < FRAMES)
        turn(control_worker(), work_control);
}

static void put_frame(uint8_t *f, uint16_t flow)
{
    uint8_t *ip = f + ETHERNET_HEADER;
    memcpy(f, in->mac, MAC_LEN);
    f[MAC_LEN] = 2;
    store_be16(f + ETHERNET_TYPE, ETHERTYPE_IPV4);
    ip[IPV4_VERSION_IHL] = 0x45;
    store_be16(ip + IPV4_TOTAL_LENGTH, FRAME - ETHERNET_HEADER);
    ip[IPV4_TTL] = IPV4_TTL_DEFAULT;
    ip[IPV4_PROTOCOL] = IPV4_PROTOCOL_UDP;
    store_be32(ip + IPV4_SOURCE, LAN_A + 1);
    store_be32(ip + IPV4_DESTINATION, LAN_B + 1);
    store_be16(ip + IPV4_HEADER_MIN, flow);
    ipv4_checksum_set(ip);
}

static void set_up(void)
{
    static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 9 };
    struct address conflict;
    host_reset();
    host_use_real_time(true);
    host_set_cpus(2);
    if (forward_init_workers(PACKETS, 2) || null_port_create_at(0, FRAME, &in) ||
        null_port_create_at(1, 0, &out))
        die("no memory");
    forward_ports_up();
    if (address_add(interface_of_port(in), ip_from_v4(LAN_A), 24, &conflict) ||
        address_add(interface_of_port(out), ip_from_v4(LAN_B), 24, &conflict) ||
        neighbor_add_static(ip_from_v4(LAN_B + 1), mac, interface_of_port(out)) ||
        assign_pin(in, 0, 0) || assign_pin(out, 0, 0))
        die("no route");
    for (uint16_t i = 0; i < FLOWS; i++)
        put_frame(frames[i], i);
    make = in->rxq[0]->burst;
    in->rxq[0]->burst = make_flows;
    if (forward_set_mode(forward_find_mode("l3")))
        die("no mode");
    forward_start();
}

/* So many steps on each frame, each waiting for the one before. */
static unsigned steps;
static uint64_t sum;

static void work_burst(struct worker *worker, struct port *from, struct packet **packets,
                       uint16_t n)
{
    uint64_t v = 0;
    for (uint16_t i = 0; i < n; i++)
        for (unsigned k = 0; k < steps; k++)
            v = random_mix(v + packets[i]->data[k % FRAME]);
    store_relaxed(&sum, v);
    forward_send_burst(worker, out, packets, n);
}

FORWARD_MODE(work_mode) = { .name = "work", .help = "", .burst = work_burst };

static double each(unsigned worker)
{
    return cost[worker].frames ? (double)cost[worker].ns / (double)cost[worker].frames : 0;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Medians of some rounds. */
static void row(const char *name)
{
    double alone[ROUNDS], polls[ROUNDS], takes[ROUNDS], times[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        spread_set(SPREAD_OFF);
        run();
        alone[i] = each(0);
        spread_set(SPREAD_ON);
        run();
        double share = (double)cost[1].frames / (double)cost[0].frames;
        polls[i] = each(0);
        takes[i] = each(1);
        times[i] = alone[i] / (polls[i] > takes[i] * share ? polls[i] : takes[i] * share);
    }
    qsort(alone, ROUNDS, sizeof *alone, compare);
    qsort(polls, ROUNDS, sizeof *polls, compare);
    qsort(takes, ROUNDS, sizeof *takes, compare);
    qsort(times, ROUNDS, sizeof *times, compare);
    printf("%-12s %10.1f %10.1f %10.1f %10.2f\n", name, alone[ROUNDS / 2], polls[ROUNDS / 2],
           takes[ROUNDS / 2], times[ROUNDS / 2]);
}

static void rows_of_work(void)
{
    static const unsigned some[] = { 10, 25, 100 };
    if (forward_set_mode(&work_mode))
        die("no mode");
    for (unsigned i = 0; i < ARRAY_SIZE(some); i++) {
        char name[16];
        steps = some[i];
        snprintf(name, sizeof name, "%u steps", steps);
        row(name);
    }
}

int main(void)
{
    pthread_t thread;
    set_up();
    if (pthread_create(&thread, NULL, helper, NULL))
        die("no thread");
    printf("%-12s %10s %10s %10s %10s\n", "", "alone ns", "polls ns", "takes ns", "times");
    row("l3");
    rows_of_work();
    store_release(&over, true);
    pthread_join(thread, NULL);
    return 0;
}
