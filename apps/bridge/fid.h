/* fid.h - filtering identifiers: whose stations are learned apart (IEEE 802.1Q 8.8; unread).
 *
 * One a bridge, and one a VLAN of a VLAN-aware bridge: independent learning.  BRIDGE_DEFAULT's
 * own is always the same, so that its static stations stay while it is not there.  Control
 * task only. */
#pragma once

#include <stdint.h>

#define BRIDGE_DEFAULT "br0"
#define BRIDGE_DEFAULT_FID 0u
#define FID_NONE UINT16_MAX

struct bridge;

struct fid {
    struct bridge *bridge;
    uint16_t vid; /* 0: the whole bridge */
};

/* FID_NONE: no memory, or none left.  `is_default`: BRIDGE_DEFAULT's. */
uint16_t fid_take(struct bridge *bridge, uint16_t vid, int is_default);
void fid_give(uint16_t number);
/* Whose it is; its bridge is NULL where it is nobody's now. */
struct fid fid_get(uint16_t number);
unsigned fid_limit(void); /* every one in use is below it */
