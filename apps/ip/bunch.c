/* bunch.c - a few prefixes, to be compared at once (bunch.h). */
#include "apps/ip/bunch.h"

#include <string.h>

#define FITS_NOTHING_KEY 1u /* under a mask without bits */
#define KINDS (BUNCH_TWO | BUNCH_FAR)

static uint32_t mask_of(unsigned length)
{
    return length ? UINT32_MAX << (BUNCH_FAR_BITS - length) : 0;
}

static unsigned lanes_of(uint32_t name)
{
    return name & KINDS ? BUNCH_MOST : BUNCH_LINE;
}

static uint32_t size_of(uint32_t name)
{
    if (name & BUNCH_FAR)
        return sizeof(struct bunch_far);
    return (name & BUNCH_TWO ? 2 : 1) * sizeof(struct bunch_line);
}

static uint32_t *cover_at(const struct blocks *lines, uint32_t name)
{
    if (name & BUNCH_FAR)
        return &((struct bunch_far *)bunch_at(lines, name))->cover;
    return &((struct bunch_line *)bunch_at(lines, name))->cover;
}

uint32_t bunch_cover(const struct blocks *lines, uint32_t name)
{
    return *cover_at(lines, name);
}

/* The value of what no lane fits, in the last line: there the burst's reader finds it at once. */
static uint16_t *last_value(const struct blocks *lines, uint32_t name)
{
    if (name & BUNCH_FAR)
        return &((struct bunch_far *)bunch_at(lines, name))->value[BUNCH_MOST];
    return &((struct bunch_line *)bunch_at(lines, name))[name & BUNCH_TWO].value[BUNCH_LINE];
}
_Static_assert(BUNCH_TWO == 1, "the number of the last line");

void bunch_set_cover(const struct blocks *lines, uint32_t name, uint32_t cover, uint32_t value)
{
    store_release(cover_at(lines, name), cover);
    store_release(last_value(lines, name), (uint16_t)(value <= UINT16_MAX ? value : 0));
}

void bunch_give(struct blocks *lines, uint32_t name)
{
    blocks_give(lines, name & BLOCK_PLACE & ~KINDS, size_of(name));
}

void bunch_rest(struct blocks *lines, uint32_t name)
{
    blocks_rest(lines, name & BLOCK_PLACE & ~KINDS, size_of(name));
}

bool bunch_put(struct bunch_list *list, struct bunch_prefix prefix)
{
    if (list->n == BUNCH_MOST)
        return false;
    unsigned at = list->n++;
    for (; at && list->prefix[at - 1].length < prefix.length; at--)
        list->prefix[at] = list->prefix[at - 1];
    list->prefix[at] = prefix;
    return true;
}

/* Lanes, of either kind ------------------------------------------------------------- */

static void lane_put(const struct blocks *lines, uint32_t name, unsigned lane,
                     const struct bunch_prefix *p)
{
    uint32_t key = p ? __builtin_bswap32(p->key) : FITS_NOTHING_KEY;
    uint32_t mask = p ? __builtin_bswap32(mask_of(p->length)) : 0;
    uint16_t value = p ? p->value : 0;
    if (name & BUNCH_FAR) {
        struct bunch_far *far = bunch_at(lines, name);
        far->key[lane] = key;
        far->mask[lane] = mask;
        far->value[lane] = value;
        return;
    }
    struct bunch_line *line = bunch_at(lines, name);
    line += lane / BUNCH_LINE;
    lane %= BUNCH_LINE;
    line->key[lane] = (uint16_t)key;
    line->mask[lane] = (uint16_t)mask;
    line->value[lane] = value;
}

/* What a lane has, and its value's place; a length of 0: it is not used. */
static NOINLINE uint16_t *lane_get(const struct blocks *lines, uint32_t name, unsigned lane,
                                   struct bunch_prefix *p, bool *gone)
{
    uint32_t mask;
    uint16_t *value;
    if (name & BUNCH_FAR) {
        struct bunch_far *far = bunch_at(lines, name);
        mask = __builtin_bswap32(far->mask[lane]);
        p->key = __builtin_bswap32(far->key[lane]);
        *gone = far->gone >> lane & 1;
        value = &far->value[lane];
    } else {
        struct bunch_line *line = bunch_at(lines, name);
        line += lane / BUNCH_LINE;
        lane %= BUNCH_LINE;
        mask = __builtin_bswap32(line->mask[lane]);
        p->key = __builtin_bswap32(line->key[lane]);
        *gone = line->gone >> lane & 1;
        value = &line->value[lane];
    }
    p->value = *value;
    p->length = (uint8_t)(mask ? BUNCH_FAR_BITS - (unsigned)__builtin_ctz(mask) : 0);
    return value;
}

/* Whether there is something in a lane. */
static bool lane_has(const struct blocks *lines, uint32_t name, unsigned lane,
                     struct bunch_prefix *p)
{
    bool gone;
    lane_get(lines, name, lane, p, &gone);
    return p->length && !gone;
}

static void lane_forget(const struct blocks *lines, uint32_t name, unsigned lane)
{
    if (name & BUNCH_FAR) {
        struct bunch_far *far = bunch_at(lines, name);
        far->gone |= (uint16_t)(1u << lane);
        return;
    }
    struct bunch_line *line = bunch_at(lines, name);
    line[lane / BUNCH_LINE].gone |= (uint16_t)(1u << lane % BUNCH_LINE);
}

/* Looking --------------------------------------------------------------------------- */

static uint16_t far_says(const struct bunch_far *far, uint32_t octets)
{
    unsigned lane = 0;
    while (lane < BUNCH_MOST && (octets & far->mask[lane]) != far->key[lane])
        lane++;
    return load_acquire(&far->value[lane]);
}

static uint16_t line_says(const struct bunch_line *line, uint16_t octets)
{
    unsigned lane = 0;
    while (lane < BUNCH_LINE && (octets & line->mask[lane]) != line->key[lane])
        lane++;
    return load_acquire(&line->value[lane]);
}

uint32_t bunch_says(const struct blocks *lines, uint32_t name, uint32_t octets)
{
    const struct bunch_line *line = bunch_at(lines, name);
    uint32_t value;
    if (name & BUNCH_FAR) {
        value = far_says(bunch_at(lines, name), octets);
    } else {
        value = line_says(line, (uint16_t)octets);
        if (!value && name & BUNCH_TWO)
            value = line_says(line + 1, (uint16_t)octets);
    }
    return value ? value : load_acquire(cover_at(lines, name));
}

/* Bunches --------------------------------------------------------------------------- */

void bunch_open(struct bunch_list *list, const struct blocks *lines, uint32_t name)
{
    struct bunch_prefix prefix;
    list->n = 0;
    for (unsigned lane = 0; lane < lanes_of(name); lane++)
        if (lane_has(lines, name, lane, &prefix))
            list->prefix[list->n++] = prefix;
}

uint32_t bunch_close(const struct bunch_list *list, struct blocks *lines)
{
    uint32_t kind = 0;
    if (list->n && list->prefix[0].length > BUNCH_BITS)
        kind = BUNCH_FAR;
    else if (list->n > BUNCH_LINE)
        kind = BUNCH_TWO;
    uint32_t name = blocks_take(lines, size_of(kind));
    if (!name)
        return 0;
    name |= kind;
    memset(bunch_at(lines, name), 0, size_of(kind));
    for (unsigned lane = 0; lane < lanes_of(kind); lane++)
        lane_put(lines, name, lane, lane < list->n ? &list->prefix[lane] : NULL);
    return name;
}

/* The value of the longest that covers lane `lane`; 0: none does. */
static uint16_t lane_covered(const struct blocks *lines, uint32_t name, unsigned lane, uint32_t key)
{
    struct bunch_prefix other;
    while (++lane < lanes_of(name))
        if (lane_has(lines, name, lane, &other) && (key & mask_of(other.length)) == other.key)
            return other.value;
    return 0;
}

/* Those that are gone say what covers them. */
static void bunch_settle(const struct blocks *lines, uint32_t name)
{
    for (unsigned lane = 0; lane < lanes_of(name); lane++) {
        struct bunch_prefix prefix;
        bool gone;
        uint16_t *value = lane_get(lines, name, lane, &prefix, &gone);
        if (gone)
            store_release(value, lane_covered(lines, name, lane, prefix.key));
    }
}

/* The lane of a prefix that is there, or as many as there are. */
static unsigned lane_find(const struct blocks *lines, uint32_t name, struct bunch_prefix prefix)
{
    struct bunch_prefix has;
    for (unsigned lane = 0; lane < lanes_of(name); lane++)
        if (lane_has(lines, name, lane, &has) && has.key == prefix.key &&
            has.length == prefix.length)
            return lane;
    return lanes_of(name);
}

bool bunch_replace(const struct blocks *lines, uint32_t name, struct bunch_prefix prefix)
{
    struct bunch_prefix was;
    bool gone;
    unsigned lane = lane_find(lines, name, prefix);
    if (lane == lanes_of(name))
        return false;
    store_release(lane_get(lines, name, lane, &was, &gone), prefix.value);
    bunch_settle(lines, name);
    return true;
}

bool bunch_forget(const struct blocks *lines, uint32_t name, struct bunch_prefix prefix)
{
    unsigned lane = lane_find(lines, name, prefix);
    if (lane == lanes_of(name))
        return false;
    lane_forget(lines, name, lane);
    bunch_settle(lines, name);
    return true;
}
