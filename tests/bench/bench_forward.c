/* bench_forward.c - what a mode costs per frame, on the host, as a ratio to io.
 *
 * Two ring ports back to back are both ports of the appliance: what comes in on
 * port 0 leaves by port 1, whose other end is port 0.  Frames put in once go
 * round for ever; nothing but the poll loop, the mode and the rings is timed.
 * io is measured before and after each row, so that a noisy minute hits both. */
#include "apps/fdb.h"
#include "apps/forward.h"
#include "tests/host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING 32768u
#define PACKETS (RING + 4096u)
#define ROUND_US 150000ull
#define ROUNDS 5u
#define FRAME_LENGTH 60u

static struct port *in, *out;

static void die(const char *why)
{
    fprintf(stderr, "bench_forward: %s\n", why);
    exit(1);
}

static void station(uint8_t *mac, uint8_t kind, uint32_t number)
{
    const uint8_t bytes[MAC_LEN] = {
        2, kind, 0, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number
    };
    memcpy(mac, bytes, MAC_LEN);
}

/* Frame i goes from a station of its own behind port 0 to one behind port 1.
 * macswap would teach the bridge otherwise, so each row begins afresh. */
static void put_frames(uint32_t frames)
{
    struct core *core = control_core();
    for (uint32_t i = 0; i < frames; i++) {
        struct packet *p = packet_alloc(&core->cache);
        if (!p)
            die("too few packets");
        memset(p->data, 0, FRAME_LENGTH);
        station(p->data, 1, i);
        station(p->data + MAC_LEN, 2, i);
        if (fdb_add_static(fdb_key(0, p->data), out->number))
            die("too many stations");
        p->length = FRAME_LENGTH;
        p->frame_length = FRAME_LENGTH;
        if (port_tx_burst(out->txq[0], &p, 1) != 1)
            die("ring too small");
    }
}

static void begin(uint32_t frames)
{
    host_reset();
    host_use_real_time(true);
    port_reset_registry();
    if (forward_init(PACKETS) || ring_port_pair_create(RING, &in, &out))
        die("no memory");
    forward_ports_up();
    put_frames(frames);
}

static void end(uint32_t frames)
{
    struct port_totals t;
    stats_port_totals(in, &t);
    if (t.rx_dropped)
        die("frames were dropped");
    forward_shutdown();
    ring_port_destroy(in);
    ring_port_destroy(out);
}

/* Nanoseconds per frame, over one round. */
static double measure(const char *mode)
{
    uint64_t begin_us, spent = 0, frames = 0;
    if (forward_set_mode(forward_find_mode(mode)))
        die("mode does not start");
    forward_start();
    for (unsigned i = 0; i < 4 * RING / PORT_BURST; i++) /* warm, and learned */
        forward_turn();
    begin_us = time_us();
    for (; spent < ROUND_US; spent = time_us() - begin_us)
        for (unsigned i = 0; i < 1000; i++)
            frames += forward_turn();
    return (double)spent * 1000 / (double)frames;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, ascending);
    return values[ROUNDS / 2];
}

static void row(const char *mode, uint32_t frames)
{
    double ns[ROUNDS], ratio[ROUNDS];
    begin(frames);
    for (unsigned i = 0; i < ROUNDS; i++) {
        double before = measure("io");
        ns[i] = measure(mode);
        ratio[i] = ns[i] * 2 / (before + measure("io"));
    }
    printf("  %-8s  %8u  %9.1f  %11.2f\n", mode, frames, median(ns), median(ratio));
    end(frames);
}

int main(void)
{
    printf("\nHosted forwarding (one core, 60-byte frames over ring ports, median of %u)\n",
           ROUNDS);
    printf("The time per frame says more about this machine than about the mode.\n\n");
    printf("  mode      stations   ns/frame  times of io\n");
    printf("  --------  --------  ---------  -----------\n");
    row("io", 256);
    row("mac", 256);
    row("macswap", 256);
    row("l2", 256);
    row("io", 16384);
    row("l2", 16384);
    return 0;
}
