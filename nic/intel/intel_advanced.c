/* intel_advanced.c - advanced descriptor rings of the 82576, I350, 82599 and X540, PF and VF
 * (intel_advanced.h).
 *
 * Documents: named in igb_regs.h and ixgbe_regs.h; receive unread: 82576 DS 7.1, 82599 DS 7.1;
 * transmit 7.2 of both.  Compared with QEMU's model of the 82576.
 *
 * Used: one buffer a descriptor, several descriptors a frame, frames received by fours and sent
 * by batches, VLAN insertion through a context, the verdict on IPv4 header checksums.  Not used:
 * header split, segmentation, checksum insertion, time stamps, head write-back. */
#include "nic/intel/intel_advanced.h"

#include "kernel/endian.h"
#include "kernel/mmio.h"
#include "kernel/random.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/igb/igb_regs.h"
#include "nic/intel/intel_device.h"
#include "nic/intel/ixgbe/ixgbe_regs.h"

#include <emmintrin.h>
#include <errno.h>
#include <string.h>

#define ENABLE_US (10 * US_PER_MS)
#define DISABLE_US (10 * US_PER_MS)
#define TX_BATCH 32u   /* frames: a part of the smallest ring */
#define SETTLE_US 100u /* what a disabled receive queue had begun lands: a few microseconds */

/* Registers ----------------------------------------------------------------- */

/* Waits until the queue says that it is on, or off; 0 or -ETIMEDOUT. */
static int queue_wait(uint8_t *block, const char *name, const char *reg, uint32_t wanted,
                      uint64_t limit_us)
{
    return intel_wait_at(LOG_ERROR, name, reg, block + ADV_Q_CTL, ADV_Q_CTL_ENABLE, wanted,
                         limit_us);
}

/* A queue is programmed while it is off, and after a reset the first is on (I210 DS 4.5.10, 8.10).
 * 0 or -ETIMEDOUT. */
static int queue_program(uint8_t *block, const char *name, const char *reg,
                         const struct dma_memory *ring, uint32_t descriptors)
{
    mmio_write32(block + ADV_Q_CTL, 0);
    int err = queue_wait(block, name, reg, 0, DISABLE_US);
    if (err)
        return err;
    intel_queue_program(block, ring, descriptors);
    return 0;
}

/* Echoes --------------------------------------------------------------------- */

/* Of the first 60 bytes on the wire, as if padded: that is all that padding changes. */
static uint64_t echo_hash(const struct packet *p)
{
    uint8_t head[FRAME_PADDED + VLAN_TAG] = { 0 };
    uint32_t n = p->frame_length < FRAME_PADDED ? p->frame_length : FRAME_PADDED;
    uint64_t hash = 0, word;
    packet_read(p, 0, head, n);
    if (p->flags & PACKET_VLAN) {
        memmove(head + ETHERNET_TYPE + VLAN_TAG, head + ETHERNET_TYPE, n - ETHERNET_TYPE);
        store_be16(head + ETHERNET_TYPE, ETHERTYPE_VLAN);
        store_be16(head + VLAN_TCI, p->vlan);
        memset(head + FRAME_PADDED, 0, VLAN_TAG);
    }
    for (unsigned i = 0; i < sizeof head; i += sizeof word) {
        memcpy(&word, head + i, sizeof word);
        hash = random_mix(hash ^ word);
    }
    return hash ? hash : 1;
}

static void echo_note(struct adv_echo *echo, const struct packet *p)
{
    uint64_t hash = echo_hash(p);
    store_relaxed(&echo->sent[hash % ADV_ECHO_SLOTS], hash);
}

/* Each once.  Whoever sends may be another worker: a slot that is taken between the two is one that
 * two frames shared. */
static bool echo_is(struct adv_echo *echo, const struct packet *p)
{
    uint64_t hash = echo_hash(p), *slot = &echo->sent[hash % ADV_ECHO_SLOTS];
    if (load_relaxed(slot) != hash)
        return false;
    store_relaxed(slot, 0);
    return true;
}

/* Paths ---------------------------------------------------------------------- */

static bool alone;

void adv_set_alone(bool on)
{
    alone = on;
}

static const char *rx_path(const struct adv_rxq *rx)
{
    return rx->echo ? "one descriptor at a time: looks for frames it sent itself"
           : load_relaxed(&rx->q.strip) ? "one descriptor at a time: tags are taken off"
           : rx->alone                  ? "one descriptor at a time: as a test wants it"
                                        : "four descriptors at a time";
}

static const char *tx_path(const struct adv_txq *tx)
{
    return tx->echo    ? "one frame at a time: notes what it sends, which may come back"
           : tx->alone ? "one frame at a time: as a test wants it"
                       : "batches of up to 32 frames";
}

const char *adv_path(const struct port_queue *queue)
{
    return queue->port->rxq[queue->index] == queue
               ? rx_path(container_of(queue, struct adv_rxq, q.queue))
               : tx_path(container_of(queue, struct adv_txq, q.queue));
}

void adv_rxq_init(struct adv_rxq *rx, struct port *port, uint16_t index,
                  const struct adv_format *format)
{
    *rx = (struct adv_rxq){ .format = format };
    intel_rxq_init(&rx->q, port, index, format->rx_burst[0]);
}

void adv_txq_init(struct adv_txq *tx, struct port *port, uint16_t index,
                  const struct adv_format *format)
{
    *tx = (struct adv_txq){ .format = format };
    intel_txq_init(&tx->q, port, index, format->tx_burst[0]);
}

/* Receive -------------------------------------------------------------------- */

/* unread: 82576 DS 7.1.11: IPE means something only together with IPCS.  Fragments, options and
 * tags do not matter (82575 SDM 5.5.1); of IPv4 in IPv6 it would be the inner header, which is not
 * what packet.h promises. */
static ALWAYS_INLINE uint8_t rx_checksum_flags(uint64_t info, uint64_t result, uint64_t ip_error)
{
    if (!(result & ADV_RXD_IPCS) || !(info & ADV_RXD_INFO_IPV4) || (info & ADV_RXD_INFO_IPV6))
        return 0;
    return result & ip_error ? PACKET_IP_CHECKSUM_BAD : PACKET_IP_CHECKSUM_GOOD;
}

/* The tag that was taken off.  The I350 swaps its bytes on what comes through its switch (as
 * Intel's drivers know). */
static uint16_t rx_tci(const struct adv_rxq *rx, uint64_t result)
{
    uint16_t tci = (uint16_t)FIELD_GET(ADV_RXD_TAG, result);
    return rx->swaps && (result & ADV_RXD_LB) ? __builtin_bswap16(tci) : tci;
}

/* Whether it is one that this function may see: what a VF did not join is its PF's secret, the
 * port VLAN that the administrator put it into. */
static bool rx_joined(const struct adv_rxq *rx, uint16_t tci)
{
    unsigned vid = tci & VLAN_TCI_VID;
    return !rx->joined || (load_relaxed(&rx->joined[vid / 32]) & 1u << vid % 32);
}

static bool rx_tagged(const struct adv_rxq *rx, uint64_t result)
{
    return unlikely(load_relaxed(&rx->q.tags)) && (result & ADV_RXD_VP) && !rx->q.frame.bad &&
           rx_joined(rx, rx_tci(rx, result));
}

/* The frame that is now complete, or NULL. */
static ALWAYS_INLINE struct packet *rx_complete(struct adv_rxq *rx, uint64_t info, uint64_t result,
                                                const struct adv_format *format, bool echoes)
{
    struct intel_rxq *q = &rx->q;
    bool tagged = rx_tagged(rx, result);
    if (tagged)
        intel_rx_tag(q, rx_tci(rx, result));
    if ((result & format->rx_error) || !port_frame_good(q->queue.port, &q->frame))
        return intel_rx_drop(q, &q->queue.errors);
    if (echoes && echo_is(rx->echo, q->frame.first))
        return intel_rx_drop(q, &rx->echo->dropped);
    if (tagged && !load_relaxed(&q->strip) && !intel_rx_untag(q))
        return intel_rx_drop(q, &q->queue.errors);
    return intel_rx_accept(q, rx_checksum_flags(info, result, format->rx_ip_error));
}

/* Of four descriptors from there on one of their words; each is read once, and not again, by an
 * instruction that the compiler neither repeats nor moves. */
static ALWAYS_INLINE void rx_load_four(const uint64_t *word, __m128i pair[2])
{
    for (unsigned i = 0; i < 2; i++, word += 4)
        pair[i] = _mm_castps_si128(_mm_loadh_pi(
            _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)word)), (const __m64 *)(word + 2)));
    __asm__ volatile("" : "+x"(pair[0]), "+x"(pair[1]));
}

/* Of four words the lower halves, or the upper ones. */
#define LOWER(pair) \
    _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps((pair)[0]), _mm_castsi128_ps((pair)[1]), 0x88))
#define UPPER(pair) \
    _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps((pair)[0]), _mm_castsi128_ps((pair)[1]), 0xdd))

static ALWAYS_INLINE __m128i four(uint64_t value)
{
    return _mm_set1_epi32((int)(uint32_t)value);
}

static ALWAYS_INLINE __m128i four_without(__m128i value, uint64_t bits)
{
    return _mm_cmpeq_epi32(_mm_and_si128(value, four(bits)), _mm_setzero_si128());
}

/* rx_checksum_flags() of four. */
static ALWAYS_INLINE __m128i rx_checksum_four(__m128i info, __m128i status,
                                              const struct adv_format *format)
{
    __m128i neither =
        _mm_or_si128(four_without(status, ADV_RXD_IPCS), four_without(info, ADV_RXD_INFO_IPV4));
    __m128i said = _mm_andnot_si128(neither, four_without(info, ADV_RXD_INFO_IPV6));
    __m128i good = four_without(status, format->rx_ip_error);
    __m128i flags = _mm_add_epi32(four(PACKET_IP_CHECKSUM_BAD), good);
    return _mm_and_si128(said, flags);
}

_Static_assert(PACKET_IP_CHECKSUM_BAD - 1 == PACKET_IP_CHECKSUM_GOOD, "good is -1 where it is");

/* A word of each of four packets: the lower half from one vector, the upper from the other. */
static ALWAYS_INLINE void rx_store_four(uint64_t *to[4], __m128i lower, __m128i upper)
{
    __m128i a = _mm_unpacklo_epi32(lower, upper), b = _mm_unpackhi_epi32(lower, upper);
    _mm_storel_epi64((__m128i *)to[0], a);
    _mm_storeh_pi((__m64 *)to[1], _mm_castsi128_ps(a));
    _mm_storel_epi64((__m128i *)to[2], b);
    _mm_storeh_pi((__m64 *)to[3], _mm_castsi128_ps(b));
}

/* Four descriptors, and the packets that belong to them.  Whether they are frames as rx_plain()
 * takes them, of at most `most` octets; their lengths are added to `sum`. */
static ALWAYS_INLINE bool rx_four(const struct intel_rx_desc *ring, struct packet *const *given,
                                  struct packet **packets, __m128i most, __m128i port,
                                  const struct adv_format *format, __m128i *sum)
{
    const uint64_t mask = ADV_RXD_DD | ADV_RXD_EOP | ADV_RXD_VP | format->rx_error;
    __m128i result[2], info[2];
    rx_load_four(&ring->result, result);
    __m128i status = LOWER(result), length = _mm_and_si128(UPPER(result), four(UINT16_MAX));
    __m128i wrong =
        _mm_xor_si128(_mm_and_si128(status, four(mask)), four(ADV_RXD_DD | ADV_RXD_EOP));
    wrong = _mm_or_si128(wrong, _mm_subs_epu16(length, most));
    wrong = _mm_or_si128(wrong, _mm_subs_epu16(four(FRAME_MIN), length));
    if (_mm_movemask_epi8(_mm_cmpeq_epi32(wrong, _mm_setzero_si128())) != UINT16_MAX)
        return false;
    dma_rmb(); /* done, before what else is told of them */
    rx_load_four(&ring->address, info);
    *sum = _mm_add_epi32(*sum, length);
    struct packet *a = given[0], *b = given[1], *c = given[2], *d = given[3];
    rx_store_four((uint64_t *[]){ (uint64_t *)&a->length, (uint64_t *)&b->length,
                                  (uint64_t *)&c->length, (uint64_t *)&d->length },
                  _mm_or_si128(length, port), length);
    rx_store_four((uint64_t *[]){ (uint64_t *)&a->flags, (uint64_t *)&b->flags,
                                  (uint64_t *)&c->flags, (uint64_t *)&d->flags },
                  rx_checksum_four(LOWER(info), status, format), four(PACKET_INTERFACE_NONE));
    __builtin_prefetch(a->data);
    __builtin_prefetch(b->data);
    __builtin_prefetch(c->data);
    __builtin_prefetch(d->data);
    packets[0] = a;
    packets[1] = b;
    packets[2] = c;
    packets[3] = d;
    return true;
}

/* Of plain frames (rx_plain()) those that come in whole fours of the ring. */
static ALWAYS_INLINE uint16_t rx_fours(struct intel_rxq *q, struct packet **packets, uint16_t n,
                                       uint32_t most, const struct adv_format *format)
{
    const struct intel_rx_desc *ring = q->ring;
    struct packet *const *given = q->packets;
    __m128i sum = _mm_setzero_si128(), port = four((uint32_t)q->queue.port->number << 16);
    uint32_t mask = q->mask, head = q->head, got = 0, lengths[4];
    for (; got + 4 <= n; got += 4) {
        uint32_t slot = (head + got) & mask;
        if (!rx_four(&ring[slot], &given[slot], &packets[got], four(most), port, format, &sum))
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
static ALWAYS_INLINE uint16_t rx_plain(struct intel_rxq *q, struct packet **packets, uint16_t n,
                                       const struct adv_format *format)
{
    const uint64_t mask = ADV_RXD_DD | ADV_RXD_EOP | ADV_RXD_VP | format->rx_error;
    uint32_t limit = port_frame_limit(q->queue.port), most = limit < q->room ? limit : q->room;
    uint32_t head = q->head, left = q->tail - head;
    uint64_t bytes = 0;
    uint16_t got = 0, number = q->queue.port->number;
    if (q->frame.first || q->frame.bad)
        return 0;
    n = left < n ? (uint16_t)left : n;
    if (head % 4 == 0) /* nothing goes round the ring's end */
        got = rx_fours(q, packets, n, most, format);
    for (head += got; got < n; head++) {
        uint32_t slot = head & q->mask;
        uint64_t result = load_relaxed(&q->ring[slot].result);
        uint32_t length = FIELD_GET(ADV_RXD_LENGTH, result);
        if ((result & mask) != (ADV_RXD_DD | ADV_RXD_EOP) || length - FRAME_MIN > most - FRAME_MIN)
            break;
        dma_rmb(); /* done, before what it tells of */
        struct packet *p = packets[got++] = q->packets[slot];
        __builtin_prefetch(p->data); /* read by whoever gets the burst */
        __builtin_prefetch(q->packets[(slot + 1) & q->mask]);
        p->length = (uint16_t)length;
        p->frame_length = length;
        packet_arrived(p, number);
        p->flags =
            rx_checksum_flags(load_relaxed(&q->ring[slot].address), result, format->rx_ip_error);
        bytes += length;
    }
    q->head = head;
    counter_add(&q->queue.packets, got);
    counter_add(&q->queue.bytes, bytes);
    return got;
}

/* Format and `echoes` are known when it is compiled, once for each: who has no echoes pays nothing
 * for them. */
static ALWAYS_INLINE uint16_t rx_burst(struct port_queue *queue, struct packet **packets,
                                       uint16_t n, const struct adv_format *format, bool echoes)
{
    struct adv_rxq *rx = container_of(queue, struct adv_rxq, q.queue);
    struct intel_rxq *q = &rx->q;
    uint64_t result;
    uint32_t slot;
    uint16_t got = 0;
    if (!load_relaxed(&rx->live))
        return 0;
    for (;;) {
        if (!echoes && !rx->alone && !load_relaxed(&q->strip))
            got += rx_plain(q, packets + got, n - got, format);
        if (got == n || !intel_rx_next(q, ADV_RXD_DD, &slot, &result))
            break;
        uint64_t info = load_relaxed(&q->ring[slot].address);
        bool end = result & ADV_RXD_EOP;
        intel_rx_append(q, slot, FIELD_GET(ADV_RXD_LENGTH, result), end);
        if (!end)
            continue;
        struct packet *p = rx_complete(rx, info, result, format, echoes);
        if (p)
            packets[got++] = p;
    }
    intel_rx_refill(q);
    return got;
}

static uint16_t igb_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return rx_burst(queue, packets, n, &adv_format_igb, false);
}

static uint16_t igb_rx_burst_echoes(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return rx_burst(queue, packets, n, &adv_format_igb, true);
}

static uint16_t ixgbe_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return rx_burst(queue, packets, n, &adv_format_ixgbe, false);
}

void adv_rxq_set_ctl(struct adv_rxq *rx, uint32_t ctl)
{
    rx->ctl = ctl;
    if (rx->live)
        mmio_write32(rx->block + ADV_Q_CTL, rx->format->rx_ctl | ctl | ADV_Q_CTL_ENABLE);
}

/* The chip writes up to 2 KiB where frames may be that long; else there is room for headroom.
 * unread: 82576 DS 4.5.9 (I210 DS 4.5.9): memory first, the queue on, then the tail: writes of it
 * before are ignored (82575 SDM 14.3.59). */
int adv_rxq_enable(struct adv_rxq *rx, const char *name, bool long_frames, bool drop)
{
    const struct adv_format *format = rx->format;
    rx->q.queue.burst = format->rx_burst[rx->echo && format->rx_burst[1]];
    rx->alone = alone;
    rx->q.tail_register = rx->block + INTEL_Q_TAIL;
    rx->q.room = long_frames ? PACKET_BUFFER_SIZE : PACKET_ROOM;
    int err = queue_program(rx->block, name, "RXDCTL", &rx->q.memory, rx->q.mask + 1);
    if (err)
        return err;
    mmio_write32(rx->block + format->srrctl,
                 FIELD_PUT(ADV_SRRCTL_BSIZE, PACKET_BUFFER_SIZE / 1024) |
                     FIELD_PUT(ADV_SRRCTL_TYPE, 1u) | (drop ? format->srrctl_drop : 0));
    mmio_write32(rx->block + ADV_Q_CTL, format->rx_ctl | rx->ctl | ADV_Q_CTL_ENABLE);
    err = queue_wait(rx->block, name, "RXDCTL", ADV_Q_CTL_ENABLE, ENABLE_US);
    if (err)
        return err;
    store_relaxed(&rx->live, true);
    intel_rx_refill(&rx->q);
    return 0;
}

int adv_rxq_disable(struct adv_rxq *rx, const char *name)
{
    store_relaxed(&rx->live, false);
    mmio_write32(rx->block + ADV_Q_CTL, rx->format->rx_ctl | rx->ctl);
    int err = queue_wait(rx->block, name, "RXDCTL", 0, DISABLE_US);
    task_delay_us(SETTLE_US);
    return err;
}

/* Transmit ------------------------------------------------------------------- */

static bool tx_needs_context(const struct adv_txq *tx, const struct packet *p)
{
    if (intel_tx_tagged(&tx->q, p))
        return p->vlan != tx->context;
    return unlikely(tx->check) && tx->context == ADV_NO_CONTEXT;
}

/* The tag is in a context that the chip keeps for the queue until there is another (82575 SDM
 * 5.6.2; unread: 82576 DS 7.2.2.2): told once, and again when it changes. */
static void tx_put_context(struct adv_txq *tx, uint16_t tci)
{
    struct intel_tx_desc *desc = intel_tx_next(&tx->q);
    desc->address = FIELD_PUT(ADV_TXC_VLAN, (uint64_t)tci) |
                    FIELD_PUT(ADV_TXC_MACLEN, (uint64_t)ETHERNET_HEADER);
    desc->command = ADV_TXD_CONTEXT | ADV_TXD_DEXT;
    tx->context = tci;
}

static void tx_put(struct adv_txq *tx, struct packet *first)
{
    uint32_t start = tx->q.tail & tx->q.mask;
    uint64_t every = ADV_TXD_DATA | ADV_TXD_DEXT | ADV_TXD_IFCS |
                     (intel_tx_tagged(&tx->q, first) ? ADV_TXD_VLE : 0) |
                     (unlikely(tx->check) ? ADV_TXD_CC : 0) |
                     FIELD_PUT(ADV_TXD_PAYLEN, (uint64_t)first->frame_length);
    if (tx_needs_context(tx, first))
        tx_put_context(tx, intel_tx_tagged(&tx->q, first) ? first->vlan : 0);
    for (const struct packet *p = first; p; p = p->next) {
        struct intel_tx_desc *desc = intel_tx_next(&tx->q);
        desc->address = packet_iova(p);
        desc->command = every | FIELD_PUT(ADV_TXD_LENGTH, (uint64_t)p->length) |
                        (p->next ? 0 : ADV_TXD_EOP | ADV_TXD_RS);
    }
    intel_tx_note(&tx->q, start, first);
}

/* What most frames are: one segment, long enough and not too long, with no tag beside it, and no
 * context to be told first.  Up to the first that is otherwise, or has no room.  They are a batch:
 * the chip says of the last that it is done (as it may be asked now and then only: FreeBSD's igb
 * and DPDK's ixgbe do; one that is done is done with those before it). */
static ALWAYS_INLINE uint16_t tx_plain(struct adv_txq *tx, struct packet **packets, uint16_t n)
{
    struct intel_txq *q = &tx->q;
    const uint64_t every =
        ADV_TXD_DATA | ADV_TXD_DEXT | ADV_TXD_IFCS | ADV_TXD_EOP | (tx->check ? ADV_TXD_CC : 0);
    const uint64_t lengths = FIELD_PUT(ADV_TXD_PAYLEN, 1ull) | FIELD_PUT(ADV_TXD_LENGTH, 1ull);
    uint32_t most = port_frame_limit(q->queue.port) - FRAME_PADDED;
    const uint32_t mask = q->mask, tail = q->tail, room = mask - (tail - q->head);
    struct intel_tx_desc *ring = q->ring, *desc = NULL;
    struct packet **slots = q->packets;
    uint64_t bytes = 0, command = 0;
    uint32_t taken = 0, limit = n < TX_BATCH ? n : TX_BATCH;
    if (tx->check && tx->context == ADV_NO_CONTEXT)
        return 0;
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
    desc->command = command | ADV_TXD_RS;
    q->ends[tail & mask] = tail + taken - 1;
    q->tail = tail + taken;
    counter_add(&q->queue.packets, taken);
    counter_add(&q->queue.bytes, bytes);
    return (uint16_t)taken;
}

static ALWAYS_INLINE uint16_t tx_burst(struct port_queue *queue, struct packet **packets,
                                       uint16_t n, bool echoes)
{
    struct adv_txq *tx = container_of(queue, struct adv_txq, q.queue);
    uint32_t before = tx->q.tail;
    uint16_t taken = 0;
    if (!load_relaxed(&tx->live))
        return 0;
    intel_tx_reclaim(&tx->q, ADV_TXD_DD);
    for (;; taken++) {
        if (!echoes && !tx->alone)
            taken += tx_plain(tx, packets + taken, n - taken);
        if (taken == n)
            break;
        struct packet *p = packets[taken];
        if (!intel_tx_check(&tx->q, p))
            continue;
        if (!intel_tx_fits(&tx->q, p, tx_needs_context(tx, p)))
            break;
        intel_tx_take(&tx->q, p);
        if (echoes)
            echo_note(tx->echo, p);
        tx_put(tx, p);
    }
    intel_tx_tell(&tx->q, before);
    return taken;
}

static uint16_t adv_tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return tx_burst(queue, packets, n, false);
}

static uint16_t adv_tx_burst_echoes(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return tx_burst(queue, packets, n, true);
}

int adv_txq_enable(struct adv_txq *tx, const char *name)
{
    tx->q.queue.burst = tx->format->tx_burst[tx->echo && tx->format->tx_burst[1]];
    tx->alone = alone;
    tx->context = ADV_NO_CONTEXT;
    tx->q.tail_register = tx->block + INTEL_Q_TAIL;
    int err = queue_program(tx->block, name, "TXDCTL", &tx->q.memory, tx->q.mask + 1);
    if (err)
        return err;
    mmio_write32(tx->block + ADV_Q_CTL, tx->format->tx_ctl | ADV_Q_CTL_ENABLE);
    err = queue_wait(tx->block, name, "TXDCTL", ADV_Q_CTL_ENABLE, ENABLE_US);
    store_relaxed(&tx->live, !err);
    return err;
}

int adv_txq_disable(struct adv_txq *tx, const char *name)
{
    store_relaxed(&tx->live, false);
    mmio_write32(tx->block + ADV_Q_CTL, tx->format->tx_ctl);
    return queue_wait(tx->block, name, "TXDCTL", 0, DISABLE_US);
}

/* Families ------------------------------------------------------------------- */

/* Descriptors are fetched and written back as they come: we poll, and would wait for what the
 * chip gathers.  One at a time is the most that the 82576 may gather (its specification update). */
const struct adv_format adv_format_igb = {
    .rx_error = IGB_RXD_RXE,
    .rx_ip_error = IGB_RXD_IPE,
    .srrctl = IGB_Q_SRRCTL,
    .srrctl_drop = IGB_SRRCTL_DROP,
    .rx_ctl = FIELD_PUT(IGB_Q_CTL_PTHRESH, 8u) | FIELD_PUT(IGB_Q_CTL_HTHRESH, 8u) |
              FIELD_PUT(IGB_Q_CTL_WTHRESH, 1u),
    .tx_ctl = FIELD_PUT(IGB_Q_CTL_PTHRESH, 8u) | FIELD_PUT(IGB_Q_CTL_HTHRESH, 1u),
    .rx_burst = { igb_rx_burst, igb_rx_burst_echoes },
    .tx_burst = { adv_tx_burst, adv_tx_burst_echoes },
};

/* RXDCTL has no thresholds; HTHRESH of TXDCTL is not to be 0 with PTHRESH (unread: 82599 DS
 * 7.2.3.4.1; Linux's ixgbe has the same two). */
const struct adv_format adv_format_ixgbe = {
    .rx_error = IXGBE_RXD_RXE,
    .rx_ip_error = IXGBE_RXD_IPE,
    .srrctl = IXGBE_Q_SRRCTL,
    .srrctl_drop = IXGBE_SRRCTL_DROP,
    .tx_ctl = FIELD_PUT(IXGBE_TXDCTL_PTHRESH, 32u) | FIELD_PUT(IXGBE_TXDCTL_HTHRESH, 1u),
    .rx_burst = { ixgbe_rx_burst },
    .tx_burst = { adv_tx_burst },
};
