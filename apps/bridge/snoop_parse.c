/* snoop_parse.c - see snoop_parse.h. */
#include "apps/bridge/snoop_parse.h"

#include "apps/ip/ipv4.h"

#include <string.h>

#define IGMP_PROTOCOL 2u
enum {
    IGMP_QUERY = 0x11,
    IGMP_V1_REPORT = 0x12,
    IGMP_V2_REPORT = 0x16,
    IGMP_LEAVE = 0x17,
    IGMP_V3_REPORT = 0x22
};
#define IGMP_SHORT 8u /* octets of all but version 3's reports */

#define IPV6_HEADER 40u
#define IPV6_LENGTH 4u
#define IPV6_NEXT 6u
#define IPV6_SOURCE 8u
#define IPV6_HOP_BY_HOP 8u /* octets of the header that MLD comes with: a router alert */
#define ICMPV6 58u
enum { MLD_QUERY = 130, MLD_REPORT = 131, MLD_DONE = 132, MLD_V2_REPORT = 143 };
#define MLD_SHORT 24u

/* Records of version 3 and MLDv2: type, auxiliary words, number of sources, group, sources. */
enum { IS_INCLUDE = 1, IS_EXCLUDE, TO_INCLUDE, TO_EXCLUDE, ALLOW, BLOCK };
#define REPORT_HEAD 8u

/* To answer in: a query about all groups, and one about a group that somebody left. */
#define QUERY_SECONDS 10u
#define LEFT_SECONDS 1u

/* Addresses ----------------------------------------------------------------- */

bool snoop_is_for_all(const uint8_t mac[MAC_LEN])
{
    static const uint8_t link_local[5] = { 1, 0, 0x5e, 0, 0 }; /* 224.0.0.0/24 */
    static const uint8_t all_nodes[6] = { 0x33, 0x33, 0, 0, 0, 1 };
    bool ipv4 = mac[0] == 1 && mac[1] == 0 && mac[2] == 0x5e && mac[3] < 0x80;
    bool ipv6 = mac[0] == 0x33 && mac[1] == 0x33;
    return (!ipv4 && !ipv6) || !memcmp(mac, link_local, sizeof link_local) ||
           !memcmp(mac, all_nodes, sizeof all_nodes);
}

static bool mac_of_ipv4(const uint8_t *group, uint8_t mac[MAC_LEN])
{
    const uint8_t made[MAC_LEN] = { 1, 0, 0x5e, group[1] & 0x7f, group[2], group[3] };
    memcpy(mac, made, MAC_LEN);
    return group[0] >> 4 == 0xe && !snoop_is_for_all(mac);
}

static bool mac_of_ipv6(const uint8_t *group, uint8_t mac[MAC_LEN])
{
    mac[0] = mac[1] = 0x33;
    memcpy(mac + 2, group + 12, 4);
    return group[0] == 0xff && (group[1] & 0xf) > 1 && !snoop_is_for_all(mac);
}

/* Reports --------------------------------------------------------------------- */

struct report {
    enum snoop_family family;
    snoop_want_fn *want;
    void *ctx;
};

static void tell(const struct report *r, const uint8_t *group, bool wanted)
{
    uint8_t mac[MAC_LEN];
    if (r->family == SNOOP_IPV4 ? mac_of_ipv4(group, mac) : mac_of_ipv6(group, mac))
        r->want(r->ctx, mac, group, wanted);
}

/* Whether it is wanted from anybody at all. */
static void tell_record(const struct report *r, const uint8_t *record, unsigned sources)
{
    uint8_t type = record[0];
    if (type == IS_EXCLUDE || type == TO_EXCLUDE || type == ALLOW)
        tell(r, record + 4, true);
    else if (type == IS_INCLUDE || type == TO_INCLUDE)
        tell(r, record + 4, sources);
}

/* All of them, or none where one reaches beyond the end. */
static bool tell_records(const struct report *r, const uint8_t *message, uint32_t length, bool call)
{
    uint32_t address = r->family == SNOOP_IPV4 ? 4 : 16, at = REPORT_HEAD;
    if (length < REPORT_HEAD)
        return false;
    for (unsigned n = load_be16(message + 6); n; n--) {
        if (length - at < 4 + address)
            return false;
        const uint8_t *record = message + at;
        uint32_t sources = load_be16(record + 2);
        uint32_t size = 4 + address * (1 + sources) + record[1] * 4u;
        if (size > length - at)
            return false;
        if (call)
            tell_record(r, record, sources);
        at += size;
    }
    return true;
}

static enum snoop_kind take_records(const struct report *r, const uint8_t *message, uint32_t length)
{
    if (!tell_records(r, message, length, false))
        return SNOOP_OTHER;
    tell_records(r, message, length, true);
    return SNOOP_REPORT;
}

/* IGMP --------------------------------------------------------------------------- */

static bool is_igmp(const uint8_t *ip, uint32_t length)
{
    return length >= IPV4_HEADER_MIN + IGMP_SHORT && ip[IPV4_VERSION_IHL] >> 4 == 4 &&
           ip[IPV4_PROTOCOL] == IGMP_PROTOCOL && !(load_be16(ip + IPV4_FRAGMENT) & 0x3fffu);
}

static enum snoop_kind take_igmp(const struct report *r, const uint8_t *igmp, uint32_t length)
{
    switch (igmp[0]) {
    case IGMP_QUERY:
        return SNOOP_QUERY;
    case IGMP_V1_REPORT:
    case IGMP_V2_REPORT:
    case IGMP_LEAVE:
        tell(r, igmp + 4, igmp[0] != IGMP_LEAVE);
        return SNOOP_REPORT;
    case IGMP_V3_REPORT:
        return take_records(r, igmp, length);
    default:
        return SNOOP_OTHER;
    }
}

static void parse_ipv4(struct snoop_message *m, const struct report *r, const uint8_t *ip,
                       uint32_t length)
{
    uint32_t header = ipv4_header_length(ip), total = load_be16(ip + IPV4_TOTAL_LENGTH);
    if (header < IPV4_HEADER_MIN || total < header + IGMP_SHORT || total > length ||
        !ipv4_checksum_ok(ip, header) ||
        checksum_finish(checksum_add(0, ip + header, total - header)))
        return;
    m->kind = take_igmp(r, ip + header, total - header);
    m->from_router = load_be32(ip + IPV4_SOURCE);
    m->general = !load_be32(ip + header + 4);
}

/* MLD ------------------------------------------------------------------------------- */

static bool is_mld(const uint8_t *ip, uint32_t length)
{
    const uint8_t *icmp = ip + IPV6_HEADER + IPV6_HOP_BY_HOP;
    return length >= IPV6_HEADER + IPV6_HOP_BY_HOP + REPORT_HEAD && ip[0] >> 4 == 6 &&
           !ip[IPV6_NEXT] && ip[IPV6_HEADER] == ICMPV6 && !ip[IPV6_HEADER + 1] &&
           ((icmp[0] >= MLD_QUERY && icmp[0] <= MLD_DONE) || icmp[0] == MLD_V2_REPORT);
}

/* RFC 8200 8.1: over addresses, length and next header too. */
static bool mld_checksum_ok(const uint8_t *ip, const uint8_t *icmp, uint32_t length)
{
    uint8_t rest[8] = { 0, 0, (uint8_t)(length >> 8), (uint8_t)length, 0, 0, 0, ICMPV6 };
    uint64_t sum = checksum_add(0, ip + IPV6_SOURCE, 32);
    sum = checksum_add(sum, rest, sizeof rest);
    return !checksum_finish(checksum_add(sum, icmp, length));
}

static bool is_zero(const uint8_t *bytes, unsigned n)
{
    while (n && !*bytes) {
        bytes++;
        n--;
    }
    return !n;
}

static enum snoop_kind take_mld(const struct report *r, const uint8_t *icmp, uint32_t length)
{
    if (icmp[0] == MLD_V2_REPORT)
        return take_records(r, icmp, length);
    if (length < MLD_SHORT)
        return SNOOP_OTHER;
    if (icmp[0] == MLD_QUERY)
        return SNOOP_QUERY;
    tell(r, icmp + 8, icmp[0] == MLD_REPORT);
    return SNOOP_REPORT;
}

static void parse_ipv6(struct snoop_message *m, const struct report *r, const uint8_t *ip,
                       uint32_t length)
{
    const uint8_t *icmp = ip + IPV6_HEADER + IPV6_HOP_BY_HOP;
    uint32_t payload = load_be16(ip + IPV6_LENGTH);
    if (payload < IPV6_HOP_BY_HOP + REPORT_HEAD || payload > length - IPV6_HEADER ||
        !mld_checksum_ok(ip, icmp, payload - IPV6_HOP_BY_HOP))
        return;
    m->kind = take_mld(r, icmp, payload - IPV6_HOP_BY_HOP);
    m->from_router = ip[IPV6_SOURCE] == 0xfe && (ip[IPV6_SOURCE + 1] & 0xc0) == 0x80;
    m->general = m->kind == SNOOP_QUERY && is_zero(icmp + 8, 16);
}

/* Frames ----------------------------------------------------------------------------- */

bool snoop_is_message(const uint8_t *frame, uint32_t length)
{
    const uint8_t *ip = frame + ETHERNET_HEADER;
    if (length < ETHERNET_HEADER)
        return false;
    if (ethernet_type(frame) == ETHERTYPE_IPV4)
        return is_igmp(ip, length - ETHERNET_HEADER);
    return ethernet_type(frame) == ETHERTYPE_IPV6 && is_mld(ip, length - ETHERNET_HEADER);
}

struct snoop_message snoop_parse(const uint8_t *frame, uint32_t length, snoop_want_fn *want,
                                 void *ctx)
{
    struct snoop_message m = { .kind = SNOOP_OTHER };
    if (!snoop_is_message(frame, length))
        return m;
    m.family = ethernet_type(frame) == ETHERTYPE_IPV4 ? SNOOP_IPV4 : SNOOP_IPV6;
    const struct report r = { m.family, want, ctx };
    if (m.family == SNOOP_IPV4)
        parse_ipv4(&m, &r, frame + ETHERNET_HEADER, length - ETHERNET_HEADER);
    else
        parse_ipv6(&m, &r, frame + ETHERNET_HEADER, length - ETHERNET_HEADER);
    return m;
}

/* Queries of our own: IGMPv2's and MLDv1's, which later hosts answer too ------------------- */

static void make_igmp(uint8_t *ip, const uint8_t *group)
{
    static const uint8_t begin[] = { 0x46, 0xc0, 0, 32, 0, 0, 0, 0, 1, IGMP_PROTOCOL };
    static const uint8_t behind_source[] = { 224, 0, 0, 1, 0x94, 4, 0, 0 }; /* a router alert */
    uint8_t *igmp = ip + 24;
    memcpy(ip, begin, sizeof begin);
    memcpy(ip + IPV4_DESTINATION, behind_source, sizeof behind_source);
    igmp[0] = IGMP_QUERY;
    igmp[1] = (group ? LEFT_SECONDS : QUERY_SECONDS) * 10;
    if (group) {
        memcpy(ip + IPV4_DESTINATION, group, 4);
        memcpy(igmp + 4, group, 4);
    }
    uint16_t sum = checksum_finish(checksum_add(0, igmp, IGMP_SHORT));
    memcpy(igmp + 2, &sum, sizeof sum);
    ipv4_checksum_set(ip);
}

/* From the link-local address of our MAC (RFC 4291 appendix A; unread). */
static void make_mld(uint8_t *ip, const uint8_t *group, const uint8_t mac[MAC_LEN])
{
    static const uint8_t alert[IPV6_HOP_BY_HOP] = { ICMPV6, 0, 5, 2, 0, 0, 1, 0 };
    uint8_t *source = ip + IPV6_SOURCE, *icmp = ip + IPV6_HEADER + IPV6_HOP_BY_HOP;
    ip[0] = 0x60;
    store_be16(ip + IPV6_LENGTH, IPV6_HOP_BY_HOP + MLD_SHORT);
    ip[7] = 1;
    store_be16(source, 0xfe80);
    memcpy(source + 8, mac, 3);
    source[8] ^= 2;
    store_be16(source + 11, 0xfffe);
    memcpy(source + 13, mac + 3, 3);
    store_be16(source + 16, 0xff02);
    source[31] = 1;
    memcpy(ip + IPV6_HEADER, alert, sizeof alert);
    icmp[0] = MLD_QUERY;
    store_be16(icmp + 4, (group ? LEFT_SECONDS : QUERY_SECONDS) * 1000);
    if (group) {
        memcpy(source + 16, group, SNOOP_ADDRESS);
        memcpy(icmp + 8, group, SNOOP_ADDRESS);
    }
    const uint8_t rest[8] = { 0, 0, 0, MLD_SHORT, 0, 0, 0, ICMPV6 };
    uint64_t sum = checksum_add(checksum_add(0, source, 32), rest, sizeof rest);
    uint16_t finished = checksum_finish(checksum_add(sum, icmp, MLD_SHORT));
    memcpy(icmp + 2, &finished, sizeof finished);
}

uint32_t snoop_make_query(uint8_t frame[SNOOP_QUERY_MAX], enum snoop_family family,
                          const uint8_t *group, const uint8_t source[MAC_LEN])
{
    uint8_t *ip = frame + ETHERNET_HEADER;
    memset(frame, 0, SNOOP_QUERY_MAX);
    memcpy(frame + ETHERNET_SOURCE, source, MAC_LEN);
    store_be16(frame + ETHERNET_TYPE, family == SNOOP_IPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
    if (family == SNOOP_IPV4) {
        make_igmp(ip, group);
        mac_of_ipv4(ip + IPV4_DESTINATION, frame);
        return FRAME_PADDED;
    }
    make_mld(ip, group, source);
    mac_of_ipv6(ip + IPV6_SOURCE + SNOOP_ADDRESS, frame);
    return ETHERNET_HEADER + IPV6_HEADER + IPV6_HOP_BY_HOP + MLD_SHORT;
}
