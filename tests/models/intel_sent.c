/* intel_sent.c - what a transmitter of Intel's does to a frame (intel_sent.h). */
#include "tests/models/intel_sent.h"

#include <stddef.h>
#include <string.h>

#define TCP_FLAGS_AT 13u
#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t sum16(uint32_t sum, const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i + 1 < n; i += 2)
        sum += get16(bytes + i);
    sum += n % 2 ? (uint32_t)bytes[n - 1] << 8 : 0;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

const char *intel_sent_sums(const struct intel_sent *s, uint8_t *bytes, uint32_t length)
{
    uint32_t l4 = s->mac + s->ip, at = l4 + (s->tcp ? 16 : 6);
    if (s->ip_sum) {
        if (!s->ip4 || s->ip < 20 || l4 > length)
            return "IP checksum of no IPv4 header";
        put16(bytes + s->mac + 10, 0);
        put16(bytes + s->mac + 10, ~sum16(0, bytes + s->mac, s->ip) & 0xffff);
    }
    if (!s->l4_sum)
        return NULL;
    if (at + 2 > length || !s->ip)
        return "transport checksum outside of the frame";
    uint32_t sum = ~sum16(0, bytes + l4, length - l4) & 0xffff;
    put16(bytes + at, sum || s->tcp ? sum : 0xffff);
    return NULL;
}

/* Headers of one piece: lengths, identification, sequence number, flags; the pseudo header's sum
 * that the driver left has no length in it. */
static void cut_headers(const struct intel_sent *s, uint8_t *bytes, uint32_t piece, uint32_t done,
                        uint32_t n, bool last)
{
    uint8_t *ip = bytes + s->mac, *tcp = ip + s->ip;
    uint32_t l4 = s->l4 + n, sum_at = s->tcp ? 16 : 6;
    if (s->ip4) {
        put16(ip + 2, s->ip + l4);
        put16(ip + 4, get16(ip + 4) + piece);
    } else {
        put16(ip + 4, s->ip - 40 + l4);
    }
    if (s->tcp) {
        uint32_t seq = get16(tcp + 4) << 16 | get16(tcp + 6);
        put16(tcp + 4, (seq + done) >> 16);
        put16(tcp + 6, seq + done);
        if (!last)
            tcp[TCP_FLAGS_AT] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
        if (piece)
            tcp[TCP_FLAGS_AT] &= (uint8_t)~TCP_CWR;
    } else {
        put16(tcp + 4, l4);
    }
    uint8_t pseudo[4];
    put16(pseudo, get16(tcp + sum_at));
    put16(pseudo + 2, l4);
    put16(tcp + sum_at, sum16(0, pseudo, 4));
}

const char *intel_sent_cut(const struct intel_sent *s, const uint8_t *bytes, uint32_t length,
                           void (*emit)(void *to, const uint8_t *bytes, uint32_t length), void *to)
{
    static uint8_t piece[INTEL_SENT_PIECE];
    uint32_t head = s->mac + s->ip + s->l4;
    if (!s->mss || head + s->mss > sizeof piece || head >= length)
        return "segmentation with wrong lengths";
    uint32_t payload = length - head;
    for (uint32_t done = 0, number = 0, n; done < payload; done += n, number++) {
        n = payload - done < s->mss ? payload - done : s->mss;
        memcpy(piece, bytes, head);
        memcpy(piece + head, bytes + head + done, n);
        cut_headers(s, piece, number, done, n, done + n == payload);
        emit(to, piece, head + n);
    }
    return NULL;
}
