/* fib.c - the forwarding trie's writer, and its reader of whole bursts (fib.h). */
#include "apps/ip/fib.h"

#include "apps/forward/quiesce.h"
#include "kernel/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fib *fib;

#define CHUNK_SIZE (FIB_CHUNK_NODES * FIB_NODE_SIZE)
_Static_assert(FIB_NODE_SLOTS * sizeof(uint32_t) == FIB_NODE_SIZE, "a node is its slots");
/* How far from the first node one may lie: what 31 bits with a sign reach. */
#define REACH ((intptr_t)1 << 30)

static struct {
    char **chunk; /* all there are, to be freed */
    unsigned chunks, chunk_room;
    unsigned left;  /* nodes of the last chunk that were never used */
    unsigned nodes; /* in use, resting ones included */
    uint32_t *free; /* linked through their first slots */
    /* Taken out; the first `asked` of them were so when retire() was called. */
    uint32_t **resting;
    unsigned rests, rest_room, asked;
} heap;

int fib_init(void)
{
    if (fib)
        return 0;
    struct fib *f = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    store_release(&fib, f);
    return 0;
}

void fib_shutdown(void)
{
    for (unsigned i = 0; i < heap.chunks; i++)
        free(heap.chunk[i]);
    free(heap.chunk);
    free(heap.resting);
    memset(&heap, 0, sizeof heap);
    free(fib);
    fib = NULL;
}

unsigned fib_nodes(void)
{
    return heap.nodes;
}

/* Nodes ------------------------------------------------------------------- */

/* Makes room for one more in a list of pointers that grows. */
static bool list_ready(void *list, unsigned *room, unsigned count)
{
    void **old;
    memcpy(&old, list, sizeof old);
    if (count < *room)
        return true;
    unsigned more = *room ? 2 * *room : 16;
    void **new = realloc(old, more * sizeof *new);
    if (!new)
        return false;
    memcpy(list, &new, sizeof new);
    *room = more;
    return true;
}

static intptr_t place_of(uintptr_t node)
{
    return (intptr_t)(node - fib->base) / (intptr_t)FIB_NODE_SIZE;
}

static bool chunk_make(void)
{
    if (!list_ready(&heap.chunk, &heap.chunk_room, heap.chunks))
        return false;
    char *chunk = table_alloc(FIB_NODE_SIZE, CHUNK_SIZE);
    if (!chunk)
        return false;
    if (!fib->base)
        fib->base = (uintptr_t)chunk;
    intptr_t place = place_of((uintptr_t)chunk);
    if (place < -REACH || place + FIB_CHUNK_NODES > REACH) {
        free(chunk);
        return false;
    }
    heap.chunk[heap.chunks++] = chunk;
    heap.left = FIB_CHUNK_NODES;
    return true;
}

static uint32_t *node_take(void)
{
    uint32_t *node = heap.free;
    if (node) {
        memcpy(&heap.free, node, sizeof heap.free);
        return node;
    }
    if (!heap.left && !chunk_make())
        return NULL;
    node =
        (uint32_t *)(heap.chunk[heap.chunks - 1] + (FIB_CHUNK_NODES - heap.left) * FIB_NODE_SIZE);
    heap.left--;
    return node;
}

/* What names a node whose slots all say `fill`, not yet visible; 0: no memory. */
static uint32_t node_make(uint32_t fill)
{
    uint32_t *node = node_take();
    if (!node)
        return 0;
    for (unsigned i = 0; i < FIB_NODE_SLOTS; i++)
        node[i] = fill;
    heap.nodes++;
    return FIB_NODE | ((uint32_t)place_of((uintptr_t)node) & ~FIB_NODE);
}

static void nodes_rest(void);

static void nodes_rested(void *arg)
{
    unsigned asked = heap.asked;
    for (unsigned i = 0; i < asked; i++) {
        memcpy(heap.resting[i], &heap.free, sizeof heap.free);
        heap.free = heap.resting[i];
        heap.nodes--;
    }
    heap.rests -= asked;
    if (heap.rests)
        memmove(heap.resting, heap.resting + asked, heap.rests * sizeof *heap.resting);
    heap.asked = 0;
    nodes_rest();
}

/* One retire() at a time: those that come meanwhile wait for the next. */
static void nodes_rest(void)
{
    if (heap.asked || !heap.rests)
        return;
    heap.asked = heap.rests;
    retire(nodes_rested, NULL);
}

/* Late readers find its slots as they were. */
static void node_retire(uint32_t *node)
{
    heap.resting[heap.rests++] = node;
    nodes_rest();
}

/* Leaves ------------------------------------------------------------------ */

static uint32_t leaf_make(unsigned length, uint32_t value)
{
    return FIELD_PUT(FIB_LENGTH, (uint32_t)length) | value;
}

static unsigned leaf_length(uint32_t leaf)
{
    return FIELD_GET(FIB_LENGTH, leaf);
}

/* Every leaf below these slots that a prefix of `length` owns, or with `over`
 * also those that a shorter one owns, becomes `leaf`. */
static void fill(uint32_t *slots, unsigned count, unsigned length, bool over, uint32_t leaf)
{
    for (unsigned i = 0; i < count; i++)
        if (slots[i] & FIB_NODE)
            fill(fib_node(fib, slots[i]), FIB_NODE_SLOTS, length, over, leaf);
        else if (leaf_length(slots[i]) == length || (over && leaf_length(slots[i]) < length))
            store_release(&slots[i], leaf);
}

/* The slots on the way from the root towards a prefix. */
struct path {
    uint32_t *slot[3]; /* the first slot of the prefix's range at each level */
    unsigned level;    /* the deepest one reached */
};

static const uint8_t level_bits[3] = { 16, 24, 32 };

static unsigned range_count(unsigned level, unsigned length)
{
    return 1u << (level_bits[level] - length);
}

/* Down to the level where the prefix ends, or to the leaf that is in the way. */
static void path_find(struct path *path, uint32_t prefix, unsigned length)
{
    path->level = 0;
    path->slot[0] = &fib->root[prefix >> 16];
    while (length > level_bits[path->level] && (*path->slot[path->level] & FIB_NODE)) {
        uint32_t *node = fib_node(fib, *path->slot[path->level]);
        path->level++;
        path->slot[path->level] = node + (prefix >> (32 - level_bits[path->level]) & 0xff);
    }
}

/* A node says no more than one leaf would when all its leaves belong to
 * prefixes that end above it (then they are one and the same). */
static bool node_is_uniform(const uint32_t *slots, unsigned above)
{
    for (unsigned i = 0; i < FIB_NODE_SLOTS; i++)
        if ((slots[i] & FIB_NODE) || leaf_length(slots[i]) > above)
            return false;
    return true;
}

/* A node that cannot even be noted for want of memory stays: it says the same. */
static void path_collapse(struct path *path)
{
    for (unsigned level = path->level; level > 0; level--) {
        uint32_t *slots = fib_node(fib, *path->slot[level - 1]);
        if (!node_is_uniform(slots, level_bits[level - 1]) ||
            !list_ready(&heap.resting, &heap.rest_room, heap.rests))
            return;
        store_release(path->slot[level - 1], slots[0]);
        node_retire(slots);
    }
}

int fib_set(uint32_t prefix, unsigned length, uint32_t value)
{
    struct path path;
    if (!length) {
        store_release(&fib->fallback, value);
        return 0;
    }
    for (path_find(&path, prefix, length); length > level_bits[path.level];
         path_find(&path, prefix, length)) {
        uint32_t node = node_make(*path.slot[path.level]);
        if (!node) {
            path_collapse(&path);
            return -ENOMEM;
        }
        store_release(path.slot[path.level], node);
    }
    fill(path.slot[path.level], range_count(path.level, length), length, true,
         leaf_make(length, value));
    return 0;
}

void fib_clear(uint32_t prefix, unsigned length, unsigned cover_length, uint32_t cover)
{
    struct path path;
    if (!length) {
        store_release(&fib->fallback, 0);
        return;
    }
    path_find(&path, prefix, length);
    if (length > level_bits[path.level])
        return;
    fill(path.slot[path.level], range_count(path.level, length), length, false,
         cover_length ? leaf_make(cover_length, cover) : 0);
    path_collapse(&path);
}

/* Bursts ------------------------------------------------------------------ */

/* The second level is on its way before the first of them is looked at; few prefixes go further. */
void fib_lookup_burst(const uint32_t *addresses, uint32_t *values, unsigned n)
{
    const struct fib *f = load_acquire(&fib);
    for (unsigned i = 0; i < n; i++)
        __builtin_prefetch(&f->root[addresses[i] >> 16]);
    for (unsigned i = 0; i < n; i++) {
        values[i] = load_acquire(&f->root[addresses[i] >> 16]);
        if (values[i] & FIB_NODE)
            __builtin_prefetch(fib_node(f, values[i]) + (addresses[i] >> 8 & 0xff));
    }
    for (unsigned i = 0; i < n; i++)
        values[i] = fib_value(f, values[i], addresses[i]);
}
