/* The compressed trie under any row of changes, some of them without memory, against a list
 * (apps/ip/trie.h). */
#include "apps/ip/trie.h"
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#define PREFIXES 64u

static struct prefix {
    uint8_t key[TRIE_KEY];
    unsigned length;
    uint32_t value; /* 0: not there */
} model[PREFIXES];
static struct trie *trie;

static bool covers(const struct prefix *p, const uint8_t *key)
{
    unsigned octets = p->length / 8, bits = p->length % 8;
    return !memcmp(p->key, key, octets) &&
           (!bits || !((p->key[octets] ^ key[octets]) >> (8 - bits)));
}

static const struct prefix *longest(const uint8_t *key, unsigned shorter_than)
{
    const struct prefix *best = NULL;
    for (unsigned i = 0; i < PREFIXES; i++)
        if (model[i].value && model[i].length < shorter_than && covers(&model[i], key) &&
            (!best || model[i].length > best->length))
            best = &model[i];
    return best;
}

static void check(const uint8_t *key)
{
    const struct prefix *p = longest(key, 8 * TRIE_KEY + 1);
    if (trie_lookup(trie, key) != (p ? p->value : 0))
        abort();
}

static void take_out(struct prefix *p)
{
    p->value = 0;
    const struct prefix *cover = longest(p->key, p->length);
    trie_clear(trie, p->key, p->length, cover ? cover->length : 0, cover ? cover->value : 0);
}

/* Of a key of 16 octets nearly all are zero: what is said lies in the first and the last. */
static void put(const uint8_t *data)
{
    uint8_t key[TRIE_KEY] = { data[0] & 3, data[1], data[2] & 0xc3 };
    unsigned length = data[4] % (8 * TRIE_KEY + 1);
    uint32_t value = data[5] & 1 ? 70000u + data[5] : data[5];
    struct prefix *p = &model[data[6] % PREFIXES];
    key[3] = data[3];
    key[TRIE_KEY - 1] = data[3];
    for (unsigned n = length; n < 8 * TRIE_KEY; n++)
        key[n / 8] &= (uint8_t) ~(0x80 >> n % 8);
    if (p->value)
        take_out(p);
    check(p->key);
    for (unsigned i = 0; i < PREFIXES; i++)
        if (model[i].value && model[i].length == length && !memcmp(model[i].key, key, TRIE_KEY))
            p = &model[i];
    host_set_table_room(data[7] & 1 ? 0 : SIZE_MAX);
    if (value && !trie_set(trie, key, length, value)) {
        memcpy(p->key, key, TRIE_KEY);
        p->length = length;
        p->value = value;
    }
    host_set_table_room(SIZE_MAX);
    check(key);
    key[TRIE_KEY - 1] ^= data[7];
    check(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(model, 0, sizeof model);
    trie = trie ? trie : calloc(1, sizeof *trie);
    trie->dense = size % 8 < 4 ? 0 : TRIE_DENSE_MAX;
    trie->tails = size % 2;
    for (; size >= 8; data += 8, size -= 8)
        put(data);
    for (unsigned i = 0; i < PREFIXES; i++)
        if (model[i].value) {
            check(model[i].key);
            take_out(&model[i]);
        }
    if (trie->nodes || trie->blocks.used)
        abort();
    return 0;
}
