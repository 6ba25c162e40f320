/* router.c - see router.h. */
#include "tests/fuzz/router.h"

#include "apps/ip/reassembly.h"
#include "kernel/time.h"
#include "tests/host/host.h"

#include <string.h>

#define PACKETS 512u
#define AGE_US (1024 * US_PER_S) /* longer than anything waits */
#define TICK_MS 10u              /* no job of the router's runs more often */

/* An input is for its frames: commands and lapses of time are short to write and long to do, and
 * beyond so many they are left out. */
#define COMMANDS_MAX 10u
#define LAPSES_MAX 8u

static unsigned changed; /* settings that the input touched */
static unsigned commands, lapses;

static void run(const struct router_command *command)
{
    say(command->line);
    forward_turn();
}

/* What it leaves for later happens in the steps that follow, and at the end. */
static void send(unsigned wire, const struct frame *f, uint32_t segment)
{
    bench_put_chain(wire, f, segment);
    forward_turn();
    host_advance_us(US_PER_MS);
    forward_turn();
}

/* What leaves the router is thrown away.  It numbers IPv4 packets of its own on and on. */
static void hear(void)
{
    static struct frame f;
    for (unsigned i = 0; i < BENCH_WIRES; i++)
        while (bench_take(i, &f)) {
            if (load_be16(f.bytes + 12) == ETHERTYPE_IPV4) {
                memset(frame_ip(&f) + IPV4_ID, 0, 2);
                memset(frame_ip(&f) + IPV4_CHECKSUM, 0, 2);
            }
            outcome(f.bytes, f.length);
        }
}

static bool take_frame(struct frame *f, struct input *in)
{
    size_t n = FRAME_MIN + take_value(in, 1);
    n = n < in->size ? n : in->size;
    if (n < FRAME_MIN)
        return false;
    memcpy(f->bytes, in->data, n);
    in->data += n;
    in->size -= n;
    f->length = (uint32_t)n;
    return true;
}

/* Whatever is due after so many seconds happens, and what follows from it in further ticks. */
static void let_pass(const struct router_fuzzer *r, uint64_t seconds)
{
    host_advance_us(seconds * US_PER_S);
    for (unsigned i = 0; i <= r->ticks; i++) {
        forward_turn();
        host_advance_us(TICK_MS * US_PER_MS);
    }
    forward_turn();
}

static void step(const struct router_fuzzer *r, struct input *in)
{
    static struct frame f;
    unsigned what = (unsigned)take_value(in, 1), wire = (what & STEP_WIRE) % BENCH_WIRES;
    if ((what & STEP_SAY) == STEP_SAY) {
        const struct router_command *command = &r->commands[take_value(in, 1) % r->command_count];
        if (commands++ >= COMMANDS_MAX)
            return;
        changed |= command->changes;
        run(command);
    } else if (what & STEP_TIME) {
        uint64_t seconds = take_value(in, 1);
        if (lapses++ < LAPSES_MAX)
            let_pass(r, seconds);
    } else if (what & STEP_MESSAGE) {
        r->make_message(&f, wire, in);
        send(wire, &f, PACKET_ROOM);
    } else if (take_frame(&f, in)) {
        r->make_frame(&f, wire, what, what & STEP_KNOWN ? (unsigned)take_value(in, 1) : 0);
        send(wire, &f, what & STEP_CHAIN ? PACKET_HEADER_MIN : PACKET_ROOM);
    }
}

/* What waits for neighbors and fragments is given up, and may send errors that wait in turn; then
 * nobody is known.  All timers are due at once, so that they go off together in each input. */
static void end(const struct router_fuzzer *r)
{
    for (unsigned i = 0; i < 2; i++) {
        host_advance_us(FRAGMENT_TIMEOUT_US + US_PER_S);
        bench_run_ms(2);
    }
    for (unsigned i = 0; i < r->undo_count; i++)
        if (r->commands[i].changes & changed)
            run(&r->commands[i]);
    changed = commands = lapses = 0;
    r->forget();
    bench_run_ms(2);
    hear();
    must(bench_is_conserved() && !forward_held() && bench_packets_back() == PACKETS);
    /* twice, for what happens every so often at random begins to do so when all else is over */
    for (unsigned i = 0; i < 2; i++) {
        host_set_random(0);
        host_set_time_us(ALIGN_UP(time_us() + AGE_US, AGE_US));
        bench_run_ms(1);
    }
    hear();
}

void router_run(const struct router_fuzzer *r, const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    static bool begun;
    if (!begun) {
        bench_packets = PACKETS;
        r->begin();
        end(r);
    }
    begun = true;
    outcome(NULL, 0);
    while (in.size) {
        step(r, &in);
        hear();
        must(bench_is_conserved());
    }
    end(r);
}
