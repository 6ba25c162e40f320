/* fib.c - the forwarding trie's writer (fib.h). */
#include "apps/ip/fib.h"

#include <errno.h>
#include <stdlib.h>

struct fib *fib;

/* Free and retired nodes are listed through one word a node that lies behind
 * the chunk's slots: a retired node's own slots stay as late readers expect. */
#define CHUNK_SLOTS (FIB_CHUNK_NODES * FIB_NODE_SLOTS)
#define NONE UINT32_MAX

static uint32_t nodes_made, nodes_used;
static uint32_t free_list, retired_list;

int fib_init(void)
{
    if (fib)
        return 0;
    struct fib *f = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    nodes_made = nodes_used = 0;
    free_list = retired_list = NONE;
    store_release(&fib, f);
    return 0;
}

void fib_shutdown(void)
{
    if (!fib)
        return;
    for (unsigned i = 0; i < FIB_CHUNKS && fib->chunk[i]; i++)
        free(fib->chunk[i]);
    free(fib);
    fib = NULL;
}

unsigned fib_nodes(void)
{
    return nodes_used;
}

static uint32_t *node_link(uint32_t node)
{
    return fib->chunk[node / FIB_CHUNK_NODES] + CHUNK_SLOTS + node % FIB_CHUNK_NODES;
}

static uint32_t node_make(void)
{
    uint32_t **chunk = &fib->chunk[nodes_made / FIB_CHUNK_NODES];
    if (!*chunk)
        *chunk = malloc((CHUNK_SLOTS + FIB_CHUNK_NODES) * sizeof **chunk);
    return *chunk ? nodes_made++ : NONE;
}

/* A node whose slots all say `fill`, not yet visible; NONE: no memory. */
static uint32_t node_alloc(uint32_t fill)
{
    uint32_t node = free_list;
    if (node != NONE)
        free_list = *node_link(node);
    else if (nodes_made < FIB_CHUNKS * FIB_CHUNK_NODES)
        node = node_make();
    if (node == NONE)
        return NONE;
    uint32_t *slots = fib_node(fib, node);
    for (unsigned i = 0; i < FIB_NODE_SLOTS; i++)
        slots[i] = fill;
    nodes_used++;
    return node;
}

static void node_retire(uint32_t node)
{
    *node_link(node) = retired_list;
    retired_list = node;
}

void fib_quiescent(void)
{
    if (!fib)
        return;
    while (retired_list != NONE) {
        uint32_t node = retired_list;
        retired_list = *node_link(node);
        *node_link(node) = free_list;
        free_list = node;
        nodes_used--;
    }
}

static uint32_t leaf_make(unsigned length, uint32_t adjacency)
{
    return FIELD_PUT(FIB_LENGTH, (uint32_t)length) | adjacency;
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

static void path_collapse(struct path *path)
{
    for (unsigned level = path->level; level > 0; level--) {
        uint32_t was = *path->slot[level - 1];
        uint32_t *slots = fib_node(fib, was);
        if (!node_is_uniform(slots, level_bits[level - 1]))
            return;
        store_release(path->slot[level - 1], slots[0]);
        node_retire(was & ~FIB_NODE);
    }
}

int fib_set(uint32_t prefix, unsigned length, uint32_t adjacency)
{
    struct path path;
    for (path_find(&path, prefix, length); length > level_bits[path.level];
         path_find(&path, prefix, length)) {
        uint32_t node = node_alloc(*path.slot[path.level]);
        if (node == NONE) {
            path_collapse(&path);
            return -ENOMEM;
        }
        store_release(path.slot[path.level], FIB_NODE | node);
    }
    fill(path.slot[path.level], range_count(path.level, length), length, true,
         leaf_make(length, adjacency));
    return 0;
}

void fib_clear(uint32_t prefix, unsigned length, unsigned cover_length, uint32_t cover)
{
    struct path path;
    path_find(&path, prefix, length);
    if (length > level_bits[path.level])
        return;
    fill(path.slot[path.level], range_count(path.level, length), length, false,
         leaf_make(cover_length, cover));
    path_collapse(&path);
}
