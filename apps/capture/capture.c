/* capture.c - copies frames into a file while they pass (capture.h).
 *
 * Workers write at the same time, each into a piece of the file that it has reserved for a whole
 * burst.  `written` follows `reserved`: where they are equal the file is whole up to there, and
 * that is how long it is said to be. */
#include "apps/capture/capture.h"

#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "apps/forward/job.h"
#include "apps/forward/quiesce.h"
#include "apps/forward/taps.h"
#include "apps/forward/vlan.h"
#include "apps/forward/worker.h"
#include "kernel/files.h"
#include "kernel/time.h"
#include "nic/pcap_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OF_TEXT 32u
#define COMMENT_TEXT 80u

/* What one burst's frames need, before and while they are written. */
struct batch {
    uint16_t n;
    struct {
        const struct packet *packet;
        uint32_t captured;
    } frame[PORT_BURST];
    size_t size;
    const char *comment;
    enum pcapng_way way;
};

/* Of one transmit queue: what was written of the burst that the driver has now. */
struct sending {
    size_t begin, end; /* in the file; equal: nothing */
    uint16_t n;
    uint16_t place[PORT_BURST]; /* in the burst, of each frame that was written */
    size_t behind[PORT_BURST];  /* where each ends */
};

static struct {
    struct tap tap;
    bool running;
    struct port *port;
    struct interface *interface;
    interface_burst_fn *input, *output; /* the interface's own */
    struct bpf_program *filter;
    uint32_t snaplen;
    uint8_t *bytes;
    size_t limit, size; /* `size`: of the file, for whoever reads it */
    size_t reserved, written;
    uint64_t frames, lost, passed; /* any worker adds */
    char file[FILES_NAME_MAX + 1], of[OF_TEXT];
    struct sending *sending; /* of each queue that the port can have */
} capture;

static void count(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* Writing ------------------------------------------------------------------------- */

/* Which of the frames are wanted, and what room they take. */
static void choose(struct batch *b, struct packet *const *packets, uint16_t n,
                   struct sending *sending)
{
    uint64_t passed = 0;
    for (uint16_t i = 0; i < n && i < PORT_BURST; i++) {
        uint32_t wanted = capture.filter ? bpf_run(capture.filter, packets[i]) : UINT32_MAX;
        uint32_t length = packets[i]->frame_length;
        wanted = wanted < capture.snaplen ? wanted : capture.snaplen;
        passed += !wanted;
        if (!wanted)
            continue;
        if (sending)
            sending->place[b->n] = i;
        b->frame[b->n].packet = packets[i];
        b->frame[b->n].captured = length < wanted ? length : wanted;
        b->size += pcapng_block_size(b->frame[b->n++].captured, b->comment);
    }
    if (passed)
        count(&capture.passed, passed);
}

/* A piece of the file; false: it is full. */
static bool reserve(size_t size, size_t *begin)
{
    *begin = load_relaxed(&capture.reserved);
    do {
        if (size > capture.limit - *begin)
            return false;
    } while (!__atomic_compare_exchange_n(&capture.reserved, begin, *begin + size, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

static void write_all(const struct batch *b, size_t begin, struct sending *sending)
{
    uint64_t now = time_us();
    size_t at = begin;
    for (uint16_t i = 0; i < b->n; i++) {
        const struct packet *p = b->frame[i].packet;
        uint32_t captured = b->frame[i].captured;
        uint8_t *to = pcapng_write_block(capture.bytes + at, now, captured, p->frame_length, b->way,
                                         b->comment);
        packet_read(p, 0, to, captured);
        at += pcapng_block_size(captured, b->comment);
        if (sending)
            sending->behind[i] = at;
    }
    count(&capture.frames, b->n);
}

static void finish(size_t size)
{
    __atomic_fetch_add(&capture.written, size, __ATOMIC_RELEASE);
}

/* A burst's frames, all that are wanted or none. */
static void copy(struct packet *const *packets, uint16_t n, enum pcapng_way way,
                 const char *comment)
{
    struct batch b = { .way = way, .comment = comment };
    size_t begin;
    choose(&b, packets, n, NULL);
    if (!b.n)
        return;
    if (!reserve(b.size, &begin)) {
        count(&capture.lost, b.n);
        return;
    }
    write_all(&b, begin, NULL);
    finish(b.size);
}

/* Ports --------------------------------------------------------------------------- */

static uint16_t received(struct tap *tap, struct port_queue *queue, struct packet **packets,
                         uint16_t n)
{
    if (n)
        copy(packets, n, PCAPNG_INBOUND, NULL);
    return n;
}

/* Before the driver has them, for then they are gone; the piece stays unfinished until it is known
 * how many were sent. */
static uint16_t sending(struct tap *tap, struct port_queue *queue, struct packet **packets,
                        uint16_t n)
{
    struct sending *s = &capture.sending[queue->index];
    struct batch b = { .way = PCAPNG_OUTBOUND };
    s->begin = s->end = 0;
    choose(&b, packets, n, s);
    if (!b.n)
        return n;
    s->n = b.n;
    if (!reserve(b.size, &s->begin)) {
        count(&capture.lost, b.n);
        s->begin = 0;
        return n;
    }
    s->end = s->begin + b.size;
    write_all(&b, s->begin, s);
    return n;
}

/* What the queue did not take was not sent: readers pass over its place. */
static void sent(struct tap *tap, struct port_queue *queue, uint16_t n, uint16_t taken)
{
    struct sending *s = &capture.sending[queue->index];
    uint16_t kept = 0;
    if (s->begin == s->end)
        return;
    while (kept < s->n && s->place[kept] < taken)
        kept++;
    size_t from = kept ? s->behind[kept - 1] : s->begin;
    if (kept < s->n) {
        pcapng_write_filler(capture.bytes + from, (uint32_t)(s->end - from));
        __atomic_fetch_sub(&capture.frames, (uint64_t)(s->n - kept), __ATOMIC_RELAXED);
    }
    finish(s->end - s->begin);
    s->end = s->begin;
}

/* Interfaces ------------------------------------------------------------------------- */

/* A VLAN's are shown as what they are to it: without its tag. */
static void copy_untagged(const struct interface *interface, struct packet *const *packets,
                          uint16_t n, enum pcapng_way way)
{
    uint16_t tci[PORT_BURST];
    for (uint16_t i = 0; interface->vid && i < n; i++) {
        tci[i] = load_be16(packets[i]->data + VLAN_TCI);
        vlan_take_tag(packets[i]);
    }
    copy(packets, n, way, NULL);
    for (uint16_t i = 0; interface->vid && i < n; i++)
        vlan_put_tag(packets[i], tci[i]);
}

static void tapped_input(struct worker *worker, struct interface *interface,
                         struct packet **packets, uint16_t n)
{
    copy_untagged(interface, packets, n, PCAPNG_INBOUND);
    load_acquire (&capture.input)(worker, interface, packets, n);
}

static void tapped_output(struct worker *worker, struct interface *interface,
                          struct packet **packets, uint16_t n)
{
    copy_untagged(interface, packets, n, PCAPNG_OUTBOUND);
    load_acquire (&capture.output)(worker, interface, packets, n);
}

/* Also when somebody else has taken the interface over meanwhile. */
static void tap_interface(struct interface *interface)
{
    if (interface->input != tapped_input) {
        store_release(&capture.input, interface->input);
        store_release(&interface->input, tapped_input);
    }
    if (interface->output != tapped_output) {
        store_release(&capture.output, interface->output);
        store_release(&interface->output, tapped_output);
    }
}

static void untap_interface(struct interface *interface)
{
    if (interface->input == tapped_input)
        store_release(&interface->input, capture.input);
    if (interface->output == tapped_output)
        store_release(&interface->output, capture.output);
}

/* Drops ------------------------------------------------------------------------------ */

/* The reason is the comment: "no_route: no route, port 0". */
static void dropped(uint16_t port, enum drop_reason why, struct packet *const *packets, uint16_t n)
{
    char comment[COMMENT_TEXT];
    if (port == PORT_NONE)
        snprintf(comment, sizeof comment, "%s: %s", drop_names[why], drop_texts[why]);
    else
        snprintf(comment, sizeof comment, "%s: %s, port %u", drop_names[why], drop_texts[why],
                 port);
    for (uint16_t done = 0, some; done < n; done = (uint16_t)(done + some)) {
        some = n - done < (uint16_t)PORT_BURST ? (uint16_t)(n - done) : (uint16_t)PORT_BURST;
        copy(packets + done, some, PCAPNG_UNTOLD, comment);
    }
}

/* Control task ---------------------------------------------------------------------- */

/* The file is as long as it is whole. */
static void publish(void)
{
    size_t written = load_acquire(&capture.written);
    if (written == load_relaxed(&capture.reserved))
        store_release(&capture.size, written);
}

static void begin_file(const struct capture_options *o)
{
    capture.size = pcapng_write_headers(capture.bytes, capture.of, o->snaplen);
    capture.reserved = capture.written = capture.size;
    capture.frames = capture.lost = capture.passed = 0;
}

static int make_file(const struct capture_options *o)
{
    uint8_t *bytes = malloc(o->limit);
    if (!bytes)
        return -ENOMEM;
    int e = files_make(o->file, bytes, &capture.size);
    if (e) {
        free(bytes);
        return e;
    }
    capture.bytes = bytes;
    capture.limit = o->limit;
    snprintf(capture.file, sizeof capture.file, "%s", o->file);
    return 0;
}

static int copy_filter(const struct bpf_program *filter)
{
    capture.filter = NULL;
    if (!filter)
        return 0;
    capture.filter = malloc(sizeof *filter);
    if (!capture.filter)
        return -ENOMEM;
    *capture.filter = *filter;
    return 0;
}

static int lay_on_port(struct port *port)
{
    capture.sending = calloc(port->limits.tx_queues_max, sizeof *capture.sending);
    return capture.sending ? tap_add(port, &capture.tap) : -ENOMEM;
}

static int lay(const struct capture_options *o)
{
    capture.port = o->port;
    capture.interface = o->interface;
    capture.tap = (struct tap){
        .order = TAP_CAPTURE, .received = received, .sending = sending, .sent = sent
    };
    if (o->port)
        return lay_on_port(o->port);
    if (o->interface)
        tap_interface(o->interface);
    else
        workers_set_drop_tap(dropped);
    return 0;
}

static void let_go(void)
{
    files_settle(capture.file);
    free(capture.filter);
    free(capture.sending);
    capture.filter = NULL;
    capture.sending = NULL;
}

static void give_up_file(void)
{
    let_go();
    files_remove(capture.file);
    capture.of[0] = 0;
}

int capture_start(const struct capture_options *o)
{
    if (capture.running)
        return -EBUSY;
    int e = make_file(o);
    if (e)
        return e;
    if (o->port)
        snprintf(capture.of, sizeof capture.of, "port %u", o->port->number);
    else
        snprintf(capture.of, sizeof capture.of, "%s", o->interface ? o->interface->name : "drops");
    capture.snaplen = o->snaplen;
    begin_file(o);
    e = copy_filter(o->filter);
    if (!e)
        e = lay(o);
    capture.running = !e;
    if (e)
        give_up_file();
    return e;
}

void capture_stop(void)
{
    if (!capture.running)
        return;
    capture.running = false;
    if (capture.port)
        tap_remove(capture.port, &capture.tap);
    else if (capture.interface)
        untap_interface(capture.interface);
    else
        workers_set_drop_tap(NULL);
    workers_quiesce();
    publish();
    let_go();
    capture.port = NULL;
    capture.interface = NULL;
}

void capture_read(struct capture_state *s)
{
    publish();
    *s = (struct capture_state){ .running = capture.running,
                                 .file = capture.of[0] ? capture.file : NULL,
                                 .of = capture.of,
                                 .frames = load_relaxed(&capture.frames),
                                 .lost = load_relaxed(&capture.lost),
                                 .passed = load_relaxed(&capture.passed),
                                 .bytes = load_relaxed(&capture.size),
                                 .limit = capture.limit };
}

static void look(struct worker *control, uint64_t now_us)
{
    if (!capture.running)
        return;
    publish();
    if (capture.interface)
        tap_interface(capture.interface);
}

static void forget(void)
{
    capture_stop();
    files_remove(capture.file);
    memset(&capture, 0, sizeof capture);
}

CONTROL_JOB(capture_job) = { .every_us = 100 * US_PER_MS, .run = look, .free = forget };

static void heard(const struct event *event)
{
    const struct interface *interface = event->interface;
    if (!capture.running || !interface)
        return;
    bool ours =
        interface == capture.interface ||
        (capture.port && interface->port == capture.port && interface->kind == INTERFACE_PORT);
    if (ours && event->kind == EVENT_INTERFACE_GONE)
        capture_stop();
    else if (interface == capture.interface)
        tap_interface(capture.interface);
}

/* Before the port's taps go. */
EVENT_LISTENER(capture_listener) = { .order = EVENT_ORDER_FORWARD - 2, .heard = heard };
