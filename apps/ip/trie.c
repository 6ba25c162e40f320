/* trie.c - the writer of the compressed trie, and its reader of single keys (trie.h). */
#include "apps/ip/trie.h"

#include "kernel/endian.h"

#include <errno.h>
#include <string.h>

#define ROOT_BITS 16u
#define NARROW_MAX UINT16_MAX
#define LENGTHS_PER_OCTET 2u

/* A node laid open: what its slots say, run by run.  Each belongs to one prefix. */
struct runs {
    unsigned n;
    bool dense; /* one for each slot, never fewer */
    bool wide;  /* it was, or has to be: one that was stays so, for covers that are hidden */
    uint32_t entry[TRIE_SLOTS];
    uint8_t first[TRIE_SLOTS];
};
static struct runs before, after; /* of the node that changes */

const struct trie_nothing trie_says_nothing;

static uint32_t leaf_make(unsigned length, uint32_t value)
{
    return FIELD_PUT(TRIE_LENGTH, (uint32_t)length) | value;
}

static unsigned leaf_length(uint32_t leaf)
{
    return FIELD_GET(TRIE_LENGTH, leaf);
}

/* The slots that a prefix has in the level where it ends. */
struct range {
    unsigned first, count, length; /* length: in this level */
};

static unsigned last_octet(unsigned length)
{
    return (length - 1) / 8;
}

static struct range range_of(const uint8_t *key, unsigned length)
{
    unsigned last = last_octet(length), bits = length - 8 * last;
    return (struct range){ .first = key[last], .count = TRIE_SLOTS >> bits, .length = bits };
}

/* Nodes ------------------------------------------------------------------------ */

static struct trie_node *node_at(const struct trie *t, uint32_t entry)
{
    return blocks_at(&t->blocks, entry & TRIE_PLACE);
}

/* What the nodes above say of whatever an entry names. */
static NOINLINE uint32_t cover_of(const struct trie *t, uint32_t entry)
{
    return trie_is_bunch(entry) ? bunch_cover(&t->lines, entry) : node_at(t, entry)->cover;
}

static NOINLINE void cover_tell(const struct trie *t, uint32_t entry, uint32_t leaf)
{
    if (trie_is_bunch(entry))
        bunch_set_cover(&t->lines, entry, leaf, leaf & TRIE_VALUE);
    else
        store_release(&node_at(t, entry)->cover, leaf);
}

static uint32_t *words_of(struct trie_node *node)
{
    return (uint32_t *)(node + 1);
}

static uint16_t *halves_of(struct trie_node *node)
{
    return (uint16_t *)(node + 1);
}

static unsigned node_runs(const struct trie_node *node)
{
    return node->before[3] + trie_count_plain(node->begins[3]) + 1;
}

/* From where runs begin. */
static void node_count_before(struct trie_node *node)
{
    for (unsigned word = 1; word < ARRAY_SIZE(node->begins); word++)
        node->before[word] =
            (uint8_t)(node->before[word - 1] + trie_count_plain(node->begins[word - 1]));
}

static uint32_t node_size(unsigned runs, bool wide)
{
    uint32_t entries = wide ? runs * 4 : runs * 2 + (runs + 1) / LENGTHS_PER_OCTET;
    return sizeof(struct trie_node) + entries;
}

/* Readers load them with the entries beside them: never torn, though they need not know them. */
static uint8_t *lengths_of(struct trie_node *node, unsigned runs)
{
    return (uint8_t *)(halves_of(node) + runs);
}

static unsigned length_get(struct trie_node *node, unsigned runs, unsigned run)
{
    return lengths_of(node, runs)[run / 2] >> run % 2 * 4 & 0xf;
}

static void length_put(struct trie_node *node, unsigned runs, unsigned run, unsigned length)
{
    uint8_t *both = &lengths_of(node, runs)[run / 2];
    unsigned shift = run % 2 * 4;
    store_relaxed(both, (uint8_t)((*both & ~(0xf << shift)) | length << shift));
}

static uint32_t entry_get(struct trie_node *node, bool wide, unsigned runs, unsigned run)
{
    if (wide)
        return words_of(node)[run];
    return leaf_make(length_get(node, runs, run), halves_of(node)[run]);
}

static void entry_put(struct trie_node *node, bool wide, unsigned runs, unsigned run,
                      uint32_t entry)
{
    if (wide) {
        store_release(&words_of(node)[run], entry);
        return;
    }
    store_release(&halves_of(node)[run], (uint16_t)entry);
    length_put(node, runs, run, leaf_length(entry));
}

static void node_count(struct trie *t, uint32_t entry, int one)
{
    store_relaxed(&t->nodes, t->nodes + (uint32_t)one); /* readers look at it */
    t->dense += entry & TRIE_DENSE ? (uint32_t)one : 0;
}

/* Whether anything can be taken out, whatever it is. */
static NOINLINE bool rest_ready(struct trie *t)
{
    return blocks_rest_ready(&t->blocks) && (!t->tails || blocks_rest_ready(&t->lines));
}

static void node_rest(struct trie *t, uint32_t entry)
{
    if (trie_is_bunch(entry)) {
        bunch_rest(&t->lines, entry);
        return;
    }
    if (trie_is_tail(entry)) {
        blocks_rest(&t->blocks, entry & TRIE_PLACE, sizeof(struct trie_tail));
        return;
    }
    uint32_t size = node_size(node_runs(node_at(t, entry)), entry & TRIE_WIDE);
    node_count(t, entry, -1);
    blocks_rest(&t->blocks, entry & TRIE_PLACE, size);
}

/* One that no reader has seen, and those below it. */
static void nodes_give(struct trie *t, uint32_t entry)
{
    if (!(entry & TRIE_NODE))
        return;
    if (trie_is_bunch(entry)) {
        bunch_give(&t->lines, entry);
        return;
    }
    if (trie_is_tail(entry)) {
        blocks_give(&t->blocks, entry & TRIE_PLACE, sizeof(struct trie_tail));
        return;
    }
    struct trie_node *node = node_at(t, entry);
    unsigned runs = node_runs(node);
    for (unsigned run = 0; entry & TRIE_WIDE && run < runs; run++)
        nodes_give(t, words_of(node)[run]);
    node_count(t, entry, -1);
    blocks_give(&t->blocks, entry & TRIE_PLACE, node_size(runs, entry & TRIE_WIDE));
}

/* Runs -------------------------------------------------------------------------- */

/* Two neighbours in one level are one run if they are of one prefix, or of none. */
static bool is_one_run(uint32_t entry, unsigned a, unsigned b)
{
    unsigned other = 8 - leaf_length(entry);
    return !(entry & TRIE_NODE) && (!(entry & TRIE_VALUE) || a >> other == b >> other);
}

static void runs_append(struct runs *r, unsigned first, uint32_t entry)
{
    if (!r->dense && r->n && r->entry[r->n - 1] == entry &&
        is_one_run(entry, r->first[r->n - 1], first))
        return;
    r->entry[r->n] = entry;
    r->first[r->n++] = (uint8_t)first;
    r->wide |= entry & TRIE_NODE || (entry & TRIE_VALUE) > NARROW_MAX;
}

static unsigned runs_end(const struct runs *r, unsigned run)
{
    return run + 1 < r->n ? r->first[run + 1] : TRIE_SLOTS;
}

static void runs_open(struct runs *r, const struct trie *t, uint32_t entry)
{
    struct trie_node *node = node_at(t, entry);
    bool wide = entry & TRIE_WIDE;
    r->n = 1;
    r->wide = wide;
    r->dense = entry & TRIE_DENSE;
    r->first[0] = 0;
    for (unsigned word = 0; word < ARRAY_SIZE(node->begins); word++)
        for (uint64_t begins = node->begins[word]; begins; begins &= begins - 1)
            r->first[r->n++] = (uint8_t)(word * 64 + (unsigned)__builtin_ctzll(begins));
    for (unsigned run = 0; run < r->n; run++)
        r->entry[run] = entry_get(node, wide, r->n, run);
}

/* Those of a new node in which nothing is said. */
static NOINLINE void runs_begin(struct runs *r, const struct trie *t)
{
    r->dense = t->dense < TRIE_DENSE_MAX;
    r->wide = r->dense;
    r->n = r->dense ? TRIE_SLOTS : 1;
    for (unsigned run = 0; run < r->n; run++) {
        r->first[run] = (uint8_t)run;
        r->entry[run] = 0;
    }
}

/* A node of these runs, not yet visible, and what names it; 0: no memory. */
static uint32_t runs_close(const struct runs *r, struct trie *t, uint32_t cover)
{
    uint32_t place = blocks_take(&t->blocks, node_size(r->n, r->wide));
    if (!place)
        return 0;
    struct trie_node *node = blocks_at(&t->blocks, place);
    memset(node, 0, node_size(r->n, r->wide));
    node->cover = cover;
    for (unsigned run = 1; run < r->n; run++)
        node->begins[r->first[run] / 64] |= 1ull << (r->first[run] % 64);
    node_count_before(node);
    for (unsigned run = 0; run < r->n; run++)
        entry_put(node, r->wide, r->n, run, r->entry[run]);
    uint32_t entry = TRIE_NODE | (r->wide ? TRIE_WIDE : 0) | (r->dense ? TRIE_DENSE : 0) | place;
    node_count(t, entry, 1);
    return entry;
}

/* What a slot or a run says after a change of a prefix of that length in its level. */
struct paint {
    struct range range;
    bool over; /* shorter ones give way too: it comes; else it goes */
    uint32_t leaf;
};

static bool gives_way(uint32_t leaf, const struct paint *paint)
{
    unsigned length = leaf_length(leaf);
    return length == paint->range.length || (paint->over && length < paint->range.length);
}

static uint32_t painted(uint32_t entry, const struct paint *paint)
{
    return !(entry & TRIE_NODE) && gives_way(entry, paint) ? paint->leaf : entry;
}

/* Whether the node is laid out anew, and as narrow as its entries: among many nodes a few that are
 * read in another way cost each reader a wrong guess. */
static bool keeps_shape(const struct trie *t)
{
    return t->nodes <= 2 * TRIE_DENSE_MAX || t->large;
}

static void runs_shape(const struct trie *t)
{
    bool keeps = keeps_shape(t);
    after.n = 0;
    after.dense = before.dense && keeps;
    after.wide = before.wide && (!before.dense || keeps);
}

/* `after` becomes `before` with the range painted. */
static void runs_paint(const struct trie *t, const struct paint *paint)
{
    unsigned from = paint->range.first, to = from + paint->range.count;
    runs_shape(t);
    after.wide |= (paint->leaf & TRIE_VALUE) > NARROW_MAX;
    for (unsigned run = 0; run < before.n; run++) {
        unsigned first = before.first[run], end = runs_end(&before, run);
        uint32_t entry = before.entry[run];
        if (first < from)
            runs_append(&after, first, entry);
        if (first < to && end > from)
            runs_append(&after, first < from ? from : first, painted(entry, paint));
        if (end > to)
            runs_append(&after, first < to ? to : first, entry);
    }
}

/* `after` becomes `before` with one slot that names a node; what the slot said. */
static uint32_t runs_hang(const struct trie *t, unsigned slot, uint32_t entry)
{
    uint32_t said = 0;
    runs_shape(t);
    after.wide = true;
    for (unsigned run = 0; run < before.n; run++) {
        unsigned first = before.first[run], end = runs_end(&before, run);
        bool here = first <= slot && slot < end;
        if (first < slot || !here)
            runs_append(&after, first, before.entry[run]);
        if (!here)
            continue;
        said = before.entry[run];
        runs_append(&after, slot, entry);
        if (slot + 1 < end)
            runs_append(&after, slot + 1, said);
    }
    return said;
}

/* The way to a prefix ------------------------------------------------------------- */

/* slot[k]: the entry for octet k that names the node for octet k + 1. */
struct path {
    uint32_t *slot[TRIE_KEY];
    unsigned end; /* the last one there is; its entry may be a leaf if it is the root's */
};

/* The entry for a slot of a node, where it can name a node. */
static uint32_t *entry_below(const struct trie *t, uint32_t entry, unsigned slot)
{
    if (!(entry & TRIE_WIDE))
        return NULL;
    struct trie_node *node = node_at(t, entry);
    uint32_t *below = words_of(node) + trie_run(node, slot, trie_count_plain);
    return *below & TRIE_NODE ? below : NULL;
}

static uint32_t *root_slot(struct trie *t, const uint8_t *key)
{
    return &t->root[key[0] << 8 | key[1]];
}

/* From a slot for octet k on. */
static void path_find(struct path *path, const struct trie *t, uint32_t *slot, unsigned k,
                      const uint8_t *key, unsigned last)
{
    path->slot[k] = slot;
    for (path->end = k; *slot & TRIE_NODE && path->end + 1 < last; path->slot[path->end] = slot) {
        slot = entry_below(t, *slot, key[path->end + 1]);
        if (!slot)
            return;
        path->end++;
    }
}

/* A node is replaced by another. */
static void node_swap(struct trie *t, uint32_t *slot, uint32_t entry)
{
    uint32_t old = *slot;
    store_release(slot, entry);
    node_rest(t, old);
}

/* Tails ---------------------------------------------------------------------------- */

static struct trie_tail *tail_at(const struct trie *t, uint32_t entry)
{
    return blocks_at(&t->blocks, entry & TRIE_PLACE);
}

static unsigned tail_length(const struct trie_tail *tail)
{
    return 64 - (tail->key & TRIE_TAIL_SHIFT);
}

static uint64_t tail_key(const uint8_t *key, unsigned length)
{
    return load_be64(key) >> (64 - length) << (64 - length) | (64 - length);
}

/* Not yet visible; 0: no memory. */
static NOINLINE uint32_t tail_make(struct trie *t, uint64_t key, uint32_t leaf, uint32_t cover)
{
    uint32_t place = blocks_take(&t->blocks, sizeof(struct trie_tail));
    if (!place)
        return 0;
    *(struct trie_tail *)blocks_at(&t->blocks, place) =
        (struct trie_tail){ .leaf = leaf, .cover = cover, .key = key };
    return TRIE_TAIL | place;
}

static bool is_tail_of(const struct trie *t, uint32_t entry, const uint8_t *key, unsigned length)
{
    return trie_is_tail(entry) && length <= TRIE_TAIL_LENGTH &&
           tail_at(t, entry)->key == tail_key(key, length);
}

/* The tail that `slot` names, which is for octet k, becomes a node for octet k + 1, with a tail
 * below it if more of its key is left. */
static int tail_open(struct trie *t, uint32_t *slot, unsigned k)
{
    const struct trie_tail *tail = tail_at(t, *slot);
    uint32_t below = 0;
    uint8_t key[sizeof tail->key];
    unsigned length = tail_length(tail), last = last_octet(length);
    store_be64(key, tail->key & ~(uint64_t)TRIE_TAIL_SHIFT);
    if (last > k + 1) {
        below = tail_make(t, tail->key, tail->leaf, 0);
        if (!below)
            return -ENOMEM;
    }
    runs_begin(&before, t);
    if (below)
        runs_hang(t, key[k + 1], below);
    else
        runs_paint(t, &(struct paint){ range_of(key, length), true, tail->leaf });
    uint32_t entry = runs_close(&after, t, tail->cover);
    if (!entry) {
        nodes_give(t, below);
        return -ENOMEM;
    }
    node_swap(t, slot, entry);
    return 0;
}

/* A prefix as a bunch has it that hangs from a slot for octet k; false: it has no such ones. */
static NOINLINE bool bunch_prefix_of(struct bunch_prefix *p, const uint8_t *key, unsigned length,
                                     unsigned k, uint32_t value)
{
    unsigned above = 8 * (k + 1);
    if (k < TRIE_TAIL_FROM || above + BUNCH_FAR_BITS > 8 * TRIE_KEY ||
        length > above + BUNCH_FAR_BITS || value > NARROW_MAX)
        return false;
    *p = (struct bunch_prefix){ .key = load_be32(key + k + 1),
                                .value = (uint16_t)value,
                                .length = (uint8_t)(length - above) };
    return true;
}

/* Not yet visible; 0: no memory. */
static NOINLINE uint32_t bunch_make(struct trie *t, const struct bunch_list *list, uint32_t cover)
{
    uint32_t name = bunch_close(list, &t->lines), entry = TRIE_NODE | TRIE_BUNCH | name;
    if (!name)
        return 0;
    cover_tell(t, entry, cover);
    return entry;
}

/* The lowest of a chain: a tail or a bunch as high as one may be, or a node for the last octet. */
static uint32_t chain_end_make(struct trie *t, const uint8_t *key, unsigned from, unsigned *last,
                               const struct paint *paint, uint32_t cover)
{
    unsigned length = 8 * *last + paint->range.length, top = TRIE_TAIL_FROM + 1;
    if (t->tails && *last >= top) {
        struct bunch_list list = { .n = 1 };
        top = from > top ? from : top;
        uint32_t above = top == from ? cover : 0;
        if (length <= TRIE_TAIL_LENGTH) {
            *last = top;
            return tail_make(t, tail_key(key, length), paint->leaf, above);
        }
        if (bunch_prefix_of(list.prefix, key, length, top - 1, paint->leaf & TRIE_VALUE)) {
            *last = top;
            return bunch_make(t, &list, above);
        }
    }
    runs_begin(&before, t);
    runs_paint(t, paint);
    return runs_close(&after, t, *last == from ? cover : 0);
}

/* Makes nodes for octets `from` to that of the prefix's end, with nothing else in them, not yet
 * visible; 0: no memory. */
static uint32_t chain_make(struct trie *t, const uint8_t *key, unsigned from, unsigned last,
                           const struct paint *paint, uint32_t cover)
{
    uint32_t entry = chain_end_make(t, key, from, &last, paint, cover);
    for (unsigned k = last; entry && k-- > from;) {
        runs_begin(&before, t);
        runs_hang(t, key[k], entry);
        uint32_t above = runs_close(&after, t, k == from ? cover : 0);
        if (!above)
            nodes_give(t, entry);
        entry = above;
    }
    return entry;
}

/* The prefix ends below a leaf of the root. */
static int root_grow(struct trie *t, uint32_t *slot, const uint8_t *key, unsigned last,
                     const struct paint *paint)
{
    uint32_t entry = chain_make(t, key, 2, last, paint, *slot);
    if (!entry)
        return -ENOMEM;
    store_release(slot, entry);
    return 0;
}

static bool same_shape(void)
{
    return before.n == after.n && before.wide == after.wide &&
           !memcmp(before.first, after.first, before.n);
}

/* Entries one by one, where only they differ. */
static void node_overwrite(struct trie *t, uint32_t entry)
{
    for (unsigned run = 0; run < before.n; run++)
        if (before.entry[run] != after.entry[run])
            entry_put(node_at(t, entry), before.wide, before.n, run, after.entry[run]);
}

/* `after` takes the place of `before`, in the node itself where it can. */
static int node_change(struct trie *t, uint32_t *slot)
{
    if (same_shape()) {
        node_overwrite(t, *slot);
        return 0;
    }
    uint32_t entry = runs_close(&after, t, node_at(t, *slot)->cover);
    if (!entry)
        return -ENOMEM;
    node_swap(t, slot, entry);
    return 0;
}

/* It ends below a leaf of the node that `slot` names, which is for octet k. */
static int node_grow(struct trie *t, uint32_t *slot, const uint8_t *key, unsigned k, unsigned last,
                     const struct paint *paint)
{
    uint32_t below = chain_make(t, key, k + 1, last, paint, 0);
    if (!below)
        return -ENOMEM;
    runs_open(&before, t, *slot);
    cover_tell(t, below, runs_hang(t, key[k], below));
    int e = node_change(t, slot);
    if (e)
        nodes_give(t, below);
    return e;
}

/* The nodes that hang from the range hear what covers them. */
static void node_tell_below(struct trie *t, uint32_t entry, const struct paint *paint)
{
    struct trie_node *node = node_at(t, entry);
    unsigned end = paint->range.first + paint->range.count;
    if (!(entry & TRIE_WIDE))
        return;
    runs_open(&before, t, entry);
    for (unsigned run = 0; run < before.n; run++) {
        uint32_t below = words_of(node)[run];
        if (!(below & TRIE_NODE) || before.first[run] < paint->range.first ||
            before.first[run] >= end)
            continue;
        if (gives_way(cover_of(t, below), paint))
            cover_tell(t, below, paint->leaf);
    }
}

/* Splicing: a prefix inside one run of leaves, which most are.  What is left and right of it stays
 * as it is, and cannot be one run with it: nothing need be laid open. */
struct splice {
    unsigned runs, run;   /* of the node; the one that gives way */
    unsigned left, right; /* 1: some of it stays there */
};

static bool begins_at(const struct trie_node *node, unsigned slot)
{
    return slot % TRIE_SLOTS == 0 || node->begins[slot / 64] >> slot % 64 & 1;
}

static bool splice_find(const struct trie *t, uint32_t entry, const struct paint *paint,
                        struct splice *splice)
{
    struct trie_node *node = node_at(t, entry);
    unsigned from = paint->range.first, to = from + paint->range.count;
    bool wide = entry & TRIE_WIDE;
    if ((entry & TRIE_DENSE && !keeps_shape(t)) ||
        (!wide && (paint->leaf & TRIE_VALUE) > NARROW_MAX))
        return false;
    *splice = (struct splice){ .runs = node_runs(node),
                               .run = trie_run(node, from, trie_count_plain),
                               .left = !begins_at(node, from),
                               .right = !begins_at(node, to) };
    uint32_t said = entry_get(node, wide, splice->runs, splice->run);
    return trie_run(node, to - 1, trie_count_plain) == splice->run && !(said & TRIE_NODE) &&
           gives_way(said, paint);
}

/* n lengths of runs, from run `first` of one node to run `at` of another. */
static void lengths_copy(struct trie_node *to, unsigned to_runs, unsigned at,
                         struct trie_node *from, unsigned from_runs, unsigned first, unsigned n)
{
    for (; n && (at % LENGTHS_PER_OCTET || first % LENGTHS_PER_OCTET || n == 1); n--)
        length_put(to, to_runs, at++, length_get(from, from_runs, first++));
    memcpy(lengths_of(to, to_runs) + at / LENGTHS_PER_OCTET,
           lengths_of(from, from_runs) + first / LENGTHS_PER_OCTET, n / LENGTHS_PER_OCTET);
    if (n % LENGTHS_PER_OCTET)
        length_put(to, to_runs, at + n - 1, length_get(from, from_runs, first + n - 1));
}

/* n runs of one node are those of another from run `at` on. */
static void entries_copy(struct trie_node *to, unsigned to_runs, unsigned at,
                         struct trie_node *from, unsigned from_runs, unsigned first, unsigned n,
                         bool wide)
{
    if (wide) {
        memcpy(words_of(to) + at, words_of(from) + first, n * sizeof(uint32_t));
        return;
    }
    memcpy(halves_of(to) + at, halves_of(from) + first, n * sizeof(uint16_t));
    lengths_copy(to, to_runs, at, from, from_runs, first, n);
}

/* The node with the range as a run of its own, not yet visible; 0: no memory. */
static uint32_t splice_close(const struct splice *s, struct trie *t, uint32_t entry,
                             const struct paint *paint)
{
    unsigned runs = s->runs + s->left + s->right, at = s->run + s->left, rest = s->run + !s->right;
    unsigned from = paint->range.first, to = from + paint->range.count;
    bool wide = entry & TRIE_WIDE;
    uint32_t place = blocks_take(&t->blocks, node_size(runs, wide));
    if (!place)
        return 0;
    struct trie_node *node = blocks_at(&t->blocks, place), *old = node_at(t, entry);
    *node = *old;
    if (s->left)
        node->begins[from / 64] |= 1ull << from % 64;
    if (s->right)
        node->begins[to / 64] |= 1ull << to % 64;
    node_count_before(node);
    if (!wide)
        memset(lengths_of(node, runs), 0, (runs + 1) / LENGTHS_PER_OCTET);
    entries_copy(node, runs, 0, old, s->runs, 0, at, wide);
    entry_put(node, wide, runs, at, paint->leaf);
    entries_copy(node, runs, at + 1, old, s->runs, rest, s->runs - rest, wide);
    node_count(t, entry, 1);
    return (entry & ~TRIE_PLACE) | place;
}

static int node_splice(struct trie *t, uint32_t *slot, const struct splice *s,
                       const struct paint *paint)
{
    if (!s->left && !s->right) {
        entry_put(node_at(t, *slot), *slot & TRIE_WIDE, s->runs, s->run, paint->leaf);
        return 0;
    }
    uint32_t entry = splice_close(s, t, *slot, paint);
    if (!entry)
        return -ENOMEM;
    node_swap(t, slot, entry);
    return 0;
}

static int node_set(struct trie *t, uint32_t *slot, const struct paint *paint)
{
    struct splice splice;
    if (splice_find(t, *slot, paint, &splice))
        return node_splice(t, slot, &splice, paint);
    runs_open(&before, t, *slot);
    runs_paint(t, paint);
    int e = node_change(t, slot);
    if (!e)
        node_tell_below(t, *slot, paint);
    return e;
}

/* A slot of `cover` or `root`: a leaf, or a node with a cover. */
static void slots_paint(struct trie *t, uint32_t *slots, const struct paint *paint)
{
    for (unsigned i = 0; i < paint->range.count; i++) {
        uint32_t slot = slots[i];
        if (!gives_way(slot & TRIE_NODE ? cover_of(t, slot) : slot, paint))
            continue;
        if (slot & TRIE_NODE)
            cover_tell(t, slot, paint->leaf);
        else
            store_release(&slots[i], paint->leaf);
    }
}

/* The prefixes of up to 8 bits share `cover`, that of length 0 with length 0. */
static void short_paint(struct trie *t, const uint8_t *key, unsigned length, struct paint *paint)
{
    if (length > 8) {
        slots_paint(t, &t->root[key[0] << 8 | key[1]], paint);
        return;
    }
    paint->range = (struct range){ key[0], TRIE_SLOTS >> length, length };
    slots_paint(t, &t->cover[key[0]], paint);
}

/* Bunches -------------------------------------------------------------------------- */

/* Another bunch takes the place of what a slot names. */
static int bunch_swap(struct trie *t, uint32_t *slot, const struct bunch_list *list)
{
    uint32_t entry = bunch_make(t, list, cover_of(t, *slot));
    if (!entry)
        return -ENOMEM;
    node_swap(t, slot, entry);
    return 0;
}

/* The tail that `slot` names, for octet k, and another prefix; false: they are no bunch. */
static bool tail_joins(const struct trie *t, uint32_t entry, unsigned k, struct bunch_prefix other,
                       struct bunch_list *list)
{
    const struct trie_tail *tail = tail_at(t, entry);
    struct bunch_prefix prefix;
    uint8_t key[TRIE_KEY] = { 0 };
    store_be64(key, tail->key & ~(uint64_t)TRIE_TAIL_SHIFT);
    list->n = 0;
    if (!(tail->leaf & TRIE_VALUE))
        return bunch_put(list, other);
    return bunch_prefix_of(&prefix, key, tail_length(tail), k, tail->leaf & TRIE_VALUE) &&
           bunch_put(list, prefix) && bunch_put(list, other);
}

static int set_below(struct trie *t, uint32_t *slot, unsigned k, const uint8_t *key,
                     unsigned length, uint32_t value);

/* The bunch that `slot` names, for octet k of the key, becomes a node with its prefixes. */
static int bunch_spread(struct trie *t, uint32_t *slot, const uint8_t *key, unsigned k)
{
    struct bunch_list list;
    uint8_t own[TRIE_KEY] = { 0 };
    memcpy(own, key, k + 1);
    bunch_open(&list, &t->lines, *slot);
    runs_begin(&before, t);
    runs_paint(t, &(struct paint){ .range = { .count = 0 } });
    uint32_t node = runs_close(&after, t, cover_of(t, *slot));
    int e = node ? 0 : -ENOMEM;
    for (unsigned i = list.n; !e && i--;) { /* the shortest first: those below hear of it */
        const struct bunch_prefix *p = &list.prefix[i];
        store_be32(own + k + 1, p->key);
        e = set_below(t, &node, k, own, 8 * (k + 1) + p->length, p->value);
    }
    if (!e && rest_ready(t)) {
        node_swap(t, slot, node);
        return 0;
    }
    nodes_give(t, node);
    return -ENOMEM;
}

/* The slot, for octet k, names a tail or a bunch, and there is no node for the prefix. */
static int few_set(struct trie *t, uint32_t *slot, unsigned k, const uint8_t *key, unsigned length,
                   uint32_t leaf)
{
    struct bunch_list list;
    struct bunch_prefix prefix;
    bool is_bunch = trie_is_bunch(*slot), joins = false;
    uint32_t value = leaf & TRIE_VALUE;
    if (is_tail_of(t, *slot, key, length)) {
        store_release(&tail_at(t, *slot)->leaf, leaf);
        return 0;
    }
    if (bunch_prefix_of(&prefix, key, length, k, value)) {
        if (is_bunch && bunch_replace(&t->lines, *slot, prefix))
            return 0;
        if (is_bunch)
            bunch_open(&list, &t->lines, *slot);
        if (!is_bunch)
            joins = tail_joins(t, *slot, k, prefix, &list);
        else if (list.n < BUNCH_LINE || k == TRIE_TAIL_FROM) /* two lines: by a shortcut only */
            joins = bunch_put(&list, prefix);
    }
    if (joins)
        return bunch_swap(t, slot, &list);
    int e = is_bunch ? bunch_spread(t, slot, key, k) : tail_open(t, slot, k);
    return e ? e : set_below(t, slot, k, key, length, value); /* an octet further down now */
}

/* Below a slot for octet k, which is on the prefix's way. */
static int set_below(struct trie *t, uint32_t *slot, unsigned k, const uint8_t *key,
                     unsigned length, uint32_t value)
{
    struct path path;
    unsigned last = last_octet(length);
    struct paint paint = { .over = true, .range = range_of(key, length) };
    paint.leaf = leaf_make(paint.range.length, value);
    if (!rest_ready(t))
        return -ENOMEM;
    path_find(&path, t, slot, k, key, last);
    slot = path.slot[path.end];
    if (trie_is_tail(*slot) || trie_is_bunch(*slot))
        return few_set(t, slot, path.end, key, length, paint.leaf);
    if (!(*slot & TRIE_NODE))
        return root_grow(t, slot, key, last, &paint);
    if (path.end + 1 < last)
        return node_grow(t, slot, key, path.end + 1, last, &paint);
    return node_set(t, slot, &paint);
}

int trie_set(struct trie *t, const uint8_t *key, unsigned length, uint32_t value)
{
    if (value > NARROW_MAX)
        store_relaxed(&t->large, true); /* readers look at it */
    if (length > ROOT_BITS)
        return set_below(t, root_slot(t, key), 1, key, length, value);
    struct paint paint = { .over = true };
    if (length)
        paint.range = range_of(key, length);
    paint.leaf = leaf_make(paint.range.length, value);
    short_paint(t, key, length, &paint);
    return 0;
}

/* Taking out ------------------------------------------------------------------------ */

static bool says_nothing(const struct runs *r)
{
    for (unsigned run = 0; run < r->n; run++)
        if (r->entry[run])
            return false;
    return true;
}

/* A node in which nothing is said gives its slot back to the leaf it carries, and perhaps the node
 * above is next; one whose runs have become fewer is made smaller.  Where there is no memory for
 * that it stays as it is: it says the same. */
static void path_shrink(struct trie *t, const struct path *path, unsigned from)
{
    for (unsigned k = from; k > 0; k--) {
        uint32_t *slot = path->slot[k], entry;
        runs_open(&before, t, *slot);
        runs_paint(t, &(struct paint){ .range = { .count = 0 } });
        bool nothing = says_nothing(&after);
        if ((!nothing && before.n == after.n) || !rest_ready(t))
            return;
        if (nothing) {
            node_swap(t, slot, node_at(t, *slot)->cover);
            continue;
        }
        entry = runs_close(&after, t, node_at(t, *slot)->cover);
        if (entry)
            node_swap(t, slot, entry);
        return;
    }
}

/* Those that are left of a bunch get one that is as small as may be, a single one a tail if it
 * fits. Without memory they stay where they are. */
static void bunch_shrink(struct trie *t, uint32_t *slot, unsigned k, const uint8_t *key,
                         const struct bunch_list *list)
{
    const struct bunch_prefix *p = &list->prefix[0];
    unsigned length = 8 * (k + 1) + p->length;
    if (list->n > 1 || length > TRIE_TAIL_LENGTH) {
        bunch_swap(t, slot, list);
        return;
    }
    uint8_t own[TRIE_KEY] = { 0 };
    memcpy(own, key, k + 1);
    store_be32(own + k + 1, p->key);
    uint32_t leaf = leaf_make((length - 1) % 8 + 1, p->value);
    uint32_t tail = tail_make(t, tail_key(own, length), leaf, cover_of(t, *slot));
    if (tail)
        node_swap(t, slot, tail);
}

/* The slot, for octet k, names a tail or a bunch.  Whether it gave way to what covers it. */
static bool few_clear(struct trie *t, uint32_t *slot, unsigned k, const uint8_t *key,
                      unsigned length)
{
    struct bunch_list list = { .n = 0 };
    struct bunch_prefix prefix;
    if (is_tail_of(t, *slot, key, length))
        store_release(&tail_at(t, *slot)->leaf, 0);
    else if (!trie_is_bunch(*slot) || !bunch_prefix_of(&prefix, key, length, k, 0) ||
             !bunch_forget(&t->lines, *slot, prefix))
        return false;
    if (!rest_ready(t))
        return false;
    if (trie_is_bunch(*slot))
        bunch_open(&list, &t->lines, *slot);
    if (list.n)
        bunch_shrink(t, slot, k, key, &list);
    else
        node_swap(t, slot, cover_of(t, *slot));
    return !list.n;
}

/* In place, run by run: none of them reaches beyond the prefix. */
static void node_clear(struct trie *t, uint32_t entry, const struct paint *paint)
{
    unsigned end = paint->range.first + paint->range.count;
    runs_open(&before, t, entry);
    for (unsigned run = 0; run < before.n; run++)
        if (before.first[run] >= paint->range.first && before.first[run] < end)
            entry_put(node_at(t, entry), before.wide, before.n, run,
                      painted(before.entry[run], paint));
    node_tell_below(t, entry, paint);
}

void trie_clear(struct trie *t, const uint8_t *key, unsigned length, unsigned cover_length,
                uint32_t cover)
{
    struct path path;
    struct paint paint = { .over = false };
    unsigned last = length ? last_octet(length) : 0, above = 8 * last;
    if (length)
        paint.range = range_of(key, length);
    if (cover_length > above || !last)
        paint.leaf = leaf_make(cover_length - above, cover);
    if (length <= ROOT_BITS) {
        short_paint(t, key, length, &paint);
        return;
    }
    path_find(&path, t, root_slot(t, key), 1, key, last);
    uint32_t *slot = path.slot[path.end];
    if (trie_is_tail(*slot) || trie_is_bunch(*slot)) {
        if (few_clear(t, slot, path.end, key, length))
            path_shrink(t, &path, path.end - 1);
        return;
    }
    if (!(*slot & TRIE_NODE) || path.end + 1 < last)
        return;
    node_clear(t, *slot, &paint);
    path_shrink(t, &path, path.end);
}

void trie_hold(struct trie *t)
{
    blocks_hold(&t->blocks);
    blocks_hold(&t->lines);
}

void trie_release(struct trie *t)
{
    blocks_release(&t->blocks);
    blocks_release(&t->lines);
}

/* Looking -------------------------------------------------------------------------- */

uint32_t trie_lookup(const struct trie *t, const uint8_t *key)
{
    uint32_t value = load_acquire(&t->cover[key[0]]);
    uint32_t entry = load_acquire(&t->root[key[0] << 8 | key[1]]);
    for (unsigned k = 2; entry & TRIE_NODE; k++) {
        if (trie_is_tail(entry)) {
            entry = trie_tail_says(tail_at(t, entry), load_be64(key));
            break;
        }
        if (trie_is_bunch(entry)) {
            entry = bunch_says(&t->lines, entry, load_le32(key + k));
            break;
        }
        const struct trie_node *node = node_at(t, entry);
        value = trie_better(load_acquire(&node->cover), value);
        entry = trie_entry(node, entry, key[k], trie_count_plain);
    }
    return trie_better(entry, value) & TRIE_VALUE;
}

uint32_t trie_slot(const struct trie *t, const uint8_t *key, unsigned octet)
{
    uint32_t entry = t->root[key[0] << 8 | key[1]];
    for (unsigned k = 2; k <= octet; k++) {
        if (!(entry & TRIE_NODE) || trie_is_tail(entry) || trie_is_bunch(entry))
            return 0;
        struct trie_node *node = node_at(t, entry);
        entry = entry_get(node, entry & TRIE_WIDE, node_runs(node),
                          trie_run(node, key[k], trie_count_plain));
    }
    return entry;
}

uint64_t trie_bytes(const struct trie *t)
{
    return sizeof *t - sizeof t->blocks - sizeof t->lines + blocks_bytes(&t->blocks) +
           blocks_bytes(&t->lines);
}

void trie_free(struct trie *t)
{
    blocks_free(&t->blocks);
    blocks_free(&t->lines);
}
