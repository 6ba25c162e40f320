/* fdb.c - hash table of stations, one writer, readers without locks (fdb.h). */
#include "apps/bridge/fdb.h"

#include "apps/bridge/fid.h"
#include "apps/forward/job.h"
#include "apps/forward/quiesce.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/random.h"
#include "kernel/task.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define BUCKET_ENTRIES 4u
#define AGE_MS ((int32_t)(FDB_AGE_US / US_PER_MS))
#define TICK_US (10 * US_PER_MS)
#define SWEEP_TICKS (FDB_SWEEP_US / TICK_US)

/* Stations that can be known: a few for each packet, within bounds. */
#define STATIONS_PER_PACKET 4u
#define STATIONS_MAX 65536u

#define WHERE_PORT 0x0000ffffu
#define WHERE_GENERATION 0x3fff0000u /* of the port, when it was learned */
#define WHERE_STICKY 0x40000000u     /* a static entry that its station must keep to */
#define WHERE_FIXED 0x80000000u      /* a static entry */

#define GENERATIONS 256u

struct entry {
    uint64_t key;   /* 0: empty; no station has the address 0 */
    uint32_t where; /* control task */
    uint32_t seen;  /* ms, wraps; workers and control task */
};

struct bucket {
    struct entry entry[BUCKET_ENTRIES];
} CACHE_ALIGNED;

_Static_assert(sizeof(struct bucket) == CACHE_LINE, "a lookup touches one line a bucket");

struct table {
    uint32_t mask;
    uint8_t *spills; /* of each bucket: its stations that lie in their second one */
    struct bucket bucket[];
};
#define SPILLS_MAX UINT8_MAX /* that many, or more: it stays so */

static struct {
    struct table *table; /* replaced as a whole */
    uint32_t now_ms;
    uint64_t seed[2];
    /* Already in place under WHERE_GENERATION.  Ports whose numbers differ by a multiple of
     * the slots share one: a flush of one costs the other some flooding. */
    uint32_t generation[GENERATIONS];
    /* The rest is the control task's. */
    uint32_t learned, fixed, limit, sweep_at;
    uint32_t usual_limit; /* the one it began with */
    unsigned forgets;     /* walks that have begun */
    uint64_t refused;
    bool full_told;
    uint32_t *learned_on; /* of `learned`, by port; as long as was needed */
    uint32_t ports;
} fdb;

/* Forgetting static entries: one such walk at a time. */
static struct {
    bool busy;
    uint16_t fid, port;
    uint32_t at;
} walk;
unsigned fdb_slice_most;

/* Two 64-bit multiplications mix 60 bits of key into two 32-bit halves; who
 * does not know the seed cannot choose stations that crowd one bucket. */
static inline uint64_t hash(uint64_t key)
{
    uint64_t h = (key ^ fdb.seed[0]) * fdb.seed[1];
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 29;
}

static inline struct bucket *bucket_of(struct table *t, uint64_t h, unsigned which)
{
    return &t->bucket[(which ? h >> 32 : h) & t->mask];
}

static inline uint8_t *spills_of(const struct table *t, uint64_t h)
{
    return &t->spills[h & t->mask];
}

/* As likely as not: to be chosen by, not to jump by. */
#define EITHER(x) __builtin_expect_with_probability(x, 1, 0.5)

/* Where the station is if it is in there: the place is as good as random, so it is reckoned. */
static inline struct entry *place_in(struct bucket *bucket, uint64_t key)
{
    struct entry *e = bucket->entry, *found = e;
#pragma GCC unroll 4
    for (unsigned i = 1; i < BUCKET_ENTRIES; i++)
        found = EITHER(load_acquire(&e[i].key) == key) ? &e[i] : found;
    return found;
}

/* Where the station is if it is known.  Most are in their first bucket, and of most first buckets
 * nobody is elsewhere: the one jump there is asks for both at once, as it is seldom taken whoever
 * is looked for. */
static inline struct entry *place_of(struct table *t, uint64_t key, uint64_t h)
{
    struct entry *e = place_in(bucket_of(t, h, 0), key);
    unsigned elsewhere = load_acquire(spills_of(t, h)) & -(unsigned)(load_acquire(&e->key) != key);
    return unlikely(elsewhere) ? place_in(bucket_of(t, h, 1), key) : e;
}

static inline struct entry *entry_find(struct table *t, uint64_t key, uint64_t h)
{
    struct entry *e = place_of(t, key, h);
    return likely(key) && load_acquire(&e->key) == key ? e : NULL;
}

static uint32_t where_now(uint16_t port)
{
    return load_relaxed(&fdb.generation[port % GENERATIONS]) | port;
}

/* Signed: `seen` may be younger than the clock that this worker reads. */
static inline bool is_young(uint32_t now, uint32_t seen)
{
    return (int32_t)(now - seen) < AGE_MS;
}

static inline bool is_live(uint32_t where, uint32_t seen)
{
    unsigned there = where == where_now((uint16_t)(where & WHERE_PORT));
    return where & WHERE_FIXED || (there & is_young(load_relaxed(&fdb.now_ms), seen));
}

static bool entry_live(const struct entry *e)
{
    return is_live(load_relaxed(&e->where), load_relaxed(&e->seen));
}

/* Workers ------------------------------------------------------------------ */

static inline uint64_t prefetch(struct table *t, uint64_t key)
{
    uint64_t h = hash(key);
    __builtin_prefetch(bucket_of(t, h, 0));
    return h;
}

/* Whether it is known is no jump: that is anybody's guess where many are not. */
static inline uint16_t lookup(struct table *t, uint64_t key, uint64_t h)
{
    const struct entry *e = place_of(t, key, h);
    uint64_t other = load_acquire(&e->key) ^ key;
    uint32_t where = load_acquire(&e->where), seen = load_acquire(&e->seen);
    uint32_t says = is_live(where, seen);
    if (unlikely(!key))
        return PORT_NONE;
    says &= !(other | (load_relaxed(&e->key) ^ key));
    return (uint16_t)(where | (says - 1)); /* PORT_NONE: all ones */
}

/* `seen` is written once per tick and station, so that the line stays shared.  `here`: what
 * stations of the port where the frame came in have under `where`. */
static inline bool refresh(struct table *t, uint64_t key, uint64_t h, uint32_t here)
{
    struct entry *e = entry_find(t, key, h);
    if (!e)
        return false;
    uint32_t where = load_relaxed(&e->where), now = load_relaxed(&fdb.now_ms);
    if (where & WHERE_FIXED)
        return !(where & WHERE_STICKY) || (where & WHERE_PORT) == (here & WHERE_PORT);
    uint32_t seen = load_relaxed(&e->seen);
    if (where != here || !is_young(now, seen))
        return false;
    if (seen != now)
        store_relaxed(&e->seen, now);
    return true;
}

uint64_t fdb_prefetch(uint64_t key)
{
    return prefetch(load_acquire(&fdb.table), key);
}

bool fdb_lookup(uint64_t key, uint64_t h, uint16_t *port)
{
    *port = lookup(load_acquire(&fdb.table), key, h);
    return *port != PORT_NONE;
}

bool fdb_is_elsewhere(uint64_t key, uint64_t h, uint16_t port)
{
    const struct entry *e = entry_find(load_acquire(&fdb.table), key, h);
    uint32_t where = e ? load_relaxed(&e->where) : 0;
    return where & WHERE_STICKY && (where & WHERE_PORT) != port;
}

void fdb_prefetch_burst(struct fdb_station *stations, unsigned n)
{
    struct table *t = load_acquire(&fdb.table);
    for (unsigned i = 0; i < n; i++)
        stations[i].hash = prefetch(t, stations[i].key);
}

void fdb_lookup_burst(const struct fdb_station *stations, uint16_t *ports, unsigned n)
{
    struct table *t = load_acquire(&fdb.table);
    for (unsigned i = 0; i < n; i++)
        ports[i] = lookup(t, stations[i].key, stations[i].hash);
}

uint32_t fdb_refresh_burst(const struct fdb_station *stations, uint16_t port, unsigned n)
{
    struct table *t = load_acquire(&fdb.table);
    uint64_t last = 0;
    uint32_t news = 0, here = where_now(port);
    for (unsigned i = 0; i < n; i++) {
        uint64_t key = stations[i].key, h = stations[i].hash;
        if (key != last && unlikely(!refresh(t, key, h, here))) {
            news |= 1u << i;
            if (unlikely(fdb_is_elsewhere(key, h, port)))
                key = 0; /* each of its frames is refused */
        }
        last = key;
    }
    return news;
}

/* Control task: set-up ------------------------------------------------------- */

static uint32_t buckets_for(uint32_t limit)
{
    /* Twice as many entries as stations: both buckets are hardly ever full. */
    return limit * 2 / BUCKET_ENTRIES;
}

static size_t table_size(uint32_t limit)
{
    size_t bucket = sizeof(struct bucket) + sizeof(uint8_t);
    return ALIGN_UP(sizeof(struct table) + buckets_for(limit) * bucket, (size_t)CACHE_LINE);
}

/* Of cleared memory. */
static void table_init(struct table *t, uint32_t limit)
{
    t->mask = buckets_for(limit) - 1;
    t->spills = (uint8_t *)&t->bucket[buckets_for(limit)];
}

static void table_use(struct table *t, uint32_t limit)
{
    store_release(&fdb.table, t);
    fdb.limit = limit;
    fdb.learned = fdb.sweep_at = 0;
    fdb.full_told = false;
    for (uint32_t port = 0; port < fdb.ports; port++)
        fdb.learned_on[port] = 0;
}

int fdb_init(uint32_t stations)
{
    uint32_t limit = 1u << (31 - __builtin_clz(stations | BUCKET_ENTRIES));
    struct table *t = aligned_alloc(CACHE_LINE, table_size(limit));
    if (!t)
        return -ENOMEM;
    memset(t, 0, table_size(limit));
    table_init(t, limit);
    memset(&fdb, 0, sizeof fdb);
    table_use(t, limit);
    fdb.usual_limit = limit;
    fdb.now_ms = (uint32_t)(time_us() / US_PER_MS);
    fdb.seed[0] = random_word();
    fdb.seed[1] = random_word() | 1;
    return 0;
}

void fdb_free(void)
{
    free(fdb.table);
    free(fdb.learned_on);
    memset(&fdb, 0, sizeof fdb);
    memset(&walk, 0, sizeof walk);
    fdb_slice_most = 0;
}

/* Control task: entries ------------------------------------------------------ */

/* Where there is no memory for a port's sum, it is 0. */
static void count_learned(uint16_t port, int more)
{
    if (port >= fdb.ports && more > 0) {
        uint32_t ports = (port | 63u) + 1;
        uint32_t *sums = realloc(fdb.learned_on, ports * sizeof *sums);
        if (!sums)
            return;
        memset(sums + fdb.ports, 0, (ports - fdb.ports) * sizeof *sums);
        fdb.learned_on = sums;
        fdb.ports = ports;
    }
    if (port < fdb.ports && (more > 0 || fdb.learned_on[port]))
        fdb.learned_on[port] += (uint32_t)more;
}

uint32_t fdb_learned_on(uint16_t port)
{
    return port < fdb.ports ? fdb.learned_on[port] : 0;
}

static bool is_spilled(struct table *t, uint64_t h, const struct entry *e)
{
    const struct bucket *first = bucket_of(t, h, 0);
    return e < first->entry || e >= first->entry + BUCKET_ENTRIES;
}

/* Before an entry comes, and after it went: readers look for it where they are told. */
static void spill_count(struct table *t, uint64_t h, const struct entry *e, int one)
{
    uint8_t *spills = spills_of(t, h);
    if (is_spilled(t, h, e) && *spills != SPILLS_MAX)
        store_release(spills, (uint8_t)(*spills + one));
}

static void entry_write(struct entry *e, uint64_t key, uint32_t where)
{
    store_release(&e->where, where);
    store_release(&e->seen, fdb.now_ms);
    store_release(&e->key, key);
}

/* Writes an empty one. */
static void entry_fill(struct table *t, struct entry *e, uint64_t key, uint32_t where)
{
    spill_count(t, hash(key), e, 1);
    entry_write(e, key, where);
}

static void entry_erase(struct table *t, struct entry *e)
{
    uint64_t h = hash(e->key);
    store_release(&e->key, 0);
    spill_count(t, h, e, -1);
}

static void entry_empty(struct table *t, struct entry *e)
{
    if (e->where & WHERE_FIXED)
        fdb.fixed--;
    else
        fdb.learned--;
    if (!(e->where & WHERE_FIXED))
        count_learned((uint16_t)(e->where & WHERE_PORT), -1);
    entry_erase(t, e);
}

/* An empty entry; those that have ended are emptied.  NULL: the bucket is full. */
static struct entry *bucket_room(struct table *t, struct bucket *bucket)
{
    struct entry *room = NULL;
    for (unsigned i = BUCKET_ENTRIES; i--;) {
        struct entry *e = &bucket->entry[i];
        if (e->key && !entry_live(e))
            entry_empty(t, e);
        if (!e->key)
            room = e;
    }
    return room;
}

/* One of a full bucket's moves to its other bucket. */
static struct entry *bucket_clear_one(struct table *t, struct bucket *bucket)
{
    for (unsigned i = 0; i < BUCKET_ENTRIES; i++) {
        struct entry *e = &bucket->entry[i];
        uint64_t h = hash(e->key);
        struct bucket *other = bucket_of(t, h, bucket == bucket_of(t, h, 0));
        struct entry *room = other == bucket ? NULL : bucket_room(t, other);
        if (!room)
            continue;
        uint32_t seen = load_relaxed(&e->seen);
        entry_fill(t, room, e->key, e->where);
        store_relaxed(&room->seen, seen);
        entry_erase(t, e);
        return e;
    }
    return NULL;
}

/* An empty entry of the key's first bucket, or else of its second; NULL: there is none. */
static struct entry *entry_room(struct table *t, uint64_t key)
{
    uint64_t h = hash(key);
    struct entry *e = NULL;
    for (unsigned which = 0; !e && which < 2; which++)
        e = bucket_room(t, bucket_of(t, h, which));
    for (unsigned which = 0; !e && which < 2; which++)
        e = bucket_clear_one(t, bucket_of(t, h, which));
    return e;
}

static struct entry *entry_evict(struct table *t, uint64_t key)
{
    uint64_t h = hash(key);
    for (unsigned i = 0; i < 2 * BUCKET_ENTRIES; i++) {
        struct entry *e = &bucket_of(t, h, i / BUCKET_ENTRIES)->entry[i % BUCKET_ENTRIES];
        if (!(e->where & WHERE_FIXED)) {
            entry_empty(t, e);
            return e;
        }
    }
    return NULL;
}

static void refuse(void)
{
    fdb.refused++;
    if (fdb.full_told)
        return;
    fdb.full_told = true;
    log_warning("fdb: full with %" PRIu32 " stations; frames to others are flooded", fdb.learned);
}

void fdb_learn(uint64_t key, uint16_t port)
{
    struct table *t = fdb.table;
    struct entry *e = entry_find(t, key, hash(key));
    if (e && e->where & WHERE_FIXED)
        return;
    if (e) {
        count_learned((uint16_t)(e->where & WHERE_PORT), -1);
        count_learned(port, 1);
        entry_write(e, key, where_now(port));
        return;
    }
    e = entry_room(t, key);
    if (!e || fdb.learned >= fdb.limit) {
        refuse();
        return;
    }
    fdb.learned++;
    count_learned(port, 1);
    entry_fill(t, e, key, where_now(port));
}

static int pin(uint64_t key, uint32_t where)
{
    struct table *t = fdb.table;
    struct entry *e = entry_find(t, key, hash(key));
    if (e)
        entry_empty(t, e);
    else
        e = entry_room(t, key);
    if (!e)
        e = entry_evict(t, key);
    if (!e)
        return -ENOSPC;
    fdb.fixed++;
    entry_fill(t, e, key, where);
    return 0;
}

int fdb_add_static(uint64_t key, uint16_t port)
{
    return pin(key, WHERE_FIXED | port);
}

int fdb_add_sticky(uint64_t key, uint16_t port)
{
    return pin(key, WHERE_FIXED | WHERE_STICKY | port);
}

int fdb_delete(uint64_t key)
{
    struct entry *e = entry_find(fdb.table, key, hash(key));
    bool live = e && entry_live(e);
    if (e)
        entry_empty(fdb.table, e);
    return live ? 0 : -ENOENT;
}

/* The 14 bits come round after 16384 flushes; the sweeper is through long before. */
void fdb_flush_port(uint16_t port)
{
    uint32_t *generation = &fdb.generation[port % GENERATIONS];
    store_relaxed(generation, (*generation + WHERE_PORT + 1) & WHERE_GENERATION);
}

void fdb_tick(uint64_t now_us)
{
    store_relaxed(&fdb.now_ms, (uint32_t)(now_us / US_PER_MS));
    struct table *t = fdb.table;
    for (uint32_t i = 0; i <= t->mask / SWEEP_TICKS; i++)
        bucket_room(t, &t->bucket[fdb.sweep_at++ & t->mask]);
    if (fdb.learned < fdb.limit / 4 * 3)
        fdb.full_told = false;
}

/* Control task: looking, so many entries in one piece --------------------------- */

void fdb_counts(struct fdb_counts *counts)
{
    *counts = (struct fdb_counts){
        .learned = fdb.learned, .fixed = fdb.fixed, .limit = fdb.limit, .refused = fdb.refused
    };
}

static void row_fill(const struct entry *e, struct fdb_row *row)
{
    row->fid = (uint16_t)(e->key >> 48);
    for (unsigned i = 0; i < MAC_LEN; i++)
        row->mac[i] = (uint8_t)(e->key >> 8 * i);
    row->port = (uint16_t)(e->where & WHERE_PORT);
    row->fixed = e->where & WHERE_FIXED;
    row->sticky = e->where & WHERE_STICKY;
    row->age_s = (fdb.now_ms - load_relaxed(&e->seen)) / 1000;
}

/* The next live entry from *cursor on, at which it stays; NULL: none before the table ends or
 * `most` were looked at. */
static struct entry *look(uint32_t *cursor, unsigned most)
{
    for (; most && *cursor < fdb.limit * 2; most--, ++*cursor) {
        struct bucket *bucket = &fdb.table->bucket[*cursor / BUCKET_ENTRIES];
        struct entry *e = &bucket->entry[*cursor % BUCKET_ENTRIES];
        if (e->key && entry_live(e))
            return e;
    }
    return NULL;
}

bool fdb_next(uint32_t *cursor, struct fdb_row *row)
{
    while (*cursor < fdb.limit * 2) {
        const struct entry *e = look(cursor, FDB_ENTRIES_PER_SLICE);
        if (e) {
            row_fill(e, row);
            ++*cursor;
            return true;
        }
        task_yield();
    }
    return false;
}

/* Forgetting static entries -------------------------------------------------- */

static bool is_of_walk(uint16_t fid)
{
    bool nobodys = walk.fid == FDB_NOBODYS && fid != BRIDGE_DEFAULT_FID && !fid_get(fid).bridge;
    return walk.fid == FDB_ANY || walk.fid == fid || nobodys;
}

static bool is_to_forget(const struct entry *e)
{
    return e->where & WHERE_FIXED && is_of_walk((uint16_t)(e->key >> 48)) &&
           (walk.port == FDB_ANY || walk.port == (e->where & WHERE_PORT));
}

bool fdb_forget_slice(void)
{
    uint32_t begin = walk.at, stop = begin + FDB_ENTRIES_PER_SLICE;
    struct entry *e;
    if (!walk.busy)
        return false;
    while (fdb.fixed && (e = look(&walk.at, stop - walk.at))) {
        if (is_to_forget(e))
            entry_empty(fdb.table, e);
        walk.at++;
    }
    if (walk.at - begin > fdb_slice_most)
        fdb_slice_most = walk.at - begin;
    walk.busy &= fdb.fixed && walk.at < fdb.limit * 2;
    return walk.busy;
}

void fdb_forget_begin(uint16_t fid, uint16_t port)
{
    while (walk.busy) /* somebody else's: two at once are rare */
        fdb_forget_slice();
    fdb.forgets++;
    walk.busy = true;
    walk.fid = fid;
    walk.port = port;
    walk.at = 0;
}

void fdb_forget_static(uint16_t fid, uint16_t port)
{
    fdb_forget_begin(fid, port);
    while (fdb_forget_slice())
        task_yield();
}

/* Another size ---------------------------------------------------------------- */

#define CLEARED_PER_SLICE (64u << 10)

static void clear_slowly(void *memory, size_t size)
{
    char *at = memory;
    for (size_t n; size; at += n, size -= n) {
        n = size < CLEARED_PER_SLICE ? size : CLEARED_PER_SLICE;
        memset(at, 0, n);
        task_yield();
    }
}

static int copy_static(struct table *to)
{
    const struct entry *e;
    for (uint32_t at = 0; at < fdb.limit * 2; task_yield()) {
        uint32_t stop = at + FDB_ENTRIES_PER_SLICE;
        for (; (e = look(&at, stop - at)); at++) {
            struct entry *room = e->where & WHERE_FIXED ? entry_room(to, e->key) : NULL;
            if (room)
                entry_fill(to, room, e->key, e->where);
            else if (e->where & WHERE_FIXED)
                return -ENOSPC;
        }
    }
    return 0;
}

/* Commands come one at a time, so only walks that forget can change static entries meanwhile:
 * then it begins anew. */
int fdb_resize(uint32_t stations)
{
    uint32_t limit = FDB_STATIONS_MIN;
    while (limit < stations)
        limit *= 2;
    struct table *t = table_alloc(CACHE_LINE, table_size(limit)), *old = fdb.table;
    unsigned forgets;
    if (!t)
        return -ENOMEM;
    do {
        forgets = fdb.forgets;
        clear_slowly(t, table_size(limit));
        table_init(t, limit);
        if (copy_static(t)) {
            free(t);
            return -ENOSPC;
        }
    } while (walk.busy || forgets != fdb.forgets);
    table_use(t, limit);
    retire(free, old);
    return 0;
}

bool fdb_is_resized(void)
{
    return fdb.limit != fdb.usual_limit;
}

/* The appliance's ----------------------------------------------------------- */

static int init_for(uint32_t packets)
{
    uint64_t stations = max_u64((uint64_t)packets * STATIONS_PER_PACKET, FDB_STATIONS_MIN);
    return fdb_init((uint32_t)min_u64(stations, STATIONS_MAX));
}

static void tick(struct worker *control, uint64_t now_us)
{
    fdb_tick(now_us);
}

CONTROL_JOB(fdb_job) = { .every_us = TICK_US, .run = tick, .init = init_for, .free = fdb_free };
