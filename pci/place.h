/* place.h - between place.c (what needs a place) and space.c (what is free). */
#pragma once

#include "pci/pci_internal.h"

#define FOUR_GIB 0x100000000ull

/* First and last address. */
struct range {
    uint64_t base, last;
};

/* A BAR, the BARs of a PF's VFs, or the window of a bridge. */
enum request_what { REQUEST_BAR, REQUEST_WINDOW, REQUEST_VFS };

struct request {
    struct pci_function *f;
    enum request_what what;
    unsigned index;            /* which BAR, or which window */
    enum pci_window_kind kind; /* it comes through this window of the bridge above */
    uint64_t size, align;
    bool low; /* must lie below 4 GiB */
};

/* What devices ask for is theirs to say: sums and products stop at the end. */
uint64_t add_saturating(uint64_t a, uint64_t b);
uint64_t multiply_saturating(uint64_t a, uint64_t b);
uint64_t align_saturating(uint64_t v, uint64_t align);

/* Which window of the bridge above (NULL: a root bus) leads there. */
enum pci_window_kind kind_through(const struct pci_function *parent, enum pci_window_kind kind);
/* False: no root bus has that much in one piece. */
bool space_can_hold(const struct request *q);
/* The lowest free place, in the window of the bridge above or on the root buses; 0: none. */
uint64_t space_find(const struct request *q);
/* Widens the window of the bridge above, and of those above it, into free space next to it,
 * so that the request fits.  In memory only; false: something is in the way. */
bool space_grow(const struct request *q);
