/* member.h - bridges and their members, as workers see them.
 *
 * A port that is a member of a bridge gives its untagged traffic to it.  The control
 * task makes all of this (bridge.h); workers look, word by word, and hold nothing
 * across turns: what is taken out is freed through retire(). */
#pragma once

#include "apps/forward/interface.h"
#include "kernel/numbered.h"
#include "nic/ethernet.h"

#include <stdbool.h>
#include <stdint.h>

struct bridge;
struct note;
struct snoop;
struct snoop_groups;

/* Addresses of other functions of a NIC, whose own ports have the frames for them. */
struct mac_list {
    unsigned count;
    uint64_t mac[]; /* as mac_load() gives them */
};

/* VLANs of a member of a VLAN-aware bridge. */
#define VLAN_WORDS 64u
struct vlan_set {
    uint64_t in[VLAN_WORDS]; /* a bit a VID */
    uint16_t pvid;           /* the one that is untagged on the member's wire; 0: none */
};

static inline bool vlan_set_has(const struct vlan_set *set, unsigned vid)
{
    return set && load_relaxed(&set->in[vid / 64]) >> vid % 64 & 1;
}

/* The first from `vid` on; above VLAN_MAX: there is none. */
static inline unsigned vlan_set_next(const struct vlan_set *set, unsigned vid)
{
    for (; vid / 64 < VLAN_WORDS; vid = (vid | 63) + 1) {
        uint64_t word = load_relaxed(&set->in[vid / 64]) >> vid % 64;
        if (word)
            return vid + (unsigned)__builtin_ctzll(word);
    }
    return VLAN_MAX + 1;
}

/* What is not ordinary about a member; 0: nothing. */
enum trait {
    TRAIT_ISOLATED = 1,   /* it and others that are exchange nothing */
    TRAIT_UNLEARNED = 2,  /* stations behind it are not learned */
    TRAIT_UNFLOODED = 4,  /* frames for unknown stations do not leave by it */
    TRAIT_STORM = 8,      /* what comes in by it for many is limited */
    TRAIT_DISCARDING = 16, /* the spanning tree lets nothing through */
    TRAIT_LEARNING = 32,  /* nor yet, but it learns already */
};
#define TRAITS_CLOSED (TRAIT_DISCARDING | TRAIT_LEARNING)

struct storm;
struct stp;
struct stp_member;

struct member {
    /* hot */
    struct port *port;
    struct interface *interface;
    struct bridge *bridge;
    struct member *speaker;  /* of a VF while its PF runs: who speaks for their wire; or NULL */
    struct mac_list *others; /* on its wire; NULL: none */
    struct vlan_set *vlans;  /* NULL: its bridge is not VLAN-aware */
    struct storm *storm;     /* with TRAIT_STORM */
    uint32_t traits;
    /* the control task's */
    bool automatic;   /* by mode l2, not by the user */
    bool edge;        /* no bridge is behind it: the spanning tree need not wait */
    struct stp_member *stp; /* NULL: its bridge has no spanning tree */
    uint32_t limit;   /* stations learned behind it at most; 0: as many as there are */
    uint64_t refused; /* times that one was not for that */
};

/* Who gets flooded frames; never changed once workers can see it. */
struct flood_list {
    unsigned count;
    struct member *member[];
};

/* One VLAN of a VLAN-aware bridge; workers find it by its VID. */
struct bridge_vlan {
    uint16_t vid;
    uint16_t fid;     /* its stations in the filtering database */
    uint16_t members; /* that are in it: the control task's */
};

struct bridge {
    /* hot */
    struct interface *interface; /* the bridge from above */
    struct flood_list *flood;    /* members that are up; NULL: none */
    struct numbered *vlans;      /* struct bridge_vlan by VID; NULL: it is not VLAN-aware */
    uint16_t fid;                /* its stations in the filtering database, if it is not */
    bool down;                   /* by the user: nothing goes through */
    struct snoop_groups *groups; /* who wants which group; NULL: they go to all */
    /* Handlers of notes, which have the frame: of messages about groups, whose code is a FID, and
     * of BPDUs; NULL: these are for nobody. */
    void (*snoop_take)(struct worker *control, const struct note *note);
    void (*stp_take)(struct worker *control, const struct note *note);
    /* the control task's */
    struct snoop *snoop; /* who keeps `groups` */
    struct stp *stp;     /* its spanning tree; NULL: none */
    bool automatic;     /* made by mode l2 */
    bool mac_chosen;    /* by the user; else it is a member's */
    uint16_t mac_from;  /* the number of that member's port; PORT_NONE: there was none yet */
    bool mac_left;      /* that member is gone; another may have its number */
    bool mac_automatic; /* it was no member by the user's wish: the first that is goes before */
    struct loop_signs {
        uint64_t moves, own;     /* stations that came elsewhere; own frames that came back */
        uint64_t moves_before;   /* when they were looked at last */
        uint16_t from, to, back; /* ports of the last of each */
        uint64_t told_us;        /* when it was told last; 0: never */
    } loop;
    uint16_t mtu;       /* as the user wants it; 0: what the members can */
};

/* By the port's number. */
extern struct numbered members;

static inline struct member *member_of(unsigned port)
{
    return numbered_get(&members, port);
}
