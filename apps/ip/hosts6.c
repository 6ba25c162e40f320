/* hosts6.c - the writer of the table of single IPv6 addresses (hosts6.h). */
#include "apps/ip/hosts6.h"

#include "apps/forward/quiesce.h"
#include "kernel/memory.h"
#include "kernel/random.h"

#include <errno.h>
#include <stdlib.h>

#define CHAINS_FIRST 256u
#define CHAINS_AT_ONCE 8u /* that move with a change: two tables are not needed for long */

struct hosts6 hosts6;

static struct host6 *host_at(const struct blocks *blocks, uint32_t place)
{
    return blocks_at(blocks, place);
}

static uint32_t chain_of(const struct hosts6_table *table, const struct host6 *host)
{
    return hosts6_hash(host->high, host->low) & table->mask;
}

static void link_in(const struct blocks *blocks, struct hosts6_table *table, uint32_t place)
{
    struct host6 *host = host_at(blocks, place);
    uint32_t *first = &table->first[chain_of(table, host)];
    store_release(&host->link[table->link], *first);
    store_release(first, place);
}

/* Its own link stays: a reader may be at it. */
static void link_out(const struct blocks *blocks, struct hosts6_table *table, uint32_t place)
{
    const struct host6 *host = host_at(blocks, place);
    uint32_t *at = &table->first[chain_of(table, host)];
    while (*at != place)
        at = &host_at(blocks, *at)->link[table->link];
    store_release(at, host->link[table->link]);
}

/* Growing ------------------------------------------------------------------ */

static struct hosts6_table *table_make(uint32_t chains, unsigned link)
{
    struct hosts6_table *t = table_calloc(1, sizeof *t + chains * sizeof t->first[0]);
    if (t) {
        t->mask = chains - 1;
        t->link = link;
    }
    return t;
}

static void have_left(void *table)
{
    hosts6.resting = false;
    free(table);
}

static void chain_move(const struct blocks *blocks, uint32_t chain)
{
    const struct hosts6_table *table = hosts6.table;
    for (uint32_t place = table->first[chain]; place;
         place = host_at(blocks, place)->link[table->link])
        link_in(blocks, hosts6.next, place);
}

/* A piece of the work for a table that has twice as many chains. */
static void grow(const struct blocks *blocks)
{
    struct hosts6_table *table = hosts6.table;
    if (!hosts6.next) {
        if (hosts6.count <= table->mask || hosts6.resting)
            return;
        hosts6.next = table_make(2 * (table->mask + 1), !table->link);
        hosts6.moved = 0;
    }
    for (unsigned i = 0; hosts6.next && i < CHAINS_AT_ONCE; i++)
        chain_move(blocks, hosts6.moved++);
    if (!hosts6.next || hosts6.moved <= table->mask)
        return;
    store_release(&hosts6.table, hosts6.next);
    hosts6.next = NULL;
    hosts6.resting = true;
    retire(have_left, table);
}

/* Changes ------------------------------------------------------------------ */

/* Those whose chain has moved are in both. */
static bool is_in_next(const struct host6 *host)
{
    return hosts6.next && chain_of(hosts6.table, host) < hosts6.moved;
}

static uint32_t find(const struct blocks *blocks, uint64_t high, uint64_t low)
{
    const struct hosts6_table *table = hosts6.table;
    uint32_t place = table ? hosts6_first(table, high, low) : 0;
    while (place) {
        const struct host6 *host = host_at(blocks, place);
        if (host->low == low && host->high == high)
            break;
        place = host->link[table->link];
    }
    return place;
}

static int table_ready(void)
{
    if (hosts6.table)
        return 0;
    hosts6.seed[0] = random_word();
    hosts6.seed[1] = random_word();
    store_release(&hosts6.table, table_make(CHAINS_FIRST, 0));
    return hosts6.table ? 0 : -ENOMEM;
}

static int add(struct blocks *blocks, uint64_t high, uint64_t low, uint32_t value)
{
    uint32_t place = table_ready() ? 0 : blocks_take(blocks, sizeof(struct host6));
    if (!place)
        return -ENOMEM;
    struct host6 *host = host_at(blocks, place);
    *host = (struct host6){ .high = high, .low = low, .value = value };
    link_in(blocks, hosts6.table, place);
    if (is_in_next(host))
        link_in(blocks, hosts6.next, place);
    hosts6.count++;
    grow(blocks);
    return 0;
}

int hosts6_set(struct blocks *blocks, const uint8_t *address, uint32_t value)
{
    uint64_t high = load_le64(address), low = load_le64(address + 8);
    uint32_t place = find(blocks, high, low);
    if (!place)
        return add(blocks, high, low, value);
    store_release(&host_at(blocks, place)->value, value);
    return 0;
}

void hosts6_clear(struct blocks *blocks, const uint8_t *address)
{
    uint32_t place = find(blocks, load_le64(address), load_le64(address + 8));
    if (!place)
        return;
    struct host6 *host = host_at(blocks, place);
    store_release(&host->value, 0);
    if (!blocks_rest_ready(blocks))
        return;
    link_out(blocks, hosts6.table, place);
    if (is_in_next(host))
        link_out(blocks, hosts6.next, place);
    hosts6.count--;
    blocks_rest(blocks, place, sizeof *host);
}

static uint64_t table_bytes(const struct hosts6_table *table)
{
    return table ? sizeof *table + (table->mask + 1ull) * sizeof table->first[0] : 0;
}

uint64_t hosts6_bytes(void)
{
    return table_bytes(hosts6.table) + table_bytes(hosts6.next);
}

void hosts6_free(void)
{
    free(hosts6.table);
    free(hosts6.next);
    hosts6.table = hosts6.next = NULL;
    hosts6.count = 0;
}
