/* shortcut6.c - the writer of the table of first octets (shortcut6.h). */
#include "apps/ip/shortcut6.h"

#include "apps/forward/quiesce.h"
#include "kernel/endian.h"
#include "kernel/memory.h"
#include "kernel/random.h"

#include <stdlib.h>
#include <string.h>

#define TOP_BITS (8 * (SHORTCUT6_OCTET + 1))
#define LINES_FIRST_BITS 4u
#define LINES_BITS_MAX 22u
#define COUNT_PER_LINE 5u    /* on average, and hardly any has more than there is room for */
#define LINES_AT_ONCE 8u     /* that move with a change: two tables are not needed for long */
#define LEAF_LENGTH_LEAST 5u /* of the fourth octet's bits: at most 8 words for a prefix */

struct shortcut6 shortcut6;

static unsigned bits_of(const struct shortcut6_table *table)
{
    return 64 - table->shift;
}

static uint32_t lines_of(const struct shortcut6_table *table)
{
    return 1u << bits_of(table);
}

static uint64_t *words_for(struct shortcut6_table *table, uint32_t top)
{
    return table->line[top * shortcut6.seed >> table->shift].word;
}

/* The word of these octets, else NULL. */
static uint64_t *word_find(struct shortcut6_table *table, uint32_t top)
{
    uint64_t *word = words_for(table, top);
    for (unsigned i = 0; i < SHORTCUT6_LINE; i++)
        if (word[i] && FIELD_GET(SHORTCUT6_TOP, word[i]) == top)
            return &word[i];
    return NULL;
}

/* Where there is room. */
static void word_add(struct shortcut6_table *table, uint64_t added)
{
    uint64_t *word = words_for(table, (uint32_t)added);
    for (unsigned i = 0; i < SHORTCUT6_LINE; i++)
        if (!word[i]) {
            store_release(&word[i], added);
            table->count++;
            return;
        }
}

/* Replaces, adds or, with 0, takes out. */
static void word_put(struct shortcut6_table *table, uint32_t top, uint64_t word)
{
    uint64_t *there = word_find(table, top);
    if (there) {
        store_release(there, word);
        table->count -= !word;
    } else if (word) {
        word_add(table, word);
    }
}

/* Growing ------------------------------------------------------------------ */

static size_t table_size(unsigned bits)
{
    return sizeof(struct shortcut6_table) + (sizeof(struct shortcut6_line) << bits);
}

static struct shortcut6_table *table_make(unsigned bits)
{
    struct shortcut6_table *t = table_alloc(CACHE_LINE, table_size(bits));
    if (!t)
        return NULL;
    memset(t, 0, table_size(bits));
    t->shift = 64 - bits;
    return t;
}

static void have_left(void *table)
{
    shortcut6.resting = false;
    free(table);
}

static void line_move(uint32_t line)
{
    const uint64_t *word = shortcut6.table->line[line].word;
    for (unsigned i = 0; i < SHORTCUT6_LINE; i++)
        if (word[i])
            word_add(shortcut6.next, word[i]); /* two lines for what was one: there is room */
}

/* A piece of the work for a table of twice as many lines. */
static void grow(void)
{
    struct shortcut6_table *table = shortcut6.table;
    if (!shortcut6.next) {
        if (table->count <= COUNT_PER_LINE * lines_of(table) || shortcut6.resting ||
            bits_of(table) == LINES_BITS_MAX)
            return;
        shortcut6.next = table_make(bits_of(table) + 1);
        shortcut6.moved = 0;
    }
    for (unsigned i = 0; shortcut6.next && i < LINES_AT_ONCE && shortcut6.moved < lines_of(table);
         i++)
        line_move(shortcut6.moved++);
    if (!shortcut6.next || shortcut6.moved < lines_of(table))
        return;
    store_release(&shortcut6.table, shortcut6.next);
    shortcut6.next = NULL;
    shortcut6.resting = true;
    retire(have_left, table);
}

/* Changes ------------------------------------------------------------------ */

static bool is_ready(void)
{
    if (shortcut6.table)
        return true;
    shortcut6.seed = random_word() | 1;
    store_release(&shortcut6.table, table_make(LINES_FIRST_BITS));
    return shortcut6.table;
}

/* Whether the line of these octets is in the table that is being made. */
static bool has_moved(uint32_t top)
{
    return shortcut6.next && top * shortcut6.seed >> shortcut6.table->shift < shortcut6.moved;
}

static void put(uint32_t top, uint32_t entry)
{
    uint64_t word = entry ? FIELD_PUT(SHORTCUT6_ENTRY, (uint64_t)entry) | top : 0;
    if (!(word ? is_ready() : shortcut6.table != NULL))
        return;
    word_put(shortcut6.table, top, word);
    if (has_moved(top))
        word_put(shortcut6.next, top, word);
    grow();
}

/* As the table has it; 0: not at all. */
static uint32_t worth_an_entry(uint32_t slot)
{
    bool leads = slot & TRIE_NODE ||
                 (slot & TRIE_VALUE && FIELD_GET(TRIE_LENGTH, slot) >= LEAF_LENGTH_LEAST);
    return leads ? slot : 0;
}

void shortcut6_refresh(const struct trie *trie, const uint8_t *prefix, unsigned length)
{
    uint8_t key[TRIE_KEY];
    if (length <= TOP_BITS - 8)
        return;
    memcpy(key, prefix, sizeof key);
    uint32_t top = load_be32(prefix), count = length < TOP_BITS ? 1u << (TOP_BITS - length) : 1;
    for (uint32_t i = 0; i < count; i++) {
        store_be32(key, top + i);
        put(load_le32(key), worth_an_entry(trie_slot(trie, key, SHORTCUT6_OCTET)));
    }
}

static uint64_t table_bytes(const struct shortcut6_table *table)
{
    return table ? table_size(bits_of(table)) : 0;
}

uint64_t shortcut6_bytes(void)
{
    return table_bytes(shortcut6.table) + table_bytes(shortcut6.next);
}

void shortcut6_free(void)
{
    free(shortcut6.table);
    free(shortcut6.next);
    shortcut6 = (struct shortcut6){ 0 };
}
