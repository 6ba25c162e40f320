/* lan.c - two LANs with hosts that resolve, ping and answer each other. */
#include "frame.h"
#include "traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

int run_lan(struct wire wires[2])
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
