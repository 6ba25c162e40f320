/* apps/forward/rest.c: nothing is lost at the edge, when something comes in just as workers go to
 * rest.  Workers as threads, under ThreadSanitizer and AddressSanitizer.
 *
 * Each question, an ARP request, takes every way on which somebody is woken: a port's interrupt
 * wakes the worker that polls it, a note the control task, a lane the worker that sends the answer.
 * Nothing else ends a rest here: were one of them missed, the answer would never come. */
#include "apps/console/command.h"
#include "apps/forward/cores.h"
#include "apps/forward/forward.h"
#include "apps/forward/rest.h"
#include "apps/ip/router.h"
#include "kernel/cpus.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#define WORKERS 4u
#define QUESTIONS 400u
#define NEVER_S 120u

/* A port that interrupts, and whose other end asks. */
static struct bell {
    struct port port;
    struct port_queue rx, tx;
    uint32_t asked, taken, answered;
    bool armed;
} bell;

static bool over;
static unsigned interrupts;

static uint64_t host_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The edges are narrow: with this in them, many questions come just there. */
static void wait_up_to(uint64_t us)
{
    static _Thread_local uint32_t dice = 1;
    dice = dice * 1664525u + 1013904223u;
    uint64_t end = host_us() + (dice >> 8) % us;
    while (host_us() < end)
        sched_yield();
}

static void put_request(uint8_t *frame)
{
    static const uint8_t request[] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0, 9, 0x08, 0x06, /* to all, ARP */
        0,    1,    8,    0,    6,    4,    0,  1, 2, 0, 0, 0, 0,    9,
        10,   0,    0,    9,                            /* who asks */
        0,    0,    0,    0,    0,    0,    10, 0, 0, 1 /* for whom */
    };
    memset(frame, 0, FRAME_PADDED);
    memcpy(frame, request, sizeof request);
}

static uint16_t bell_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct packet *p;
    if (load_acquire(&bell.asked) == bell.taken || !(p = packet_alloc(queue->cache)))
        return 0;
    bell.taken++;
    put_request(p->data);
    p->length = p->frame_length = FRAME_PADDED;
    p->port = queue->port->number;
    packets[0] = p;
    counter_add(&queue->packets, 1);
    return 1;
}

#define ARP_REPLY 2u

/* The router asks now and then whether its neighbor is there: no answers. */
static uint16_t bell_tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    uint32_t answers = 0;
    for (uint16_t i = 0; i < n; i++)
        answers += packets[i]->data[ETHERNET_HEADER + 7] == ARP_REPLY;
    packet_free_burst(queue->cache, packets, n);
    counter_add(&queue->packets, n);
    __atomic_fetch_add(&bell.answered, answers, __ATOMIC_SEQ_CST);
    return n;
}

/* Between the last look and here nothing interrupts. */
static void bell_arm(struct port_queue *queue, bool on)
{
    wait_up_to(REST_AFTER_US);
    __atomic_store_n(&bell.armed, on, __ATOMIC_SEQ_CST);
}

static int bell_start(struct port *port)
{
    return 0;
}

static void bell_stop(struct port *port) {}

static void bell_link(struct port *port, struct port_link *link)
{
    *link = (struct port_link){ .up = true };
}

static void bell_stats(struct port *port, struct port_device_stats *stats)
{
    *stats = (struct port_device_stats){ 0 };
}

static const struct port_ops bell_ops = {
    .start = bell_start, .stop = bell_stop, .link = bell_link, .stats = bell_stats, .arm = bell_arm
};

static void bell_create(void)
{
    memset(&bell, 0, sizeof bell);
    bell.rx = (struct port_queue){ .burst = bell_rx_burst, .port = &bell.port, .size = 64 };
    bell.tx = (struct port_queue){ .burst = bell_tx_burst, .port = &bell.port, .size = 64 };
    bell.port = (struct port){ .ops = &bell_ops,
                               .driver = "bell",
                               .mac = { 2, 0, 0, 0, 0, 1 },
                               .rxq = { &bell.rx },
                               .txq = { &bell.tx },
                               .rx_queues = 1,
                               .tx_queues = 1,
                               .limits = { .rx_queues_max = 1,
                                           .tx_queues_max = 1,
                                           .rx_size_min = 64,
                                           .rx_size_max = 64,
                                           .rx_size_default = 64,
                                           .tx_size_min = 64,
                                           .tx_size_max = 64,
                                           .tx_size_default = 64,
                                           .size_multiple = 1,
                                           .max_frame = FRAME_MAX } };
    assert_int_equal(port_register(&bell.port), 0);
}

/* As a device does: the frame, then the interrupt to where the queue's go. */
static void ask(void)
{
    store_release(&bell.asked, bell.asked + 1);
    if (__atomic_exchange_n(&bell.armed, false, __ATOMIC_SEQ_CST)) {
        interrupts++;
        cpu_wake(load_relaxed(&bell.rx.cpu));
    }
}

static void *outside(void *arg)
{
    for (uint32_t i = 1; i <= QUESTIONS; i++) {
        uint64_t end = host_us() + NEVER_S * 1000000ull;
        wait_up_to(3 * REST_AFTER_US); /* at any moment on somebody's way to rest */
        ask();
        while (__atomic_load_n(&bell.answered, __ATOMIC_SEQ_CST) < i && host_us() < end)
            sched_yield();
        if (load_relaxed(&bell.answered) < i)
            break;
    }
    store_release(&over, true);
    cpu_wake(0);
    return NULL;
}

static void ignore(struct out *out, const char *text, size_t n) {}

static void command(const char *line)
{
    struct out out = { .write = ignore };
    assert_int_equal(command_run(line, &out, NULL, 0), 0);
}

/* After the control task has looked for notes. */
static bool is_quiet(void)
{
    wait_up_to(REST_AFTER_US);
    return true;
}

static void let_others_run(void)
{
    sched_yield();
}

static int set_up(void **state)
{
    host_reset();
    host_use_real_time(true);
    host_set_yield(let_others_run);
    host_set_cpus(WORKERS);
    port_reset_registry();
    over = false;
    interrupts = 0;
    assert_int_equal(forward_init_workers(1024, WORKERS), 0);
    bell_create();
    forward_ports_up();
    command("port 0 address 10.0.0.1/24");
    assert_int_equal(forward_set_mode(forward_find_mode("l3")), 0);
    forward_start();
    while (!bell.port.link.up)
        forward_turn();
    return 0;
}

static int tear_down(void **state)
{
    host_rest_for_ever = false;
    rest_want(false);
    forward_shutdown();
    router_reset();
    assert_false(host_log_contains("packets are missing"));
    port_unregister(&bell.port);
    return 0;
}

static void nothing_is_lost_at_the_edge(void **state)
{
    pthread_t thread;
    host_rest_for_ever = true;
    forward_set_control_hook(NULL, is_quiet);
    rest_want(true);
    cores_start();
    assert_int_equal(pthread_create(&thread, NULL, outside, NULL), 0);
    while (!load_acquire(&over))
        if (!forward_turn())
            forward_rest();
    pthread_join(thread, NULL);
    assert_int_equal(bell.answered, QUESTIONS);
    cores_stop();
    host_join_cpus();
    /* They did rest: who polls the port, who sends by it, and the control task. */
    assert_true(interrupts && control_worker()->wakeups);
    assert_true(worker_get(1)->wakeups && worker_get(2)->wakeups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_lost_at_the_edge, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
