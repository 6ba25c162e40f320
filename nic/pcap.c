/* pcap.c - a port that replays a capture file and writes what it sends into another (pcap.h).
 *
 * Start begins the file anew.  A frame is due at a time that the pace tells, counted from the first
 * look at the queue; with none it is due at once.  Time has the grain of time_us(). */
#include "nic/pcap.h"

#include "kernel/time.h"
#include "nic/pcap_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCAP_SIZE 256u
#define NS_PER_US 1000ull
#define LONE_FRAME_NS 1000000000ull /* in a loop, from one time to the next */

/* The worker's that polls it. */
struct replay {
    struct pcap_reader reader;
    struct pcap_frame frame; /* the next */
    bool pending, over, begun;
    uint64_t begin_us;          /* of the first round */
    uint64_t sent;              /* frames, of all rounds */
    uint64_t first_ns, last_ns; /* of the file: times of the first frame, and the latest so far */
    uint64_t rounds_ns;         /* what the rounds before took */
};

struct pcap_port {
    struct port port;
    struct port_queue rx, tx;
    struct pcap_options options;
    struct replay replay;
    void (*on_end)(void *arg);
    void *on_end_arg;
};

static struct pcap_port *port_of(const struct port_queue *q)
{
    return q->port->priv;
}

/* Receiving --------------------------------------------------------------------- */

/* A loop's next round begins as long after the last frame as frames are apart on the average. */
static bool begin_round(const struct pcap_options *o, struct replay *r)
{
    char why[PCAP_WHY_SIZE];
    uint64_t frames = r->reader.frames, took = r->last_ns - r->first_ns;
    if (r->begun && (!o->loop || !frames))
        return false;
    if (r->begun)
        r->rounds_ns += frames > 1 ? took + took / (frames - 1) : LONE_FRAME_NS;
    pcap_begin(&r->reader, o->file, o->size, why);
    return true;
}

/* Lays the next frame ready; false: the file is over. */
static bool advance(const struct pcap_options *o, struct replay *r)
{
    char why[PCAP_WHY_SIZE];
    while (!r->pending && !r->over) {
        if (r->begun && pcap_next(&r->reader, &r->frame, why) == 1)
            r->pending = true;
        else if (begin_round(o, r))
            r->begun = true;
        else
            r->over = true;
        if (r->pending && r->reader.frames == 1)
            r->first_ns = r->last_ns = r->frame.time_ns;
        if (r->pending && r->frame.time_ns > r->last_ns) /* time that runs back stands still */
            r->last_ns = r->frame.time_ns;
    }
    return r->pending;
}

/* When the frame that lies ready is due, after the first look; of a file without pace at once. */
static uint64_t due_after_us(const struct pcap_options *o, const struct replay *r)
{
    switch (o->pace) {
    case PCAP_RATE:
        return r->sent / o->rate * US_PER_S + r->sent % o->rate * US_PER_S / o->rate;
    case PCAP_ORIGINAL:
        return (r->rounds_ns + r->last_ns - r->first_ns) / NS_PER_US;
    default:
        return 0;
    }
}

/* A copy in as many packets as it takes; NULL: none left. */
static struct packet *copy(struct packet_cache *cache, const struct pcap_frame *f)
{
    struct packet *first = NULL, **next = &first;
    for (uint32_t done = 0, some; done < f->length; done += some) {
        struct packet *p = packet_alloc(cache);
        if (!p) {
            if (first)
                packet_free(cache, first);
            return NULL;
        }
        some = f->length - done < PACKET_ROOM ? f->length - done : PACKET_ROOM;
        memcpy(p->data, f->bytes + done, some);
        p->length = (uint16_t)some;
        *next = p;
        next = &p->next;
    }
    first->frame_length = f->length;
    return first;
}

/* Frames that the port's MTU does not allow are errors; without packets they wait. */
static uint16_t pcap_rx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    struct pcap_port *pcap = port_of(q);
    const struct pcap_options *o = &pcap->options;
    struct replay *r = &pcap->replay;
    uint32_t limit = port_frame_limit(q->port);
    uint64_t bytes = 0, now_us = o->pace == PCAP_FLAT_OUT ? 0 : time_us();
    uint16_t got = 0;
    if (!r->begun)
        r->begin_us = now_us;
    q->due_us = 0;
    while (got < n && o->file && advance(o, r)) {
        if (due_after_us(o, r) > now_us - r->begin_us) {
            q->due_us = r->begin_us + due_after_us(o, r);
            break;
        }
        struct packet *p = r->frame.length > limit ? NULL : copy(q->cache, &r->frame);
        if (r->frame.length > limit)
            counter_add(&q->errors, 1);
        else if (!p)
            break;
        r->pending = false;
        r->sent++;
        if (!p)
            continue;
        packet_arrived(p, q->port->number);
        bytes += p->frame_length;
        packets[got++] = p;
    }
    counter_add(&q->packets, got);
    counter_add(&q->bytes, bytes);
    return got;
}

/* Sending ----------------------------------------------------------------------- */

/* False: it does not fit any more. */
static bool record(struct pcap_memory *m, const struct packet *p)
{
    size_t size = m->size;
    if (m->capacity - size < PCAP_RECORD_HEADER + (size_t)p->frame_length)
        return false;
    pcap_write_record(m->bytes + size, time_us() * NS_PER_US, p->frame_length, p->frame_length);
    packet_read(p, 0, m->bytes + size + PCAP_RECORD_HEADER, p->frame_length);
    store_release(&m->size, size + PCAP_RECORD_HEADER + p->frame_length);
    return true;
}

static uint16_t pcap_tx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    struct pcap_memory *m = port_of(q)->options.memory;
    for (uint16_t i = 0; i < n; i++) {
        if (port_can_send(q->port, packets[i]) && (!m || record(m, packets[i]))) {
            counter_add(&q->packets, 1);
            counter_add(&q->bytes, packets[i]->frame_length);
        } else {
            counter_add(&q->errors, 1);
        }
    }
    packet_free_burst(q->cache, packets, n);
    return n;
}

/* The rest of the contract --------------------------------------------------------- */

static int pcap_start(struct port *port)
{
    struct pcap_port *pcap = port->priv;
    pcap->replay = (struct replay){ 0 };
    return 0;
}

static void pcap_stop(struct port *port) {}

static const struct port_ops pcap_ops = { .start = pcap_start,
                                          .stop = pcap_stop,
                                          .link = soft_link,
                                          .stats = soft_stats,
                                          .set_mac = soft_set_mac,
                                          .set_rx_mode = soft_set_rx_mode,
                                          .set_mtu = soft_set_mtu };

static void pcap_remove(struct port *port)
{
    struct pcap_port *pcap = port->priv;
    port_stop(port);
    port_unregister(port);
    if (pcap->on_end)
        pcap->on_end(pcap->on_end_arg);
    free(pcap);
}

static void port_init(struct pcap_port *pcap)
{
    const struct port_queue queue = { .port = &pcap->port, .size = PCAP_SIZE };
    pcap->rx = pcap->tx = queue;
    pcap->rx.burst = pcap_rx_burst;
    pcap->tx.burst = pcap_tx_burst;
    pcap->port = (struct port){ .ops = &pcap_ops,
                                .driver = "pcap",
                                .rxq = { &pcap->rx },
                                .txq = { &pcap->tx },
                                .rx_queues = 1,
                                .tx_queues = 1,
                                .priv = pcap,
                                .remove = pcap_remove,
                                .limits = { .rx_queues_max = 1,
                                            .tx_queues_max = 1,
                                            .rx_size_min = PCAP_SIZE,
                                            .rx_size_max = PCAP_SIZE,
                                            .rx_size_default = PCAP_SIZE,
                                            .tx_size_min = PCAP_SIZE,
                                            .tx_size_max = PCAP_SIZE,
                                            .tx_size_default = PCAP_SIZE,
                                            .size_multiple = 1,
                                            .max_frame = FRAME_MAX } };
}

static void set_mac(struct port *port)
{
    const uint8_t mac[MAC_LEN] = {
        0x02, 0x70, 0x63, 0x61, (uint8_t)(port->number >> 8), (uint8_t)port->number
    };
    memcpy(port->mac, mac, MAC_LEN);
    memcpy(port->permanent_mac, mac, MAC_LEN);
}

int pcap_port_create(unsigned number, const struct pcap_options *options, struct port **port)
{
    char why[PCAP_WHY_SIZE];
    if ((options->file && pcap_check(options->file, options->size, why) < 0) ||
        (options->pace == PCAP_RATE && !options->rate))
        return -EINVAL;
    struct pcap_port *pcap = port_alloc("pcap", sizeof *pcap);
    if (!pcap)
        return -ENOMEM;
    port_init(pcap);
    pcap->options = *options;
    int e = port_register_at(&pcap->port, number);
    if (e) {
        free(pcap);
        return e;
    }
    set_mac(&pcap->port);
    if (options->memory)
        options->memory->size = pcap_write_header(options->memory->bytes);
    *port = &pcap->port;
    return 0;
}

const struct pcap_options *pcap_port_options(const struct port *port)
{
    const struct pcap_port *pcap = port->priv;
    return &pcap->options;
}

void pcap_port_on_end(struct port *port, void (*fn)(void *arg), void *arg)
{
    struct pcap_port *pcap = port->priv;
    pcap->on_end = fn;
    pcap->on_end_arg = arg;
}

void *pcap_port_end_arg(const struct port *port)
{
    const struct pcap_port *pcap = port->priv;
    return pcap->on_end_arg;
}
