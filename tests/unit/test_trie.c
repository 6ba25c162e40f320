/* The compressed trie against the plainest model of longest match: a list that is searched from
 * end to end (RFC 1812 5.2.4.3: the longest prefix wins), with keys of 4 and of 16 octets. */
#include "apps/forward/forward.h"
#include "apps/forward/quiesce.h"
#include "apps/ip/trie.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

#define PREFIXES 400u
#define HOLDS 4096u

struct entry {
    uint8_t key[TRIE_KEY];
    unsigned length;
    uint32_t value; /* 0: not there */
};

static struct entry model[PREFIXES];
static struct trie *trie;
static unsigned key_octets;
static bool small_values;
static bool crowded; /* keys are those of a few neighbours, which are bunches and more */
static struct hold {
    struct blocks *blocks;
    uint32_t place, size;
} hold[HOLDS]; /* blocks that the test took */
static unsigned holds;

static bool bit_of(const uint8_t *key, unsigned n)
{
    return key[n / 8] >> (7 - n % 8) & 1;
}

static bool covers(const struct entry *e, const uint8_t *key)
{
    for (unsigned n = 0; n < e->length; n++)
        if (bit_of(e->key, n) != bit_of(key, n))
            return false;
    return true;
}

static const struct entry *model_cover(const uint8_t *key, unsigned shorter_than)
{
    const struct entry *best = NULL;
    for (unsigned i = 0; i < PREFIXES; i++) {
        const struct entry *e = &model[i];
        if (e->value && e->length < shorter_than && (!best || e->length > best->length) &&
            covers(e, key))
            best = e;
    }
    return best;
}

static void check(const uint8_t *key)
{
    const struct entry *e = model_cover(key, 8 * TRIE_KEY + 1);
    assert_int_equal(trie_lookup(trie, key), e ? e->value : 0);
}

/* The first and the last key of a prefix, and those beside them. */
static void check_edges(const struct entry *e)
{
    uint8_t key[TRIE_KEY];
    for (unsigned ones = 0; ones < 2; ones++) {
        memcpy(key, e->key, sizeof key);
        for (unsigned n = e->length; n < 8 * key_octets; n++)
            key[n / 8] = (uint8_t)((key[n / 8] & ~(0x80 >> n % 8)) | (ones ? 0x80 >> n % 8 : 0));
        check(key);
        for (unsigned i = key_octets; i--;) /* one up or down, with the carry */
            if (ones ? ++key[i] : key[i]-- != 0)
                break;
        check(key);
    }
}

static void cut(uint8_t *key, unsigned length)
{
    for (unsigned n = length; n < 8 * TRIE_KEY; n++)
        key[n / 8] &= (uint8_t) ~(0x80 >> n % 8);
}

/* Few distinct bits, so that prefixes nest and collide often. */
static void random_key(uint8_t *key)
{
    memset(key, 0, TRIE_KEY);
    if (crowded) {
        key[0] = 0x20;
        key[3] = (uint8_t)(random() % 24);
        for (unsigned i = 4; i < 9; i++)
            key[i] = (uint8_t)(random() % 2 ? random() % 4 << random() % 7 : 0);
        return;
    }
    for (unsigned i = 0; i < key_octets; i++)
        if (random() % 2)
            key[i] = (uint8_t)(random() % 3 ? 0x80 >> random() % 8 : random());
}

static int set_up(void **state)
{
    host_reset();
    memset(model, 0, sizeof model);
    trie = calloc(1, sizeof *trie);
    srandom(1);
    return !trie;
}

/* Of 16 bits: dense nodes become less when there are many. */
static int set_up_small(void **state)
{
    small_values = true;
    return set_up(state);
}

/* As if so many nodes were dense already that no further one is. */
static int set_up_compressed(void **state)
{
    int e = set_up(state);
    if (!e)
        trie->dense = TRIE_DENSE_MAX;
    return e;
}

/* With tails for prefixes that are alone; keys are long enough either way. */
static int set_up_tails(void **state)
{
    int e = set_up(state);
    if (!e)
        trie->tails = true;
    return e;
}

static int set_up_tails_compressed(void **state)
{
    int e = set_up_compressed(state);
    if (!e)
        trie->tails = true;
    return e;
}

/* Nearly all in bunches, which become nodes and tails and come back. */
static int set_up_crowded(void **state)
{
    crowded = small_values = true;
    return set_up_tails(state);
}

static int set_up_crowded_compressed(void **state)
{
    crowded = true;
    return set_up_tails_compressed(state);
}

static int tear_down(void **state)
{
    trie_free(trie);
    free(trie);
    small_values = crowded = false;
    return 0;
}

static void clear(struct entry *e)
{
    e->value = 0;
    const struct entry *cover = model_cover(e->key, e->length);
    trie_clear(trie, e->key, e->length, cover ? cover->length : 0, cover ? cover->value : 0);
}

static struct entry *find(const uint8_t *key, unsigned length)
{
    for (unsigned i = 0; i < PREFIXES; i++)
        if (model[i].value && model[i].length == length && !memcmp(model[i].key, key, TRIE_KEY))
            return &model[i];
    return NULL;
}

static uint32_t random_value(void)
{
    uint32_t r = (uint32_t)random();
    if (small_values)
        return 1 + r % 300;
    /* often the same one, some that need 32 bits */
    return 1 + r / 4 % (r % 4 == 0 ? TRIE_VALUE : r % 4 == 1 ? 300 : 2);
}

/* One prefix comes, goes or leads elsewhere.  True: it was done. */
static bool step(struct entry *e)
{
    uint8_t key[TRIE_KEY];
    unsigned length = (unsigned)random() % (8 * key_octets + 1);
    if (crowded && random() % 8)
        length = 33 + (unsigned)random() % (random() % 4 ? 16 : 40);
    uint32_t value = random_value();
    if (e->value && random() % 2) {
        clear(e);
        return true;
    }
    memcpy(key, e->key, sizeof key);
    if (!e->value) {
        random_key(key);
        cut(key, length);
        if (find(key, length))
            return false;
    } else {
        length = e->length;
    }
    if (trie_set(trie, key, length, value))
        return false;
    memcpy(e->key, key, sizeof key);
    e->length = length;
    e->value = value;
    return true;
}

static void check_some(const struct entry *e)
{
    uint8_t key[TRIE_KEY];
    check_edges(e);
    for (unsigned i = 0; i < 4; i++) {
        random_key(key);
        check(key);
    }
}

static void clear_all(void)
{
    for (unsigned i = 0; i < PREFIXES; i++)
        if (model[i].value)
            clear(&model[i]);
}

/* Everything gone: no node, no block, no chunk, no word. */
static void check_empty(void)
{
    uint8_t key[TRIE_KEY];
    assert_int_equal(trie->nodes, 0);
    assert_true(trie->dense == 0 || trie->dense == TRIE_DENSE_MAX);
    assert_int_equal(trie->blocks.used, 0);
    assert_int_equal(trie->blocks.bytes, 0);
    assert_int_equal(trie->lines.used, 0);
    assert_int_equal(trie->lines.bytes, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(trie->root); i++)
        assert_int_equal(trie->root[i], 0);
    for (unsigned i = 0; i < 1000; i++) {
        random_key(key);
        assert_int_equal(trie_lookup(trie, key), 0);
    }
}

static void random_prefixes(unsigned octets, unsigned steps)
{
    key_octets = octets;
    for (unsigned i = 0; i < steps; i++) {
        struct entry *e = &model[random() % PREFIXES];
        if (step(e))
            check_some(e);
    }
    assert_true(trie->nodes > 0);
    clear_all();
    check_empty();
}

static void keys_of_4_octets(void **state)
{
    random_prefixes(4, 12000);
}

static void keys_of_16_octets(void **state)
{
    random_prefixes(16, 6000);
}

/* At every length on the way of one key, from both ends. */
static void every_length(void **state)
{
    static const uint8_t key[TRIE_KEY] = { 0xc6, 0x33, 0x64, 0x17, 0x80, 0x01, 0xff, 0x00,
                                           0x55, 0xaa, 0x0f, 0xf0, 0x7e, 0x81, 0x01, 0xfe };
    key_octets = TRIE_KEY;
    for (unsigned length = 0; length <= 128; length++) {
        struct entry *e = &model[length];
        *e = (struct entry){ .length = length, .value = 1000 + length };
        memcpy(e->key, key, TRIE_KEY);
        cut(e->key, length);
        assert_int_equal(trie_set(trie, e->key, length, e->value), 0);
        check_edges(e);
        assert_int_equal(trie_lookup(trie, key), 1000 + length);
    }
    for (unsigned length = 0; length <= 128; length++) {
        clear(&model[length]);
        check_edges(&model[length]);
    }
    check_empty();
}

/* All 510 prefixes that end in one node, each a run or two of its own. */
static void a_full_node(void **state)
{
    key_octets = 4;
    unsigned n = 0;
    for (unsigned length = 17; length <= 24; length++)
        for (unsigned i = 0; i < 1u << (length - 16); i += length == 24 ? 1 : 3) {
            struct entry *e = &model[n++];
            *e = (struct entry){ .key = { 10, 1, (uint8_t)(i << (24 - length)) },
                                 .length = length,
                                 .value = 100000 + n };
            assert_in_range(n, 1, PREFIXES);
            assert_int_equal(trie_set(trie, e->key, length, e->value), 0);
        }
    for (unsigned i = 0; i < n; i++)
        check_edges(&model[i]);
    assert_int_equal(trie->nodes, 1);
    for (unsigned i = 0; i < n; i++) {
        clear(&model[i]);
        check_edges(&model[i]);
    }
    check_empty();
}

/* All of it, but for what one of a few sizes leaves over. */
static void take_all(struct blocks *blocks, uint32_t size)
{
    unsigned from = holds, left;
    uint32_t place;
    while (holds < HOLDS && (place = blocks_take(blocks, size)))
        hold[holds++] = (struct hold){ blocks, place, size };
    for (left = (unsigned)random() % 4; left && holds > from; left--) {
        holds--;
        blocks_give(blocks, hold[holds].place, size);
    }
}

static void give_all(void)
{
    while (holds) {
        holds--;
        blocks_give(hold[holds].blocks, hold[holds].place, hold[holds].size);
    }
}

/* Whatever there is no memory for is refused, and leaves everything as it was; what goes, goes. */
static void without_memory_nothing_is_half_done(void **state)
{
    unsigned refused = 0, gone = 0;
    key_octets = crowded ? TRIE_KEY : 4;
    for (unsigned i = 0; i < 3000; i++)
        step(&model[random() % PREFIXES]);
    for (unsigned round = 0; round < 4000; round++) {
        struct entry *e = &model[random() % PREFIXES];
        bool was = e->value;
        host_set_table_room(0);
        take_all(&trie->blocks, (1 + (uint32_t)random() % 8) * BLOCK_UNIT);
        take_all(&trie->lines, (1 + (uint32_t)random() % 3) * CACHE_LINE);
        bool done = step(e);
        refused += !done;
        gone += done && was && !e->value;
        check_some(e);
        give_all();
        host_set_table_room(SIZE_MAX);
    }
    assert_true(refused > 100 && gone > 100);
    for (unsigned i = 0; i < PREFIXES; i++)
        if (model[i].value)
            check_edges(&model[i]);
    clear_all();
    check_empty();
}

/* What is hidden by longer prefixes, and needs more bits than they, comes forth when one goes. */
static void a_hidden_cover_needs_no_memory(void **state)
{
    static const uint8_t half[2][4] = { { 192, 0, 2 }, { 192, 0, 3 } }, other[4] = { 192, 0, 9 };
    assert_int_equal(trie_set(trie, half[0], 24, 3), 0);
    assert_int_equal(trie_set(trie, half[1], 24, 4), 0);
    assert_int_equal(trie_set(trie, half[0], 23, 100000), 0);
    assert_int_equal(trie_set(trie, other, 24, 5), 0);
    host_set_table_room(0);
    for (unsigned size = BLOCK_UNITS_MAX * BLOCK_UNIT; size; size -= BLOCK_UNIT)
        while (blocks_take(&trie->blocks, size))
            continue;
    trie_clear(trie, half[1], 24, 23, 100000);
    assert_int_equal(trie_lookup(trie, half[0]), 3);
    assert_int_equal(trie_lookup(trie, half[1]), 100000);
}

/* A worker in the middle of a look-up may hold a node that has just been taken out: until none
 * can, its contents stay and it is not used again. */
static void node_rests_while_a_worker_may_hold_it(void **state)
{
    static const uint8_t first[4] = { 192, 0, 2 }, second[4] = { 198, 51, 100 };
    assert_int_equal(forward_init_workers(64, 2), 0);
    assert_int_equal(trie_set(trie, first, 24, 3), 0);
    uint32_t entry = trie->root[0xc000];
    const struct trie_node *node = blocks_at(&trie->blocks, entry);
    trie_clear(trie, first, 24, 0, 0);
    assert_int_equal(trie->root[0xc000], 0);
    assert_int_equal(trie->nodes, 0);
    assert_int_equal(trie_entry(node, entry, 1, trie_count_plain), 0);
    assert_int_equal(trie_set(trie, second, 24, 4), 0);
    assert_int_not_equal(trie->root[0xc633], entry);
    retire_all();
    assert_int_equal(trie_set(trie, first, 24, 5), 0);
    assert_int_equal(trie->root[0xc000], entry);
    forward_shutdown();
}

/* A tail of the longest kind becomes nodes: it says the same, on its first slots too. */
static void the_longest_tail_is_opened(void **state)
{
    for (unsigned length = TRIE_TAIL_LENGTH - 1; length <= TRIE_TAIL_LENGTH; length++) {
        uint8_t first[TRIE_KEY] = { 0x20, 1, 2, 3, 4, 5, 6, 0 };
        uint8_t second[TRIE_KEY] = { 0x20, 1, 2, 3, 4, 5, 6, 0x80 };
        assert_int_equal(trie_set(trie, first, length, 7), 0);
        assert_int_equal(trie_set(trie, second, length, 8), 0);
        for (unsigned last = 0; last < 256; last++) {
            uint8_t key[TRIE_KEY] = { 0x20, 1, 2, 3, 4, 5, 6, (uint8_t)last };
            unsigned bits = length - 56, top = last >> (8 - bits) << (8 - bits);
            assert_int_equal(trie_lookup(trie, key), top == 0 ? 7 : top == 0x80 ? 8 : 0);
        }
        trie_clear(trie, first, length, 0, 0);
        trie_clear(trie, second, length, 0, 0);
    }
}

/* Slots of the fourth octet that name a bunch, or else anything with nodes. */
static unsigned slots_with(bool bunches)
{
    unsigned n = 0;
    for (unsigned last = 0; last < 256; last++) {
        uint8_t key[TRIE_KEY] = { 0x20, 0, 0, (uint8_t)last };
        uint32_t entry = trie_slot(trie, key, 3);
        n += entry & TRIE_NODE && !trie_is_tail(entry) && trie_is_bunch(entry) == bunches;
    }
    return n;
}

/* Few make bunches, more of them nodes; both come and go. */
static void prefixes_of_a_few_neighbours(void **state)
{
    unsigned bunches = 0, nodes = 0;
    key_octets = TRIE_KEY;
    for (unsigned i = 0; i < 24000; i++) {
        struct entry *e = &model[random() % (i / 3000 % 2 ? PREFIXES : PREFIXES / 6)];
        if (i % 6000 == 5999)
            clear_all();
        if (!step(e))
            continue;
        check_some(e);
        bunches += slots_with(true);
        nodes += slots_with(false);
    }
    assert_true(bunches > 1000 && nodes > 1000);
    clear_all();
    check_empty();
}

/* As many as fit are a bunch, in a line, in two, or with longer keys; one more makes it a node, and
 * all of them are found in each. */
static void a_bunch_holds_what_it_can(void **state)
{
    static const unsigned longest[] = { 48, 64 };
    key_octets = TRIE_KEY;
    for (unsigned kind = 0; kind < ARRAY_SIZE(longest); kind++) {
        for (unsigned n = 0; n <= BUNCH_MOST; n++) {
            struct entry *e = &model[n];
            *e = (struct entry){ .key = { 0x20, 1, 2, 3, (uint8_t)(n * 9) },
                                 .length = n ? 40 : longest[kind],
                                 .value = 100 + n };
            assert_int_equal(trie_set(trie, e->key, e->length, e->value), 0);
            uint32_t entry = trie_slot(trie, e->key, 3);
            bool tail = n == 0 && longest[kind] < TRIE_TAIL_LENGTH;
            assert_int_equal(trie_is_tail(entry), tail);
            assert_int_equal(trie_is_bunch(entry), !tail && n < BUNCH_MOST);
            for (unsigned i = 0; i <= n; i++)
                check_edges(&model[i]);
        }
        clear_all();
        check_empty();
    }
}

#define BOTH(test) \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down), \
        cmocka_unit_test_setup_teardown(test, set_up_compressed, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(keys_of_4_octets),
        BOTH(keys_of_16_octets),
        cmocka_unit_test_setup_teardown(keys_of_4_octets, set_up_small, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_16_octets, set_up_small, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_4_octets, set_up_tails, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_16_octets, set_up_tails, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_16_octets, set_up_tails_compressed, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_half_done, set_up_tails,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_half_done,
                                        set_up_tails_compressed, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_half_done, set_up_small,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_longest_tail_is_opened, set_up_tails, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_tail_is_opened, set_up_tails_compressed,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_length, set_up_tails, tear_down),
        cmocka_unit_test_setup_teardown(every_length, set_up_tails_compressed, tear_down),
        cmocka_unit_test_setup_teardown(prefixes_of_a_few_neighbours, set_up_crowded, tear_down),
        cmocka_unit_test_setup_teardown(prefixes_of_a_few_neighbours, set_up_crowded_compressed,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_half_done, set_up_crowded,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_half_done,
                                        set_up_crowded_compressed, tear_down),
        cmocka_unit_test_setup_teardown(a_bunch_holds_what_it_can, set_up_tails, tear_down),
        cmocka_unit_test_setup_teardown(a_bunch_holds_what_it_can, set_up_tails_compressed,
                                        tear_down),
        BOTH(every_length),
        BOTH(a_full_node),
        BOTH(without_memory_nothing_is_half_done),
        BOTH(a_hidden_cover_needs_no_memory),
        BOTH(node_rests_while_a_worker_may_hold_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
