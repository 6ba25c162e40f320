/* intel_burst.h - the bursts of intel_ring.h's queues: loops that are the same whatever descriptors
 * say, for the one file of each format that compiles them (e1000_ring.c, intel_advanced.c,
 * i40e_ring.c).
 *
 * What descriptors say is a constant of that file, of which masks and shifts are compiled into the
 * loops.  Frames that are plain (whole in one buffer, no tag, no error) have loops of their own:
 * received by fours, with SSE2, which every x86-64 has; sent in batches, whose last descriptor
 * alone is asked about.  The others are taken one at a time between them, by the file's
 * functions, and all are where intel_path() says so.  (With AVX2 eight at a time took 4
 * instructions a frame less than by fours, of 98 in both directions, and no less time:
 * docs/performance.md.) */
#pragma once

#include "nic/intel/intel_ring.h"

#include <emmintrin.h>

#define INTEL_TX_BATCH 32u /* frames: a part of the smallest ring */

/* Where something is in a receive descriptor that came back: in its second word (`result`), or in
 * the first, `info`. */
struct intel_field {
    bool result;
    uint64_t mask; /* 0: it is not there */
};

/* Of receive descriptors; masks without a word's name are of the second word, and all but `tag` and
 * `length` in the same half of it. */
struct intel_rx_format {
    bool wide;                /* a descriptor may have four words (intel_rxq) */
    bool fcs;                 /* frames may come with theirs (intel_rxq) */
    uint64_t done, end;       /* it came back; it is its frame's last */
    uint64_t tagged, error;   /* a tag was taken off; the MAC found the frame bad */
    uint64_t checked, looked; /* of these bits those are set: */
    uint64_t ip_error;        /* the IPv4 header's checksum was looked at, and it is wrong */
    struct intel_field kind;  /* of packet; from first to last the outermost header is IPv4 */
    uint8_t kind_first, kind_last;
    uint64_t hashed;          /* all set: there is a hash */
    struct intel_field length, tag, hash;
};

/* Of transmit descriptors. */
struct intel_tx_format {
    uint64_t done;   /* all set: the device is done with it, and all before it */
    uint64_t report; /* it is to say so */
    uint64_t length; /* bytes of the segment, */
    uint64_t whole;  /* and of the frame, or the same */
};

/* Receive -------------------------------------------------------------------- */

/* Pairs of words a descriptor. */
static ALWAYS_INLINE uint32_t intel_rx_step(const struct intel_rxq *q,
                                            const struct intel_rx_format *f)
{
    return f->wide && q->wide ? 2 : 1;
}

static ALWAYS_INLINE uint64_t intel_field_get(struct intel_field f, uint64_t info, uint64_t result)
{
    return f.mask ? FIELD_GET(f.mask, f.result ? result : info) : 0;
}

static ALWAYS_INLINE uint64_t intel_rx_good_mask(const struct intel_rx_format *f)
{
    return f->done | f->end | f->tagged | f->error;
}

/* What else there is to say of a frame: PACKET_* */
static ALWAYS_INLINE uint8_t intel_rx_flags(const struct intel_rx_format *f, uint64_t info,
                                            uint64_t result)
{
    uint64_t kind = intel_field_get(f->kind, info, result);
    uint8_t flags = 0;
    if ((result & f->checked) == f->looked &&
        kind - f->kind_first <= (uint64_t)(f->kind_last - f->kind_first))
        flags = result & f->ip_error ? PACKET_IP_CHECKSUM_BAD : PACKET_IP_CHECKSUM_GOOD;
    if (f->hashed && (result & f->hashed) == f->hashed)
        flags |= PACKET_HASH;
    return flags;
}

/* Of four descriptors from there on one of their words; each is read once, and not again, by an
 * instruction that the compiler neither repeats nor moves. */
static ALWAYS_INLINE void intel_load_four(const uint64_t *word, uint32_t step, __m128i pair[2])
{
    for (unsigned i = 0; i < 2; i++, word += 4 * step)
        pair[i] = _mm_castps_si128(
            _mm_loadh_pi(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)word)),
                         (const __m64 *)(word + 2 * step)));
    __asm__ volatile("" : "+x"(pair[0]), "+x"(pair[1]));
}

/* Of four words the lower halves, or the upper ones. */
static ALWAYS_INLINE __m128i intel_four_lower(const __m128i pair[2])
{
    return _mm_castps_si128(
        _mm_shuffle_ps(_mm_castsi128_ps(pair[0]), _mm_castsi128_ps(pair[1]), 0x88));
}

static ALWAYS_INLINE __m128i intel_four_upper(const __m128i pair[2])
{
    return _mm_castps_si128(
        _mm_shuffle_ps(_mm_castsi128_ps(pair[0]), _mm_castsi128_ps(pair[1]), 0xdd));
}

static ALWAYS_INLINE bool intel_is_upper(uint64_t mask)
{
    return !(uint32_t)mask;
}

static ALWAYS_INLINE __m128i intel_four_half(const __m128i pair[2], bool upper)
{
    return upper ? intel_four_upper(pair) : intel_four_lower(pair);
}

static ALWAYS_INLINE __m128i intel_four(uint64_t value)
{
    return _mm_set1_epi32((int)(uint32_t)value);
}

/* The same of masks that lie in one half. */
static ALWAYS_INLINE __m128i intel_four_mask(uint64_t mask)
{
    return intel_four(intel_is_upper(mask) ? mask >> 32 : mask);
}

static ALWAYS_INLINE __m128i intel_four_with(__m128i value, uint64_t mask, uint64_t bits)
{
    return _mm_cmpeq_epi32(_mm_and_si128(value, intel_four_mask(mask)), intel_four_mask(bits));
}

/* A field of each, of which the lowest bit is *unit: where it lies, if that is within 16 bits,
 * which is enough to compare by, else shifted down. */
static ALWAYS_INLINE __m128i intel_four_get(const __m128i pair[2], uint64_t mask, uint64_t *unit)
{
    uint64_t lowest = mask & -mask;
    unsigned shift = (unsigned)__builtin_ctzll(mask), top = 63u - (unsigned)__builtin_clzll(mask);
    if (shift / 16 != top / 16) {
        const __m128i down[2] = { _mm_srli_epi64(pair[0], (int)shift),
                                  _mm_srli_epi64(pair[1], (int)shift) };
        *unit = 1;
        return _mm_and_si128(intel_four_lower(down), intel_four(mask / lowest));
    }
    *unit = intel_is_upper(mask) ? lowest >> 32 : lowest;
    return _mm_and_si128(intel_four_half(pair, intel_is_upper(mask)), intel_four_mask(mask));
}

/* A length each: of no more than 16 bits. */
static ALWAYS_INLINE __m128i intel_four_length(const __m128i pair[2], uint64_t mask)
{
    uint64_t unit;
    __m128i value = intel_four_get(pair, mask, &unit);
    return unit == 1 ? value : _mm_srli_epi32(value, __builtin_ctzll(unit));
}

/* intel_rx_flags() of four. */
static ALWAYS_INLINE __m128i intel_rx_flags_four(const struct intel_rx_format *f,
                                                 const __m128i info[2], const __m128i result[2],
                                                 __m128i status)
{
    __m128i flags = _mm_add_epi32(intel_four(PACKET_IP_CHECKSUM_BAD),
                                  intel_four_with(status, f->ip_error, 0));
    flags = _mm_and_si128(flags, intel_four_with(status, f->checked, f->looked));
    if (f->kind.mask) {
        uint64_t unit, span = (uint64_t)(f->kind_last - f->kind_first);
        __m128i kind = intel_four_get(f->kind.result ? result : info, f->kind.mask, &unit);
        kind = _mm_sub_epi32(kind, intel_four(f->kind_first * unit));
        kind = _mm_subs_epu16(kind, intel_four(span * unit));
        flags = _mm_and_si128(flags, _mm_cmpeq_epi32(kind, _mm_setzero_si128()));
    }
    if (f->hashed)
        flags = _mm_or_si128(flags, _mm_and_si128(intel_four_with(status, f->hashed, f->hashed),
                                                  intel_four(PACKET_HASH)));
    return flags;
}

_Static_assert(PACKET_IP_CHECKSUM_BAD - 1 == PACKET_IP_CHECKSUM_GOOD, "good is -1 where it is");

/* A word of each of four packets: the lower half from one vector, the upper from the other. */
static ALWAYS_INLINE void intel_store_four(uint64_t *to[4], __m128i lower, __m128i upper)
{
    __m128i a = _mm_unpacklo_epi32(lower, upper), b = _mm_unpackhi_epi32(lower, upper);
    _mm_storel_epi64((__m128i *)to[0], a);
    _mm_storeh_pi((__m64 *)to[1], _mm_castsi128_ps(a));
    _mm_storel_epi64((__m128i *)to[2], b);
    _mm_storeh_pi((__m64 *)to[3], _mm_castsi128_ps(b));
}

/* Flags, interface and port, and hash of four packets. */
static ALWAYS_INLINE void intel_store_about(struct packet *const p[4], __m128i flags, __m128i port,
                                            __m128i hash)
{
    const __m128i zero = _mm_setzero_si128();
    __m128i a = _mm_unpacklo_epi32(flags, port), b = _mm_unpackhi_epi32(flags, port);
    __m128i c = _mm_unpacklo_epi32(hash, zero), d = _mm_unpackhi_epi32(hash, zero);
    _mm_store_si128((__m128i *)&p[0]->flags, _mm_unpacklo_epi64(a, c));
    _mm_store_si128((__m128i *)&p[1]->flags, _mm_unpackhi_epi64(a, c));
    _mm_store_si128((__m128i *)&p[2]->flags, _mm_unpacklo_epi64(b, d));
    _mm_store_si128((__m128i *)&p[3]->flags, _mm_unpackhi_epi64(b, d));
}

/* What a burst of plain frames is held to. */
struct intel_plain {
    uint32_t most, fcs; /* octets of a frame; what of the buffer is its FCS */
    uint32_t step;
    uint16_t port;
};

static ALWAYS_INLINE bool intel_four_none(__m128i wrong)
{
    return _mm_movemask_epi8(_mm_cmpeq_epi32(wrong, _mm_setzero_si128())) == UINT16_MAX;
}

/* What is wrong about a length, which it may have run out of; nothing: 0. */
static ALWAYS_INLINE __m128i intel_length_wrong(__m128i length, uint32_t most)
{
    return _mm_or_si128(_mm_subs_epu16(length, intel_four(most)),
                        _mm_subs_epu16(intel_four(FRAME_MIN), length));
}

static ALWAYS_INLINE __m128i intel_frame_length(const struct intel_rx_format *f,
                                                const __m128i pair[2],
                                                const struct intel_plain *plain)
{
    __m128i length = intel_four_length(pair, f->length.mask);
    return f->fcs ? _mm_sub_epi32(length, intel_four(plain->fcs)) : length;
}

/* Four descriptors, and the packets that belong to them.  Whether they are frames as
 * intel_rx_plain() takes them; their lengths are added to `sum`. */
static ALWAYS_INLINE bool intel_rx_four(const struct intel_rx_desc *ring,
                                        struct packet *const *given, struct packet **packets,
                                        const struct intel_plain *plain,
                                        const struct intel_rx_format *f, __m128i *sum)
{
    const uint64_t mask = intel_rx_good_mask(f);
    __m128i result[2], info[2], length = _mm_setzero_si128();
    intel_load_four(&ring->result, plain->step, result);
    __m128i status = intel_four_half(result, intel_is_upper(mask));
    __m128i wrong = _mm_xor_si128(_mm_and_si128(status, intel_four_mask(mask)),
                                  intel_four_mask(f->done | f->end));
    if (f->length.result) {
        length = intel_frame_length(f, result, plain);
        wrong = _mm_or_si128(wrong, intel_length_wrong(length, plain->most));
    }
    if (!intel_four_none(wrong))
        return false;
    dma_rmb(); /* done, before what else is told of them */
    intel_load_four(&ring->address, plain->step, info);
    if (!f->length.result) {
        length = intel_frame_length(f, info, plain);
        if (!intel_four_none(intel_length_wrong(length, plain->most)))
            return false;
    }
    *sum = _mm_add_epi32(*sum, length);
    struct packet *const p[4] = { given[0], given[1], given[2], given[3] };
    intel_store_four((uint64_t *[]){ (uint64_t *)&p[0]->length, (uint64_t *)&p[1]->length,
                                     (uint64_t *)&p[2]->length, (uint64_t *)&p[3]->length },
                     length, length);
    __m128i flags = intel_rx_flags_four(f, info, result, status);
    __m128i port = intel_four((uint32_t)plain->port << 16 | PACKET_INTERFACE_NONE);
    if (f->hash.mask)
        intel_store_about(p, flags, port,
                          intel_four_half(f->hash.result ? result : info,
                                          intel_is_upper(f->hash.mask)));
    else
        intel_store_four((uint64_t *[]){ (uint64_t *)&p[0]->flags, (uint64_t *)&p[1]->flags,
                                         (uint64_t *)&p[2]->flags, (uint64_t *)&p[3]->flags },
                         flags, port);
    __builtin_prefetch(p[0]->data); /* read by whoever gets the burst */
    __builtin_prefetch(p[1]->data);
    __builtin_prefetch(p[2]->data);
    __builtin_prefetch(p[3]->data);
    packets[0] = p[0];
    packets[1] = p[1];
    packets[2] = p[2];
    packets[3] = p[3];
    return true;
}

/* Of plain frames (intel_rx_plain()) those that come in whole fours of the ring. */
static ALWAYS_INLINE uint16_t intel_rx_fours(struct intel_rxq *q, struct packet **packets,
                                             uint16_t n, const struct intel_plain *plain,
                                             const struct intel_rx_format *f)
{
    const struct intel_rx_desc *ring = q->ring;
    struct packet *const *given = q->packets;
    __m128i sum = _mm_setzero_si128();
    uint32_t mask = q->mask, head = q->head, got = 0, lengths[4];
    for (; got + 4 <= n; got += 4) {
        uint32_t slot = (head + got) & mask;
        if (!intel_rx_four(&ring[slot * plain->step], &given[slot], &packets[got], plain, f, &sum))
            break;
        struct packet *const *behind = &given[(slot + 4) & mask];
        __builtin_prefetch(behind[0]);
        __builtin_prefetch(behind[1]);
        __builtin_prefetch(behind[2]);
        __builtin_prefetch(behind[3]);
    }
    memcpy(lengths, &sum, sizeof sum);
    counter_add(&q->queue.bytes, (uint64_t)lengths[0] + lengths[1] + lengths[2] + lengths[3]);
    return (uint16_t)got;
}

/* What most frames are: whole in one buffer, without a tag of interest, not bad.  Up to the first
 * that is otherwise, or is not there yet.  A frame under way, and tags, are the other loop's. */
static ALWAYS_INLINE uint16_t intel_rx_plain(struct intel_rxq *q, struct packet **packets,
                                             uint16_t n, const struct intel_rx_format *f)
{
    struct intel_plain plain = { .most = port_frame_limit(q->queue.port),
                                 .step = intel_rx_step(q, f),
                                 .port = q->queue.port->number,
                                 .fcs = f->fcs && q->keeps_fcs ? ETHERNET_FCS : 0 };
    uint32_t head = q->head, left = q->tail - head;
    uint64_t bytes = 0;
    uint16_t got = 0;
    if (q->frame.first || q->frame.bad)
        return 0;
    if (plain.most > q->room - plain.fcs)
        plain.most = q->room - plain.fcs;
    n = left < n ? (uint16_t)left : n;
    if (head % 4 == 0) /* nothing goes round the ring's end */
        got = intel_rx_fours(q, packets, n, &plain, f);
    for (head += got; got < n; head++) {
        uint32_t slot = head & q->mask;
        uint64_t result = load_relaxed(&q->ring[slot * plain.step].result);
        if ((result & intel_rx_good_mask(f)) != (f->done | f->end))
            break;
        dma_rmb(); /* done, before what it tells of */
        uint64_t info = load_relaxed(&q->ring[slot * plain.step].address);
        uint32_t length = (uint32_t)intel_field_get(f->length, info, result) - plain.fcs;
        if (length - FRAME_MIN > plain.most - FRAME_MIN)
            break;
        struct packet *p = packets[got++] = q->packets[slot];
        __builtin_prefetch(p->data); /* read by whoever gets the burst */
        __builtin_prefetch(q->packets[(slot + 1) & q->mask]);
        p->length = (uint16_t)length;
        p->frame_length = length;
        packet_arrived(p, plain.port);
        p->flags = intel_rx_flags(f, info, result);
        if (f->hash.mask)
            p->hash = (uint32_t)intel_field_get(f->hash, info, result);
        bytes += length;
    }
    q->head = head;
    counter_add(&q->queue.packets, got);
    counter_add(&q->queue.bytes, bytes);
    return got;
}

/* Whether the frame under way, which has its end, is one. */
static ALWAYS_INLINE bool intel_rx_is_good(const struct intel_rxq *q,
                                           const struct intel_rx_format *f, uint64_t result)
{
    return !(result & f->error) && port_frame_good(q->queue.port, &q->frame);
}

/* It is complete, with the tag that was taken off beside it (`tagged`): the packet, or NULL. */
static ALWAYS_INLINE struct packet *intel_rx_finish(struct intel_rxq *q,
                                                    const struct intel_rx_format *f, uint64_t info,
                                                    uint64_t result, bool tagged)
{
    if (!intel_rx_is_good(q, f, result) ||
        (tagged && !load_relaxed(&q->strip) && !intel_rx_untag(q)))
        return intel_rx_drop(q, &q->queue.errors);
    struct packet *p = intel_rx_accept(q, intel_rx_flags(f, info, result));
    if (f->hash.mask)
        p->hash = (uint32_t)intel_field_get(f->hash, info, result);
    return p;
}

/* The frame that is now complete, or NULL. */
static ALWAYS_INLINE struct packet *intel_rx_complete(struct intel_rxq *q,
                                                      const struct intel_rx_format *f,
                                                      uint64_t info, uint64_t result)
{
    bool tagged = unlikely(load_relaxed(&q->tags)) && (result & f->tagged) && !q->frame.bad;
    if (tagged)
        intel_rx_tag(q, (uint16_t)intel_field_get(f->tag, info, result));
    return intel_rx_finish(q, f, info, result, tagged);
}

/* The next descriptor comes back with `done`.  While buffers lack each call tries to get some. */
static ALWAYS_INLINE void intel_rx_watch(struct intel_rxq *q, uint32_t step, uint64_t done,
                                         bool filled)
{
    const uint32_t *halves = (const uint32_t *)&q->ring[(q->head & q->mask) * step].result;
    bool upper = intel_is_upper(done);
    q->queue.watch = (struct port_watch){ .word = filled ? &halves[upper] : NULL,
                                          .mask = (uint32_t)(upper ? done >> 32 : done) };
}

/* `complete` is the file's: the frame that ends with this descriptor, or NULL.  plain: the loops
 * for plain frames may be used. */
static ALWAYS_INLINE uint16_t
intel_rx_burst(struct intel_rxq *q, struct packet **packets, uint16_t n,
               const struct intel_rx_format *f,
               struct packet *complete(struct intel_rxq *, uint64_t, uint64_t), bool plain)
{
    const uint32_t step = intel_rx_step(q, f);
    uint64_t result;
    uint32_t slot;
    uint16_t got = 0;
    for (;;) {
        if (plain && !q->alone && !load_relaxed(&q->strip))
            got += intel_rx_plain(q, packets + got, n - got, f);
        if (got == n || !intel_rx_next(q, step, f->done, &slot, &result))
            break;
        uint64_t info = load_relaxed(&q->ring[slot * step].address);
        uint32_t length = (uint32_t)intel_field_get(f->length, info, result);
        bool end = result & f->end;
        if (f->fcs && end && q->keeps_fcs)
            length = intel_rx_cut_fcs(q, length);
        intel_rx_append(q, slot, length, end);
        struct packet *p = end ? complete(q, info, result) : NULL;
        if (p)
            packets[got++] = p;
    }
    intel_rx_watch(q, step, f->done, intel_rx_refill(q));
    return got;
}

/* Transmit ------------------------------------------------------------------- */

/* What most frames are: one segment, long enough and not too long, with no tag beside it.  Up to
 * the first that is otherwise, or has no room.  They are a batch: the device says of the last that
 * it is done (as it may be asked now and then only: FreeBSD's igb does, and DPDK's em, ixgbe and
 * i40e; one that is done is done with those before it).  every: of a descriptor, but for
 * `report`. */
static ALWAYS_INLINE uint16_t intel_tx_plain(struct intel_txq *q, struct packet **packets,
                                             uint16_t n, const struct intel_tx_format *f,
                                             uint64_t every)
{
    const uint64_t lengths = FIELD_PUT(f->length, 1ull) | FIELD_PUT(f->whole, 1ull);
    uint32_t most = port_frame_limit(q->queue.port) - FRAME_PADDED;
    const uint32_t mask = q->mask, tail = q->tail, room = mask - (tail - q->head);
    struct intel_tx_desc *ring = q->ring, *desc = NULL;
    struct packet **slots = q->packets;
    uint64_t bytes = 0, command = 0;
    uint32_t taken = 0, limit = n < INTEL_TX_BATCH ? n : INTEL_TX_BATCH;
    for (limit = room < limit ? room : limit; taken < limit; taken++) {
        struct packet *p = packets[taken];
        uint32_t slot = (tail + taken) & mask;
        uint64_t length = p->frame_length;
        if (p->next || (p->flags & PACKET_VLAN) || length - FRAME_PADDED > most)
            break;
        desc = &ring[slot];
        desc->address = packet_iova(p);
        desc->command = command = every | length * lengths;
        slots[slot] = p;
        bytes += length;
    }
    if (!taken)
        return 0;
    desc->command = command | f->report;
    q->ends[tail & mask] = tail + taken - 1;
    q->tail = tail + taken;
    counter_add(&q->queue.packets, taken);
    counter_add(&q->queue.bytes, bytes);
    return (uint16_t)taken;
}

/* A frame of any kind, a batch of its own: every and last: of all its descriptors, and of the last.
 */
static ALWAYS_INLINE void intel_tx_put(struct intel_txq *q, uint32_t start, struct packet *first,
                                       const struct intel_tx_format *f, uint64_t every,
                                       uint64_t last)
{
    if (f->whole != f->length)
        every |= FIELD_PUT(f->whole, (uint64_t)first->frame_length);
    for (const struct packet *p = first; p; p = p->next) {
        struct intel_tx_desc *desc = intel_tx_next(q);
        desc->address = packet_iova(p);
        desc->command = every | FIELD_PUT(f->length, (uint64_t)p->length) |
                        (p->next ? 0 : last | f->report);
    }
    intel_tx_note(q, start & q->mask, first);
}

/* `send` is the file's: puts any frame into the ring, or it is gone and counted; false: there is no
 * room.  plain: the loop for plain frames may be used; every: as there. */
static ALWAYS_INLINE uint16_t intel_tx_burst(struct intel_txq *q, struct packet **packets,
                                             uint16_t n, const struct intel_tx_format *f,
                                             uint64_t every,
                                             bool send(struct intel_txq *, struct packet *),
                                             bool plain)
{
    uint32_t before = q->tail;
    uint16_t taken = 0;
    intel_tx_reclaim(q, f->done);
    for (;; taken++) {
        if (plain && !q->alone)
            taken += intel_tx_plain(q, packets + taken, n - taken, f, every);
        if (taken == n || !send(q, packets[taken]))
            break;
    }
    intel_tx_tell(q, before);
    return taken;
}
