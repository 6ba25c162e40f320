/* blast.c - numbered frames in at one side, verified out at the other. */
#include "frame.h"
#include "traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLAST_MAGIC 0x4d4c5243u
#define WARM_UP UINT64_MAX /* the number of frames sent only to see one arrive */
#define WARM_UP_LIMIT_NS 20000000000ull
#define WARM_UP_EVERY_NS 100000000ull
#define STALL_NS 10000000000ull /* what has not come by then is lost */
#define DRAIN_NS 1000000000ull  /* flood: how long to listen afterwards */
#define PATTERN 65536u

struct station {
    uint8_t mac[6];
    uint32_t ip, gateway_ip;
    bool gateway_known;
    uint8_t gateway[6];
    struct backlog answers; /* that the wire has not taken yet; they go before any frame */
};

/* Everything sent at one side and received at the other. */
struct direction {
    uint64_t goal, sent, received, duplicated, reordered, changed;
    uint64_t given_up; /* no longer waited for */
    uint64_t *next;    /* of each flow: no lower number is to come any more */
    uint64_t moved_at; /* when a frame last arrived */
    uint64_t first_at, last_at;
    uint8_t *seen; /* one bit a frame */
    bool warm;
};

static struct blast {
    struct station stations[2];
    struct direction ways[2]; /* ways[i]: in at side i */
    uint64_t foreign;         /* frames that nobody here sent */
    uint64_t unanswered;      /* ARP requests for a station here that got no answer */
    uint8_t pattern[PATTERN + FRAME_MAX];
} blast = {
    .stations = { { .mac = { 2, 0, 0, 0, 0xa, 1 }, .ip = 0xc0000202, .gateway_ip = 0xc0000201 },
                  { .mac = { 2, 0, 0, 0, 0xb, 1 }, .ip = 0xc6336402, .gateway_ip = 0xc6336401 } },
};

static size_t blast_build(uint8_t *f, unsigned way, uint64_t number)
{
    const struct station *from = &blast.stations[way], *to = &blast.stations[!way];
    bool routed = options.mode == MODE_L3;
    uint16_t n = number == WARM_UP ? FRAME_MIN : options.sizes[number % options.size_count];
    uint16_t ip_length = (uint16_t)(n - ETH_LEN);
    uint8_t *udp = f + ETH_LEN + IP_LEN;
    put_ethernet(f, routed ? from->gateway : to->mac, from->mac, ETHERTYPE_IPV4);
    put_ipv4(f + ETH_LEN, from->ip, to->ip, PROTO_UDP, ip_length, (uint16_t)number);
    put16(udp, (uint16_t)(49152 + number % options.flows));
    put16(udp + 2, 9); /* discard, RFC 863 */
    put16(udp + 4, (uint16_t)(ip_length - IP_LEN));
    put16(udp + 6, 0);
    put32(f + PAYLOAD, BLAST_MAGIC);
    put32(f + PAYLOAD + 4, way);
    put64(f + PAYLOAD + 8, number);
    memcpy(f + PAYLOAD + 16, blast.pattern + number % PATTERN, n - PAYLOAD - 16);
    return n;
}

/* What the appliance makes of it, byte for byte. */
static size_t blast_expect(uint8_t *f, unsigned way, uint64_t number)
{
    size_t n = blast_build(f, way, number);
    const struct station *from = &blast.stations[way], *to = &blast.stations[!way];
    if (options.mode == MODE_MACSWAP) {
        put_ethernet(f, from->mac, to->mac, ETHERTYPE_IPV4);
    } else if (options.mode == MODE_L3) {
        put_ethernet(f, to->mac, to->gateway, ETHERTYPE_IPV4);
        f[ETH_LEN + 8]--;
        put_ip_checksum(f + ETH_LEN);
    }
    return n;
}

static void blast_check(unsigned way, const uint8_t *f, size_t n)
{
    struct direction *d = &blast.ways[way];
    uint64_t number = get64(f + PAYLOAD + 8);
    uint8_t expected[FRAME_MAX];
    size_t skip = options.mode == MODE_MAC ? 12 : 0; /* mac: the addresses are its own */
    if (number == WARM_UP) {
        d->warm = true;
        return;
    }
    d->moved_at = d->last_at = now_ns();
    if (number >= d->goal || blast_expect(expected, way, number) != n ||
        memcmp(f + skip, expected + skip, n - skip))
        d->changed++;
    if (number >= d->goal)
        return;
    uint8_t bit = (uint8_t)(1u << number % 8);
    if (d->seen[number / 8] & bit) {
        d->duplicated++;
        return;
    }
    d->seen[number / 8] |= bit;
    d->received++;
    uint64_t *next = &d->next[number % options.flows];
    d->reordered += number < *next;
    if (number >= *next)
        *next = number + 1;
}

/* A station that does not answer is a dead one, and what is for it is dropped: a full wire must
 * not make it so. */
static void station_answer(struct station *s, struct wire *w, const uint8_t *request)
{
    const uint8_t *arp = request + ETH_LEN;
    uint8_t f[FRAME_MIN];
    size_t n = put_arp(f, 2, request + 6, s->mac, s->ip, arp + 8, get32(arp + 14));
    blast.unanswered += !wire_post(w, &s->answers, f, n);
}

static bool station_has_answered(const struct station *s)
{
    return s->answers.head == s->answers.tail;
}

static void station_receive_arp(struct station *s, struct wire *w, const uint8_t *f, size_t n)
{
    const uint8_t *arp = f + ETH_LEN;
    if (is_arp(f, n, 1) && get32(arp + 24) == s->ip) {
        station_answer(s, w, f);
    } else if (is_arp(f, n, 2) && get32(arp + 14) == s->gateway_ip) {
        memcpy(s->gateway, arp + 8, 6);
        s->gateway_known = true;
    }
}

static void blast_receive(unsigned side, struct wire *w)
{
    unsigned way = !side;
    uint8_t f[FRAME_MAX];
    size_t n;
    for (unsigned i = 0; i < TURN && (n = wire_receive(w, f)) > 0; i++) {
        if (n >= PAYLOAD + 16 && get16(f + 12) == ETHERTYPE_IPV4 &&
            get32(f + PAYLOAD) == BLAST_MAGIC && get32(f + PAYLOAD + 4) == way)
            blast_check(way, f, n);
        else if (is_arp(f, n, 1) || is_arp(f, n, 2))
            station_receive_arp(&blast.stations[side], w, f, n);
        else
            blast.foreign++;
    }
}

/* Until a frame has come through in every direction: the appliance has learned
 * the stations, or resolved them, and nothing of what follows waits for that. */
static void blast_warm_up(struct wire wires[2])
{
    static const bool no_wants[2];
    uint64_t begin = now_ns(), asked_at = 0;
    uint8_t f[FRAME_MAX];
    while (!(blast.ways[0].warm && (blast.ways[1].warm || options.one_way))) {
        uint64_t now = now_ns();
        if (now - begin > WARM_UP_LIMIT_NS || stopped)
            fail("nothing comes through: %s to the first wire, %s to the second",
                 blast.ways[1].warm ? "fine" : "nothing", blast.ways[0].warm ? "fine" : "nothing");
        bool due = now - asked_at > WARM_UP_EVERY_NS;
        asked_at = due ? now : asked_at;
        for (unsigned side = 0; side < 2; side++) {
            struct station *s = &blast.stations[side];
            wire_flush(&wires[side], &s->answers);
            if (due && options.mode == MODE_L3 && !s->gateway_known)
                wire_send(&wires[side], f,
                          put_arp(f, 1, broadcast, s->mac, s->ip, nobody, s->gateway_ip));
            else if (due && (side == 0 || !options.one_way))
                wire_send(&wires[side], f, blast_build(f, side, WARM_UP));
            blast_receive(side, &wires[side]);
        }
        wires_wait(wires, no_wants, 10);
    }
}

/* How many frames this direction may send now. */
static uint64_t blast_allowance(const struct direction *d, uint64_t begin, uint64_t window)
{
    uint64_t allowed = d->goal - d->sent;
    if (window) {
        uint64_t out = d->sent - d->received - d->given_up;
        uint64_t room = out < window ? window - out : 0;
        allowed = room < allowed ? room : allowed;
    }
    if (options.rate) {
        uint64_t due = (now_ns() - begin) * options.rate / 1000000000ull + 1;
        due = due > d->sent ? due - d->sent : 0;
        allowed = due < allowed ? due : allowed;
    }
    return allowed < TURN ? allowed : TURN;
}

static bool blast_all_sent(void)
{
    return blast.ways[0].sent == blast.ways[0].goal && blast.ways[1].sent == blast.ways[1].goal;
}

/* How many frames may go now: a station answers before it sends. */
static uint64_t blast_due(unsigned way, uint64_t begin, bool flood)
{
    bool answered = station_has_answered(&blast.stations[way]);
    return answered ? blast_allowance(&blast.ways[way], begin, flood ? 0 : options.window) : 0;
}

static void blast_send(unsigned way, struct wire *w, uint64_t begin, bool flood)
{
    struct direction *d = &blast.ways[way];
    uint8_t f[FRAME_MAX];
    wire_flush(w, &blast.stations[way].answers);
    uint64_t n = blast_due(way, begin, flood);
    while (n-- && wire_send(w, f, blast_build(f, way, d->sent))) {
        if (!d->sent)
            d->first_at = now_ns();
        d->sent++;
        if (flood)
            d->moved_at = now_ns();
    }
}

/* True while this direction still has something to do. */
static bool blast_turn(unsigned way, struct wire wires[2], uint64_t begin, bool flood)
{
    struct direction *d = &blast.ways[way];
    blast_send(way, &wires[way], begin, flood);
    if (!options.deaf || blast_all_sent())
        blast_receive(!way, &wires[!way]);
    uint64_t now = now_ns();
    if (flood)
        return d->sent < d->goal || now - d->moved_at < DRAIN_NS;
    if (d->sent == d->received + d->given_up)
        return d->sent < d->goal;
    if (now - (d->moved_at > begin ? d->moved_at : begin) > STALL_NS)
        d->given_up = d->sent - d->received;
    return true;
}

/* Until there is something to receive or to send; not at all where there is already. */
static void blast_wait(struct wire wires[2], uint64_t begin, bool flood)
{
    bool wants[2], full = wires[0].full || wires[1].full;
    for (unsigned way = 0; way < 2; way++)
        wants[way] = blast_due(way, begin, flood) > 0 || /* arrivals make room */
                     !station_has_answered(&blast.stations[way]);
    if (options.rate || !(wants[0] || wants[1]) || full)
        wires_wait(wires, wants, options.rate ? 1 : 100);
}

static bool direction_is_clean(const struct direction *d)
{
    return d->sent == d->goal && d->received == d->sent && !d->duplicated && !d->reordered &&
           !d->changed;
}

static void direction_print(const char *name, const struct direction *d)
{
    double seconds = d->last_at > d->first_at ? (double)(d->last_at - d->first_at) / 1e9 : 0;
    printf(", \"%s\": {\"sent\": %" PRIu64 ", \"received\": %" PRIu64 ", \"lost\": %" PRIu64
           ", \"duplicated\": %" PRIu64 ", \"reordered\": %" PRIu64 ", \"changed\": %" PRIu64
           ", \"rate\": %.0f}",
           name, d->sent, d->received, d->sent - d->received, d->duplicated, d->reordered,
           d->changed, seconds > 0 ? (double)d->received / seconds : 0.0);
}

/* No more is sent than was. */
static void blast_end(void)
{
    for (unsigned i = 0; i < 2; i++)
        blast.ways[i].goal = blast.ways[i].sent;
}

int run_blast(struct wire wires[2], bool flood)
{
    for (unsigned i = 0; i < sizeof(blast.pattern); i++)
        blast.pattern[i] = (uint8_t)(i * 2654435761u >> 24);
    for (unsigned i = 0; i < 2; i++) {
        blast.ways[i].goal = i && options.one_way ? 0 : options.frames;
        blast.ways[i].seen = calloc(1, options.frames / 8 + 1);
        blast.ways[i].next = calloc(options.flows, sizeof(uint64_t));
        if (!blast.ways[i].seen || !blast.ways[i].next)
            fail("no memory");
    }
    blast_warm_up(wires);

    uint64_t begin = now_ns();
    bool busy = true, in_time = true;
    blast.ways[0].moved_at = blast.ways[1].moved_at = begin;
    while (busy && in_time && !wires[0].gone && !wires[1].gone) {
        if (stopped)
            blast_end();
        busy = blast_turn(0, wires, begin, flood);
        busy |= blast_turn(1, wires, begin, flood);
        in_time = now_ns() - begin < options.seconds * 1000000000ull;
        if (busy)
            blast_wait(wires, begin, flood);
    }
    printf("{\"mode\": \"%s\", \"seconds\": %.3f", mode_names[options.mode],
           (double)(now_ns() - begin) / 1e9);
    direction_print("a_to_b", &blast.ways[0]);
    direction_print("b_to_a", &blast.ways[1]);
    printf(", \"foreign\": %" PRIu64 ", \"unanswered\": %" PRIu64 ", \"held_back\": %" PRIu64
           ", \"complete\": %s}\n",
           blast.foreign, blast.unanswered, wires[0].held_back + wires[1].held_back,
           busy ? "false" : "true");
    bool clean = direction_is_clean(&blast.ways[0]) && direction_is_clean(&blast.ways[1]);
    return (flood || clean) && !busy ? 0 : 1;
}
