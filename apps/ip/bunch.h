/* bunch.h - a few prefixes below one slot of a trie, to be compared at once.
 *
 * They are those that end within the four octets below the slot, in the order of their lengths, the
 * longest first: the first one that fits is it.  Where they end within two octets they are compared
 * in 16 bits, eight of them in a line, 16 in two; where there are longer ones all are compared in
 * 32.  A bunch's name is its place (blocks.h), a multiple of four, and its kind; what stands above
 * is the user's.
 *
 * Once it can be found only values and the cover change, each by a single store: for anything else
 * another bunch takes its place. */
#pragma once

#include "apps/ip/blocks.h"
#include "kernel/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define BUNCH_TWO 1u /* two lines */
#define BUNCH_FAR 2u /* prefixes that end further below */
#define BUNCH_LINE 8u
#define BUNCH_MOST (2 * BUNCH_LINE)
#define BUNCH_BITS 16u
#define BUNCH_FAR_BITS 32u

/* Keys and masks are as they lie in an address; those of lanes that are not used fit nothing.  The
 * value behind the others is of what none fits.  A value of 0: the next line knows, or `cover`. */
struct bunch_line {
    uint16_t key[BUNCH_LINE], mask[BUNCH_LINE];
    uint16_t value[BUNCH_LINE + 1];
    uint16_t gone;  /* the control task's: those that went, and there was no memory to say so */
    uint32_t cover; /* the user's word for what none fits; the first line's */
} CACHE_ALIGNED;
_Static_assert(sizeof(struct bunch_line) == CACHE_LINE, "all are compared at once");

struct bunch_far {
    uint32_t key[BUNCH_MOST], mask[BUNCH_MOST];
    uint16_t value[BUNCH_MOST + 1];
    uint16_t gone;
    uint32_t cover;
} CACHE_ALIGNED;

static ALWAYS_INLINE void *bunch_at(const struct blocks *lines, uint32_t name)
{
    return blocks_at(lines, name & ~(BUNCH_TWO | BUNCH_FAR));
}

/* What it says of a key whose next four octets are these, as they lie there: a value, or the
 * cover. */
uint32_t bunch_says(const struct blocks *lines, uint32_t name, uint32_t octets);

/* The control task's ------------------------------------------------------------- */

/* Of a prefix what is below the slot, in the upper bits of a word. */
struct bunch_prefix {
    uint32_t key;
    uint16_t value;
    uint8_t length; /* 1 to BUNCH_FAR_BITS */
};

/* Laid open, the longest first. */
struct bunch_list {
    unsigned n;
    struct bunch_prefix prefix[BUNCH_MOST];
};

/* One that the list has not; false: it is full. */
bool bunch_put(struct bunch_list *list, struct bunch_prefix prefix);
void bunch_open(struct bunch_list *list, const struct blocks *lines, uint32_t name);
/* A bunch of these, not yet visible, without a cover; 0: no memory. */
uint32_t bunch_close(const struct bunch_list *list, struct blocks *lines);
/* In place, if it is there: it leads elsewhere, or it is gone and what covers it is said. */
bool bunch_replace(const struct blocks *lines, uint32_t name, struct bunch_prefix prefix);
bool bunch_forget(const struct blocks *lines, uint32_t name, struct bunch_prefix prefix);
uint32_t bunch_cover(const struct blocks *lines, uint32_t name);
/* `value`: the cover's. */
void bunch_set_cover(const struct blocks *lines, uint32_t name, uint32_t cover, uint32_t value);
/* No reader knows it, or it is taken out. */
void bunch_give(struct blocks *lines, uint32_t name);
void bunch_rest(struct blocks *lines, uint32_t name);
