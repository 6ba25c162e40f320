/* traffic.c - what stands at the other end of the appliance's wires.
 *
 *   traffic lan    two LANs with hosts that resolve, ping and answer each other
 *   traffic blast  numbered frames in at one side, verified out at the other
 *   traffic flood  the same, more than can be forwarded; loss is reported, not blamed
 *
 * A wire is a pair of unix datagram sockets, one Ethernet frame without FCS a
 * datagram, the other end being QEMU's `-netdev dgram`.  The kernel holds about
 * ten datagrams per socket and then refuses: nothing here ever blocks in a
 * send, so two ends that are both full cannot wait for each other. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX 9216u
#define FRAME_MIN 60u /* IEEE 802.3 3.2.8, without FCS */
#define CONNECT_LIMIT_MS 10000u
#define TURN 64u /* frames per direction and turn of the loop */

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_ARP 0x0806u
#define ETH_LEN 14u
#define IP_LEN 20u
#define L4_LEN 8u /* UDP's header and ICMP echo's are equally long */
#define PAYLOAD (ETH_LEN + IP_LEN + L4_LEN)
#define ARP_LEN 28u
#define PROTO_ICMP 1u
#define PROTO_UDP 17u
#define ICMP_ECHO_REPLY 0u
#define ICMP_ECHO 8u
#define ICMP_UNREACHABLE 3u
#define ECHO_PORT 7u /* RFC 862 */

static void fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("traffic: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Bytes ------------------------------------------------------------------ */

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)(v >> 16));
    put16(p + 2, (uint16_t)v);
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)(v >> 32));
    put32(p + 4, (uint32_t)v);
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

/* RFC 1071. */
static uint32_t sum_bytes(uint32_t sum, const uint8_t *p, size_t n)
{
    for (; n > 1; p += 2, n -= 2)
        sum += get16(p);
    return n ? sum + (uint32_t)(*p << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_ethernet(uint8_t *f, const uint8_t to[6], const uint8_t from[6], uint16_t type)
{
    memcpy(f, to, 6);
    memcpy(f + 6, from, 6);
    put16(f + 12, type);
}

static void put_ip_checksum(uint8_t *ip)
{
    put16(ip + 10, 0);
    put16(ip + 10, fold(sum_bytes(0, ip, IP_LEN)));
}

/* RFC 791 3.1; length counts the whole datagram. */
static void put_ipv4(uint8_t *ip, uint32_t from, uint32_t to, uint8_t protocol, uint16_t length,
                     uint16_t id)
{
    ip[0] = 0x45;
    ip[1] = 0;
    put16(ip + 2, length);
    put16(ip + 4, id);
    put16(ip + 6, 0);
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, from);
    put32(ip + 16, to);
    put_ip_checksum(ip);
}

/* RFC 826, Ethernet and IPv4; padded to the shortest frame. */
static size_t put_arp(uint8_t *f, uint16_t operation, const uint8_t to[6], const uint8_t from[6],
                      uint32_t from_ip, const uint8_t target[6], uint32_t target_ip)
{
    memset(f, 0, FRAME_MIN);
    put_ethernet(f, to, from, ETHERTYPE_ARP);
    uint8_t *arp = f + ETH_LEN;
    put16(arp, 1);
    put16(arp + 2, ETHERTYPE_IPV4);
    arp[4] = 6;
    arp[5] = 4;
    put16(arp + 6, operation);
    memcpy(arp + 8, from, 6);
    put32(arp + 14, from_ip);
    memcpy(arp + 18, target, 6);
    put32(arp + 24, target_ip);
    return FRAME_MIN;
}

static bool is_arp(const uint8_t *f, size_t n, uint16_t operation)
{
    return n >= ETH_LEN + ARP_LEN && get16(f + 12) == ETHERTYPE_ARP && get16(f + ETH_LEN) == 1 &&
           get16(f + ETH_LEN + 2) == ETHERTYPE_IPV4 && get16(f + ETH_LEN + 6) == operation;
}

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t nobody[6];

/* Wires ------------------------------------------------------------------- */

#define BACKLOG 256u
#define BACKLOG_FRAME 1600u

/* Frames that hosts have sent and the wire has not taken yet. */
struct backlog {
    uint32_t head, tail; /* run freely */
    struct {
        uint16_t length;
        uint8_t bytes[BACKLOG_FRAME];
    } frames[BACKLOG];
};

struct wire {
    int fd;
    bool gone;          /* the other end is no more */
    bool full;          /* its queue was full at the last try */
    uint64_t held_back; /* how often it was */
    const char *local, *remote;
};

static void set_path(struct sockaddr_un *a, const char *path)
{
    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(a->sun_path))
        fail("%s: too long for a socket", path);
    strcpy(a->sun_path, path);
}

/* Binds ours first, so that nothing the other end sends is refused, then waits
 * for its socket to appear. */
static void wire_open(struct wire *w)
{
    struct sockaddr_un a;
    w->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    set_path(&a, w->local);
    unlink(w->local);
    if (w->fd < 0 || bind(w->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        fail("%s: %s", w->local, strerror(errno));
}

static void wire_connect(struct wire *w)
{
    struct sockaddr_un a;
    set_path(&a, w->remote);
    for (unsigned ms = 0; connect(w->fd, (struct sockaddr *)&a, sizeof(a)) < 0; ms += 10) {
        if (ms >= CONNECT_LIMIT_MS)
            fail("%s: %s", w->remote, strerror(errno));
        usleep(10000);
    }
}

static bool wire_send(struct wire *w, const uint8_t *frame, size_t n)
{
    if (send(w->fd, frame, n, 0) == (ssize_t)n) {
        w->full = false;
        return true;
    }
    w->full = true;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR)
        w->held_back++;
    else
        w->gone = true;
    return false;
}

static void wire_flush(struct wire *w, struct backlog *b)
{
    while (b->tail != b->head) {
        unsigned slot = b->tail % BACKLOG;
        if (!wire_send(w, b->frames[slot].bytes, b->frames[slot].length))
            return;
        b->tail++;
    }
}

/* Like wire_send, but keeps what the wire does not take now, in order.  False:
 * no room for that either. */
static bool wire_post(struct wire *w, struct backlog *b, const uint8_t *frame, size_t n)
{
    wire_flush(w, b);
    if (b->tail == b->head && wire_send(w, frame, n))
        return true;
    if (b->head - b->tail == BACKLOG || n > BACKLOG_FRAME)
        return false;
    b->frames[b->head % BACKLOG].length = (uint16_t)n;
    memcpy(b->frames[b->head % BACKLOG].bytes, frame, n);
    b->head++;
    return true;
}

/* Bytes of the next frame, 0: none. */
static size_t wire_receive(struct wire *w, uint8_t *frame)
{
    ssize_t n = recv(w->fd, frame, FRAME_MAX, 0);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        w->gone = true;
    return n > 0 ? (size_t)n : 0;
}

/* Until something can be received, or sent where `wants` says so. */
static void wires_wait(struct wire w[2], const bool wants[2], int timeout_ms)
{
    struct pollfd fds[2];
    for (unsigned i = 0; i < 2; i++)
        fds[i] =
            (struct pollfd){ .fd = w[i].fd, .events = (short)(POLLIN | (wants[i] ? POLLOUT : 0)) };
    poll(fds, 2, timeout_ms);
}

/* Options -------------------------------------------------------------------- */

enum mode { MODE_IO, MODE_L2, MODE_MAC, MODE_MACSWAP, MODE_L3, MODES };
static const char *const mode_names[MODES] = { "io", "l2", "mac", "macswap", "l3" };

#define SIZES_MAX 32u

static struct options {
    enum mode mode;
    uint64_t frames;  /* blast, flood: per direction */
    uint64_t window;  /* blast: frames under way per direction */
    uint64_t rate;    /* frames a second, 0: as fast as it goes */
    uint64_t seconds; /* blast, flood: gives up after */
    uint64_t flows;
    uint64_t hosts; /* lan: per side */
    bool one_way;
    bool deaf; /* flood: takes nothing off the wires before all is sent */
    unsigned size_count;
    uint16_t sizes[SIZES_MAX]; /* frame lengths without FCS, in turn */
    struct wire wires[2];
} options = {
    .mode = MODE_L2,
    .frames = 1000,
    .window = 64,
    .seconds = 1200,
    .flows = 16,
    .hosts = 4,
    .size_count = 1,
    .sizes = { FRAME_MIN },
};

static volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
    (void)signal;
    stopped = 1;
}

/* Two LANs ------------------------------------------------------------------- */

#define HOSTS_MAX 64u
#define NEIGHBORS 256u     /* by the last byte of the address */
#define OUTSTANDING 65536u /* requests whose fate is open */
#define ANSWER_LIMIT_NS 1000000000ull
#define ARP_RETRY_NS 1000000000ull
#define LAN_MAGIC 0x4c414e73u

struct neighbor {
    bool known;
    uint64_t asked_at;
    uint8_t mac[6];
};

struct host {
    uint8_t mac[6];
    uint32_t ip;
    struct neighbor neighbors[NEIGHBORS];
};

struct lan {
    uint32_t network, gateway; /* gateway 0: everybody is on the same link */
    struct host hosts[HOSTS_MAX];
    struct wire *wire;
    struct backlog backlog;
    uint64_t sent, answered, lost, errors, served;
    uint64_t rtt_min, rtt_max, rtt_sum;
};

struct request {
    uint64_t sent_at;
    uint8_t lan;
    bool open;
};

static struct lan lans[2];
static struct request outstanding[OUTSTANDING];
static uint64_t next_request, oldest_request;

static bool lan_send(struct lan *lan, const uint8_t *frame, size_t n)
{
    return wire_post(lan->wire, &lan->backlog, frame, n);
}

static void lans_init(struct wire wires[2])
{
    static const uint32_t networks[2] = { 0xc0000200, 0xc6336400 }; /* RFC 5737 */
    for (unsigned l = 0; l < 2; l++) {
        struct lan *lan = &lans[l];
        bool routed = options.mode == MODE_L3;
        lan->wire = &wires[l];
        lan->network = routed ? networks[l] : networks[0];
        lan->gateway = routed ? lan->network + 1 : 0;
        lan->rtt_min = UINT64_MAX;
        for (unsigned h = 0; h < options.hosts; h++) {
            const uint8_t mac[6] = { 0x02, 0, 0, 0x0a, (uint8_t)l, (uint8_t)(h + 10) };
            memcpy(lan->hosts[h].mac, mac, 6);
            lan->hosts[h].ip = lan->network + 10 + h + (routed ? 0 : 100 * l);
        }
    }
}

/* The next hop's address, or NULL while ARP is out for it. */
static const uint8_t *host_resolve(struct lan *lan, struct host *host, uint32_t ip)
{
    uint32_t hop = lan->gateway && (ip & ~0xffu) != lan->network ? lan->gateway : ip;
    struct neighbor *n = &host->neighbors[hop & 0xff];
    if (n->known)
        return n->mac;
    uint64_t now = now_ns();
    if (!n->asked_at || now - n->asked_at > ARP_RETRY_NS) {
        uint8_t f[FRAME_MIN];
        n->asked_at = now;
        lan_send(lan, f, put_arp(f, 1, broadcast, host->mac, host->ip, nobody, hop));
    }
    return NULL;
}

static size_t put_request(uint8_t *f, const struct host *from, const uint8_t hop[6], uint32_t to,
                          uint64_t number)
{
    static const uint16_t lengths[] = { 18, 100, 500, 1472 };
    bool ping = number & 1;
    uint16_t length = lengths[number / 2 % 4];
    uint8_t *l4 = f + ETH_LEN + IP_LEN;
    put_ethernet(f, hop, from->mac, ETHERTYPE_IPV4);
    put_ipv4(f + ETH_LEN, from->ip, to, ping ? PROTO_ICMP : PROTO_UDP,
             (uint16_t)(IP_LEN + L4_LEN + length), (uint16_t)number);
    memset(f + PAYLOAD, (uint8_t)number, length);
    put32(f + PAYLOAD, LAN_MAGIC);
    put64(f + PAYLOAD + 4, number);
    memset(l4, 0, L4_LEN);
    if (ping) {
        l4[0] = ICMP_ECHO;
        put16(l4 + 4, (uint16_t)(from->ip & 0xff));
        put16(l4 + 6, (uint16_t)(number / 2));
        put16(l4 + 2, fold(sum_bytes(0, l4, L4_LEN + length)));
    } else {
        put16(l4, (uint16_t)(49152 + number % 1000));
        put16(l4 + 2, ECHO_PORT);
        put16(l4 + 4, (uint16_t)(L4_LEN + length)); /* checksum 0: none, RFC 768 */
    }
    return PAYLOAD + length;
}

static void lan_request(void)
{
    uint64_t number = next_request;
    struct request *r = &outstanding[number % OUTSTANDING];
    unsigned side = number / 8 % 2;
    struct lan *lan = &lans[side];
    struct host *from = &lan->hosts[number / 16 % options.hosts];
    const struct host *to = &lans[!side].hosts[number / (16 * options.hosts) % options.hosts];
    uint8_t f[FRAME_MAX];
    next_request++;
    if (r->open)
        return;
    const uint8_t *hop = host_resolve(lan, from, to->ip);
    uint64_t now = now_ns();
    if (!hop || !lan_send(lan, f, put_request(f, from, hop, to->ip, number)))
        return;
    *r = (struct request){ .sent_at = now, .lan = (uint8_t)side, .open = true };
    lan->sent++;
}

static void requests_expire(void)
{
    uint64_t now = now_ns();
    for (; oldest_request < next_request; oldest_request++) {
        struct request *r = &outstanding[oldest_request % OUTSTANDING];
        if (r->open && now - r->sent_at < ANSWER_LIMIT_NS)
            return;
        if (r->open)
            lans[r->lan].lost++;
        r->open = false;
    }
}

static void lan_answered(struct lan *lan, const uint8_t *payload, size_t n)
{
    if (n < 12 || get32(payload) != LAN_MAGIC)
        return;
    struct request *r = &outstanding[get64(payload + 4) % OUTSTANDING];
    if (!r->open || &lans[r->lan] != lan)
        return;
    uint64_t rtt = now_ns() - r->sent_at;
    r->open = false;
    lan->answered++;
    lan->rtt_sum += rtt;
    if (rtt < lan->rtt_min)
        lan->rtt_min = rtt;
    if (rtt > lan->rtt_max)
        lan->rtt_max = rtt;
}

/* Sends an echo back the way it came. */
static void host_serve(struct lan *lan, struct host *host, uint8_t *f, size_t n)
{
    uint8_t *ip = f + ETH_LEN, *l4 = ip + IP_LEN;
    uint8_t back[6];
    memcpy(back, f + 6, 6);
    put_ethernet(f, back, host->mac, ETHERTYPE_IPV4);
    put_ipv4(ip, host->ip, get32(ip + 12), ip[9], get16(ip + 2), get16(ip + 4));
    if (ip[9] == PROTO_ICMP) {
        l4[0] = ICMP_ECHO_REPLY;
        put16(l4 + 2, 0);
        put16(l4 + 2, fold(sum_bytes(0, l4, n - ETH_LEN - IP_LEN)));
    } else {
        uint16_t port = get16(l4);
        put16(l4, ECHO_PORT);
        put16(l4 + 2, port);
        put16(l4 + 6, 0);
    }
    lan->served += lan_send(lan, f, n);
}

static void host_receive_ip(struct lan *lan, struct host *host, uint8_t *f, size_t n)
{
    const uint8_t *ip = f + ETH_LEN, *l4 = ip + IP_LEN;
    size_t length = get16(ip + 2);
    if (ip[0] != 0x45 || length < IP_LEN + L4_LEN || length > n - ETH_LEN ||
        fold(sum_bytes(0, ip, IP_LEN)) || get32(ip + 16) != host->ip) {
        lan->errors++;
        return;
    }
    bool icmp = ip[9] == PROTO_ICMP;
    n = ETH_LEN + length;
    if (icmp && fold(sum_bytes(0, l4, length - IP_LEN)))
        lan->errors++;
    else if (icmp && l4[0] == ICMP_UNREACHABLE)
        return; /* a router says why something is lost, which is counted when it is due */
    else if (icmp ? l4[0] == ICMP_ECHO : ip[9] == PROTO_UDP && get16(l4 + 2) == ECHO_PORT)
        host_serve(lan, host, f, n);
    else if (icmp ? l4[0] == ICMP_ECHO_REPLY : ip[9] == PROTO_UDP && get16(l4) == ECHO_PORT)
        lan_answered(lan, f + PAYLOAD, n - PAYLOAD);
    else
        lan->errors++;
}

/* RFC 826: what is known of a sender is kept true, whatever it says. */
static void host_update(struct lan *lan, struct host *host, const uint8_t *arp)
{
    struct neighbor *neighbor = &host->neighbors[arp[17]];
    if ((get32(arp + 14) & ~0xffu) == lan->network && neighbor->known)
        memcpy(neighbor->mac, arp + 8, 6);
}

static void host_receive(struct lan *lan, struct host *host, uint8_t *f, size_t n)
{
    const uint8_t *arp = f + ETH_LEN;
    if (is_arp(f, n, 1) || is_arp(f, n, 2))
        host_update(lan, host, arp);
    if (is_arp(f, n, 1) && get32(arp + 24) == host->ip) {
        uint8_t reply[FRAME_MIN];
        lan_send(lan, reply,
                 put_arp(reply, 2, f + 6, host->mac, host->ip, arp + 8, get32(arp + 14)));
    } else if (is_arp(f, n, 2) && get32(arp + 24) == host->ip) {
        struct neighbor *neighbor = &host->neighbors[arp[17]];
        memcpy(neighbor->mac, arp + 8, 6);
        neighbor->known = true;
    } else if (n >= PAYLOAD && get16(f + 12) == ETHERTYPE_IPV4 && !(f[0] & 1)) {
        host_receive_ip(lan, host, f, n);
    }
}

static void lan_receive(struct lan *lan)
{
    uint8_t f[FRAME_MAX];
    size_t n;
    for (unsigned i = 0; i < TURN && (n = wire_receive(lan->wire, f)) > 0; i++) {
        for (unsigned h = 0; h < options.hosts && n >= ETH_LEN; h++) {
            struct host *host = &lan->hosts[h];
            if ((f[0] & 1) || !memcmp(f, host->mac, 6))
                host_receive(lan, host, f, n);
        }
    }
}

static void lan_print(const struct lan *lan)
{
    uint32_t a = lan->network;
    double ms = 1e6;
    printf("LAN %u.%u.%u.0/24: %" PRIu64 " hosts sent %" PRIu64 " requests, %" PRIu64
           " answered, %" PRIu64 " lost, %" PRIu64 " errors",
           a >> 24, a >> 16 & 255, a >> 8 & 255, options.hosts, lan->sent, lan->answered, lan->lost,
           lan->errors);
    if (lan->answered)
        printf("; round trip min/avg/max %.2f/%.2f/%.2f ms", (double)lan->rtt_min / ms,
               (double)lan->rtt_sum / (double)lan->answered / ms, (double)lan->rtt_max / ms);
    putchar('\n');
}

static int run_lan(struct wire wires[2])
{
    uint64_t rate = options.rate ? options.rate : 1000;
    uint64_t next = now_ns();
    lans_init(wires);
    while (!stopped && !wires[0].gone && !wires[1].gone) {
        bool wants[2];
        for (unsigned l = 0; l < 2; l++)
            wants[l] = lans[l].backlog.head != lans[l].backlog.tail;
        wires_wait(wires, wants, 1);
        for (unsigned l = 0; l < 2; l++) {
            wire_flush(&wires[l], &lans[l].backlog);
            lan_receive(&lans[l]);
        }
        uint64_t now = now_ns();
        if (now > next + 100000000ull)
            next = now; /* the machine was busy elsewhere: no burst to catch up */
        for (; next <= now; next += 1000000000ull / rate)
            lan_request();
        requests_expire();
    }
    lan_print(&lans[0]);
    lan_print(&lans[1]);
    return 0;
}

/* Blast --------------------------------------------------------------------- */

#define BLAST_MAGIC 0x4d4c5243u
#define WARM_UP UINT64_MAX /* the number of frames sent only to see one arrive */
#define WARM_UP_LIMIT_NS 20000000000ull
#define WARM_UP_EVERY_NS 100000000ull
#define STALL_NS 3000000000ull /* what has not come by then is lost */
#define DRAIN_NS 1000000000ull /* flood: how long to listen afterwards */
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
    uint64_t next;     /* number expected */
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
    d->reordered += number < d->next;
    if (number >= d->next)
        d->next = number + 1;
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

static int run_blast(struct wire wires[2], bool flood)
{
    for (unsigned i = 0; i < sizeof(blast.pattern); i++)
        blast.pattern[i] = (uint8_t)(i * 2654435761u >> 24);
    for (unsigned i = 0; i < 2; i++) {
        blast.ways[i].goal = i && options.one_way ? 0 : options.frames;
        blast.ways[i].seen = calloc(1, options.frames / 8 + 1);
        if (!blast.ways[i].seen)
            fail("no memory");
    }
    blast_warm_up(wires);

    uint64_t begin = now_ns();
    bool busy = true, in_time = true;
    blast.ways[0].moved_at = blast.ways[1].moved_at = begin;
    while (busy && in_time && !stopped && !wires[0].gone && !wires[1].gone) {
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

/* Command line ---------------------------------------------------------------- */

static const char usage[] =
    "usage: traffic lan|blast|flood --a LOCAL,REMOTE --b LOCAL,REMOTE [options]\n"
    "  LOCAL, REMOTE    unix datagram sockets: ours, and the appliance's\n"
    "  --mode MODE      what the appliance does: io, l2, mac, macswap or l3 (default l2)\n"
    "  --rate N         frames (lan: requests) a second\n"
    "  --hosts N        lan: hosts on either side (default 4)\n"
    "  --frames N       blast, flood: frames in either direction (default 1000)\n"
    "  --window N       blast: frames under way in either direction (default 64)\n"
    "  --sizes N,N,...  blast, flood: frame lengths without FCS, in turn (default 60)\n"
    "  --flows N        blast, flood: UDP source ports in turn (default 16)\n"
    "  --seconds N      blast, flood: gives up after (default 1200)\n"
    "  --one-way        blast, flood: from a to b only\n"
    "  --deaf           flood: takes no frame off the wires before all are sent\n";

static uint64_t parse_number(const char *name, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (!*text || *end || value < min || value > max)
        fail("--%s %s: expected a number from %" PRIu64 " to %" PRIu64, name, text, min, max);
    return value;
}

static void parse_wire(struct wire *w, char *text)
{
    char *comma = strchr(text, ',');
    if (!comma)
        fail("%s: expected LOCAL,REMOTE", text);
    *comma = '\0';
    w->local = text;
    w->remote = comma + 1;
}

static void parse_sizes(char *text)
{
    options.size_count = 0;
    for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
        if (options.size_count == SIZES_MAX)
            fail("at most %u sizes", SIZES_MAX);
        options.sizes[options.size_count++] =
            (uint16_t)parse_number("sizes", word, FRAME_MIN, FRAME_MAX);
    }
    if (!options.size_count)
        fail("--sizes: expected a list of lengths");
}

static void parse_mode(const char *text)
{
    for (unsigned m = 0; m < MODES; m++) {
        if (!strcmp(text, mode_names[m])) {
            options.mode = (enum mode)m;
            return;
        }
    }
    fail("--mode %s: no such mode", text);
}

static void parse_options(int argc, char **argv)
{
    static const struct option rows[] = {
        { "a", required_argument, NULL, 'a' },
        { "b", required_argument, NULL, 'b' },
        { "mode", required_argument, NULL, 'm' },
        { "rate", required_argument, NULL, 'r' },
        { "hosts", required_argument, NULL, 'h' },
        { "frames", required_argument, NULL, 'n' },
        { "window", required_argument, NULL, 'w' },
        { "sizes", required_argument, NULL, 's' },
        { "flows", required_argument, NULL, 'f' },
        { "seconds", required_argument, NULL, 't' },
        { "one-way", no_argument, NULL, 'o' },
        { "deaf", no_argument, NULL, 'd' },
        { NULL, 0, NULL, 0 },
    };
    int c, row;
    while ((c = getopt_long(argc, argv, "", rows, &row)) != -1) {
        switch (c) {
        case 'a':
        case 'b':
            parse_wire(&options.wires[c - 'a'], optarg);
            break;
        case 'm':
            parse_mode(optarg);
            break;
        case 'r':
            options.rate = parse_number(rows[row].name, optarg, 1, 100000000);
            break;
        case 'h':
            options.hosts = parse_number(rows[row].name, optarg, 1, HOSTS_MAX);
            break;
        case 'n':
            options.frames = parse_number(rows[row].name, optarg, 1, 1000000000);
            break;
        case 'w':
            options.window = parse_number(rows[row].name, optarg, 1, 1000000);
            break;
        case 's':
            parse_sizes(optarg);
            break;
        case 'f':
            options.flows = parse_number(rows[row].name, optarg, 1, 16384);
            break;
        case 't':
            options.seconds = parse_number(rows[row].name, optarg, 1, 100000);
            break;
        case 'o':
            options.one_way = true;
            break;
        case 'd':
            options.deaf = true;
            break;
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    parse_options(argc, argv);
    const char *what = optind + 1 == argc ? argv[optind] : "";
    bool lan = !strcmp(what, "lan"), flood = !strcmp(what, "flood");
    struct wire *wires = options.wires;
    if ((!lan && !flood && strcmp(what, "blast") != 0) || !wires[0].local || !wires[1].local) {
        fputs(usage, stderr);
        return 2;
    }
    struct sigaction act = { .sa_handler = on_signal };
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    for (unsigned i = 0; i < 2; i++)
        wire_open(&wires[i]);
    for (unsigned i = 0; i < 2; i++)
        wire_connect(&wires[i]);
    int status = lan ? run_lan(wires) : run_blast(wires, flood);
    for (unsigned i = 0; i < 2; i++)
        unlink(wires[i].local);
    return status;
}
