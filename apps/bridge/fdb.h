/* fdb.h - the filtering database: which station is behind which port.
 *
 * Sources: IEEE 802.1Q 8.7 (learning) and 8.8 (filtering database).
 * unread in this file: 802.1Q.
 *
 * Keyed by a filtering identifier (FID: one a bridge) and MAC as one 64-bit word.  A
 * bucket is a cache line of four entries; a station is in one of two buckets, which a
 * hash with a seed of this boot chooses: in the first if there is room, and a count
 * beside the buckets says of how many that is not so.  There are twice as many entries
 * as may be learned.
 *
 * Who writes: the control task alone inserts, moves and removes.  Workers look
 * up without locks and refresh an entry's `seen`.  An entry is written value
 * first and its key last, and is emptied key first, so a worker that finds the
 * same key before and after it read the value has the value of that key.  (Had
 * the entry been given away and back in between, one frame would leave by the
 * wrong port: what flooding does all the time.)
 *
 * Dynamic entries end in no time and without a walk: when their port's
 * generation moves on (link down), or FDB_AGE_US after the station was last
 * seen.  fdb_tick() sweeps up behind, a little at a time. */
#pragma once

#include "kernel/time.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FDB_AGE_US (300 * US_PER_S) /* IEEE 802.1Q table 8-6, recommended default */
#define FDB_SWEEP_US US_PER_S       /* the whole table is walked that often */

#define FDB_KEY_GROUP MAC_WORD_GROUP

static inline uint64_t fdb_key(uint16_t fid, const uint8_t *mac)
{
    return (uint64_t)fid << 48 | mac_load(mac);
}

/* Workers ------------------------------------------------------------------ */

/* Fetches the first bucket early and tells where it is, for the one below. */
uint64_t fdb_prefetch(uint64_t key);
bool fdb_lookup(uint64_t key, uint64_t hash, uint16_t *port); /* *port: PORT_NONE when false */

/* The same for a burst of up to 32 stations, whose keys are the caller's. */
struct fdb_station {
    uint64_t key, hash;
};
void fdb_prefetch_burst(struct fdb_station *stations, unsigned n);
void fdb_lookup_burst(const struct fdb_station *stations, uint16_t *ports, unsigned n);
/* The station is sticky on another port.  To be asked of those that must be learned. */
bool fdb_is_elsewhere(uint64_t key, uint64_t hash, uint16_t port);
/* All were seen on `port`.  As bits, the ones that the control task must learn: one of those in a
 * row that are the same, and every one that is sticky elsewhere. */
uint32_t fdb_refresh_burst(const struct fdb_station *stations, uint16_t port, unsigned n);

/* Control task -------------------------------------------------------------- */

/* Room for `stations` learned ones, a power of two.  0 or -ENOMEM. */
int fdb_init(uint32_t stations);
void fdb_free(void);
/* Another room, rounded up; what was learned is learned anew.  0, -ENOMEM, or -ENOSPC: there are
 * too many static entries for it; then it stays as it was.  In a task, and by one at a time. */
#define FDB_STATIONS_MIN 1024u
#define FDB_STATIONS_MAX (1u << 20)
int fdb_resize(uint32_t stations);
bool fdb_is_resized(void);
/* Learns or moves.  Refused, and told once in the log, when there is no room;
 * frames to that station are then flooded. */
void fdb_learn(uint64_t key, uint16_t port);
/* A static entry, in place of a learned one if need be.  0, or -ENOSPC. */
int fdb_add_static(uint64_t key, uint16_t port);
int fdb_add_sticky(uint64_t key, uint16_t port); /* and see fdb_is_elsewhere() */
int fdb_delete(uint64_t key); /* of either kind; 0 or -ENOENT */
/* How many stations are learned there, those left out of the sum that nobody could count. */
uint32_t fdb_learned_on(uint16_t port);
/* Forgets what was learned on the port (and perhaps on others: they learn anew). */
void fdb_flush_port(uint16_t port);
/* Deletes static entries: of a filtering identifier, or a port, or both (FDB_ANY: of all;
 * FDB_NOBODYS: of identifiers that are nobody's).
 * Inside a task the loop goes on between its pieces; who may not wait begins it, and somebody
 * goes on with it until it says that there is no more. */
#define FDB_ANY UINT16_MAX
#define FDB_NOBODYS (UINT16_MAX - 1)
void fdb_forget_static(uint16_t fid, uint16_t port);
void fdb_forget_begin(uint16_t fid, uint16_t port);
bool fdb_forget_slice(void);
#define FDB_ENTRIES_PER_SLICE 512u
extern unsigned fdb_slice_most; /* entries looked at by one piece of it at most; tests clear it */
void fdb_tick(uint64_t now_us);

struct fdb_counts {
    uint32_t learned, fixed, limit; /* learned: ended ones that were not swept yet included */
    uint64_t refused;               /* times that a station was not learned for want of room */
};
void fdb_counts(struct fdb_counts *counts);

struct fdb_row {
    uint16_t fid, port;
    uint8_t mac[MAC_LEN];
    bool fixed, sticky;
    uint32_t age_s; /* since last seen */
};
/* The next entry; *cursor starts at 0 and survives changes to the table, which may come: inside a
 * task the loop has a turn where a long stretch is empty. */
bool fdb_next(uint32_t *cursor, struct fdb_row *row);
