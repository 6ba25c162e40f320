/* The compressed trie under any row of changes, some of them without memory, against a list
 * (apps/ip/trie.h); as IPv6 has it, with bunches and shortcuts, or alone. */
#include "apps/ip/fib6.h"
#include "apps/ip/shortcut6.h"
#include "tests/fuzz/harness.h"
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
static bool is_fib6;

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

static uint32_t value_for(const uint8_t *key)
{
    const struct prefix *p = longest(key, 8 * TRIE_KEY + 1);
    return p ? p->value : 0;
}

/* By the burst, too, where there are such for keys of that length. */
static void check(const uint8_t *key)
{
    uint8_t keys[2][TRIE_KEY];
    uint32_t found[2];
    if (trie_lookup(trie, key) != value_for(key) && !is_fib6)
        abort();
    if (!is_fib6)
        return;
    memcpy(keys, key, TRIE_KEY);
    memcpy(keys[1], key, TRIE_KEY);
    keys[1][5] ^= 1;
    fib6_lookup_burst((const uint8_t(*)[TRIE_KEY])keys, found, 2);
    if (found[0] != value_for(keys[0]) || found[1] != value_for(keys[1]) ||
        fib6_lookup(key) != found[0])
        abort();
}

static void trie_take_out(const uint8_t *key, unsigned length, unsigned cover_length,
                          uint32_t cover)
{
    trie_clear(trie, key, length, cover_length, cover);
}

static void take_out(struct prefix *p)
{
    p->value = 0;
    const struct prefix *cover = longest(p->key, p->length);
    (is_fib6 ? fib6_clear : trie_take_out)(p->key, p->length, cover ? cover->length : 0,
                                           cover ? cover->value : 0);
}

static int put_in(const uint8_t *key, unsigned length, uint32_t value)
{
    return is_fib6 ? fib6_set(key, length, value) : trie_set(trie, key, length, value);
}

/* Of a key of 16 octets nearly all are zero: what is said lies in the first and the last, or of
 * some neighbours in those in between. */
static void put(const uint8_t *data)
{
    uint8_t key[TRIE_KEY] = { data[0] & 3, data[1], data[2] & 0xc3 };
    unsigned length = data[4] % (8 * TRIE_KEY + 1);
    uint32_t value = data[5] & 1 ? 70000u + data[5] : data[5];
    struct prefix *p = &model[data[6] % PREFIXES];
    key[3] = data[3];
    key[TRIE_KEY - 1] = data[3];
    if (data[7] & 2) {
        const uint8_t near[TRIE_KEY] = { 0x20,    0,       0,       data[0] & 1,
                                         data[1], data[2], data[3], data[3] << 4 };
        memcpy(key, near, TRIE_KEY);
        length = 25 + data[4] % 56;
    }
    for (unsigned n = length; n < 8 * TRIE_KEY; n++)
        key[n / 8] &= (uint8_t) ~(0x80 >> n % 8);
    if (p->value)
        take_out(p);
    check(p->key);
    for (unsigned i = 0; i < PREFIXES; i++)
        if (model[i].value && model[i].length == length && !memcmp(model[i].key, key, TRIE_KEY))
            p = &model[i];
    host_set_table_room(data[7] & 1 ? 0 : SIZE_MAX);
    if (value && !put_in(key, length, value)) {
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
    static struct trie *alone;
    memset(model, 0, sizeof model);
    is_fib6 = size % 2;
    if (is_fib6)
        must(fib6_init() == 0);
    else
        alone = alone ? alone : calloc(1, sizeof *alone);
    trie = is_fib6 ? fib6 : alone;
    trie->dense = size % 8 < 4 ? 0 : TRIE_DENSE_MAX;
    for (; size >= 8; data += 8, size -= 8)
        put(data);
    for (unsigned i = 0; i < PREFIXES; i++)
        if (model[i].value) {
            check(model[i].key);
            take_out(&model[i]);
        }
    must(!trie->nodes && !trie->blocks.used && !trie->lines.used);
    must(!shortcut6.table || !shortcut6.table->count);
    if (is_fib6)
        fib6_shutdown();
    return 0;
}
