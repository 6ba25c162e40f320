/* virtio_net_model_pairs.c - several pairs of queues, the hash and its table; virtio 1.2 5.1.6.4.3,
 * 5.1.6.4.4, 5.1.6.5.5 to 5.1.6.5.7. */
#include "tests/models/igb_model.h"
#include "tests/models/virtio_net_core.h"

#include <string.h>

#define TYPES_KNOWN 0xffu /* what the configuration says */

/* Types as the igb model's hash knows them (MRQC), and the other way round: 5.1.6.4.4. */
static const struct {
    uint32_t type, mrqc;
    unsigned igb;
} kinds[] = {
    { 0x01, 0x00020000, 2 }, { 0x02, 0x00010000, 1 }, { 0x04, 0x00400000, 7 },
    { 0x08, 0x00100000, 5 }, { 0x10, 0x00200000, 3 }, { 0x20, 0x00800000, 8 },
};

/* *report: 0: not calculated. */
static uint32_t hash_of(const struct virtio_net_model *m, const uint8_t *frame, size_t n,
                        unsigned *report)
{
    uint32_t mrqc = 0;
    unsigned igb;
    for (unsigned i = 0; i < 6; i++)
        if (m->rss.types & kinds[i].type)
            mrqc |= kinds[i].mrqc;
    uint32_t hash = igb_model_rss_hash(m->rss.key, mrqc, frame, (uint32_t)n, &igb);
    *report = 0;
    for (unsigned i = 0; i < 6; i++)
        if (igb == kinds[i].igb)
            *report = i + 1;
    return hash;
}

/* Which bucket of `steered` a flow is in, by nothing but its addresses and ports. */
static unsigned bucket(const uint8_t *frame, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 26; i < n && i < 38; i++)
        sum += frame[i];
    return sum % 256;
}

void virtio_model_saw_flow(struct virtio_net_model *m, unsigned pair, const uint8_t *frame,
                           size_t n)
{
    m->steered[bucket(frame, n)] = (uint16_t)pair;
}

unsigned virtio_net_model_pair_of(struct virtio_net_model *m, const uint8_t *frame, size_t n)
{
    unsigned report;
    if (!m->rss.on)
        return m->steered[bucket(frame, n)] % m->pairs;
    uint32_t hash = hash_of(m, frame, n, &report);
    return report ? m->rss.table[hash & m->rss.mask] : m->rss.unclassified;
}

void virtio_model_hash_header(struct virtio_net_model *m, uint8_t *header, const uint8_t *frame,
                              size_t n)
{
    unsigned report;
    uint32_t hash = hash_of(m, frame, n, &report);
    memcpy(header + 12, &hash, 4);
    header[16] = (uint8_t)report;
}

static void check_enabled(struct virtio_net_model *m, unsigned pairs)
{
    for (unsigned i = 0; i < 2 * pairs; i++)
        if (!m->queue[i].enabled)
            virtio_model_violation(m, "pairs in use before they are set up (5.1.6.5.6.1)");
}

static bool set_pairs(struct virtio_net_model *m, unsigned pairs)
{
    if (!pairs || pairs > m->config.pairs) {
        virtio_model_violation(m, "virtqueue_pairs 0 or beyond the maximum (5.1.6.5.6.1)");
        return false;
    }
    check_enabled(m, pairs);
    m->pairs = pairs;
    return true;
}

static bool take_key(struct virtio_net_model *m, const uint8_t *at, size_t n)
{
    if (!n || at[0] != 40 || n != 41)
        return false;
    memcpy(m->rss.key, at + 1, 40);
    return true;
}

static void take_types(struct virtio_net_model *m, const uint8_t *data)
{
    memcpy(&m->rss.types, data, 4);
    if (m->rss.types & ~TYPES_KNOWN)
        virtio_model_violation(m, "hash types that the device does not have (5.1.6.5.7.1)");
}

static bool set_rss(struct virtio_net_model *m, const uint8_t *data, size_t n)
{
    uint16_t most = m->config.rss_table ? m->config.rss_table : 128, tx;
    if (n < 8)
        return false;
    take_types(m, data);
    memcpy(&m->rss.mask, data + 4, 2);
    memcpy(&m->rss.unclassified, data + 6, 2);
    unsigned entries = m->rss.mask + 1u;
    if ((entries & (entries - 1)) || entries > most || n < 10 + 2 * entries) {
        virtio_model_violation(m, "table not a power of 2, or too long (5.1.6.5.7.1)");
        return false;
    }
    memcpy(m->rss.table, data + 8, 2 * entries);
    memcpy(&tx, data + 8 + 2 * entries, 2);
    for (unsigned i = 0; i < entries; i++)
        if (m->rss.table[i] >= tx)
            virtio_model_violation(m, "table with a queue that is not enabled (5.1.6.5.7.1)");
    m->rss.on = set_pairs(m, tx) && take_key(m, data + 10 + 2 * entries, n - 10 - 2 * entries);
    return m->rss.on;
}

static bool set_hash(struct virtio_net_model *m, const uint8_t *data, size_t n)
{
    static const uint8_t zeros[8];
    if (n < 12 || memcmp(data + 4, zeros, 8))
        return false;
    take_types(m, data);
    return take_key(m, data + 12, n - 12);
}

bool virtio_model_pairs_command(struct virtio_net_model *m, uint8_t command, const uint8_t *data,
                                size_t n)
{
    uint16_t pairs;
    if (command == 0 && virtio_model_has(m, MODEL_F_MQ) && n == 2) {
        memcpy(&pairs, data, 2);
        m->rss.on = false;
        return set_pairs(m, pairs);
    }
    if (command == 1 && virtio_model_has(m, MODEL_F_RSS))
        return set_rss(m, data, n);
    return command == 2 && virtio_model_has(m, MODEL_F_HASH_REPORT) && set_hash(m, data, n);
}
