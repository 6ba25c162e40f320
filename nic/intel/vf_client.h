/* vf_client.h - the VF's end of the mailbox between an Intel PF and its VFs (intel_mbx.h).
 *
 * What a VF may do its PF's driver decides: one of this image, or a host's that we know
 * nothing of.  So all is a state machine, advanced by vf_client_poll() and never waiting: the VF
 * resets itself, greets the PF, is granted an address, and asks for its settings one message at
 * a time.  Whatever happens to the PF leads through vf_client_lost() back to the beginning.
 *
 * What there is to ask for, and the function's queues, are the driver's (struct vf_client_ops);
 * igbvf.c is one. */
#pragma once

#include "nic/ethernet.h"
#include "nic/intel/intel_mbx.h"

#include <stdbool.h>
#include <stdint.h>

/* Where the VF stands with its PF. */
enum vf_client_state {
    VF_LOST,     /* to be reset as soon as the PF is there and the pause is over */
    VF_SETTLING, /* was reset; greets after a moment */
    VF_GREETING, /* the reset message is under way */
    VF_OPEN,     /* clear to send */
};

/* What is told in the log, each at its own pace; the driver's own come behind. */
enum vf_client_news {
    NEWS_GONE,
    NEWS_PF_RESET,
    NEWS_PF_SILENT,
    NEWS_NO_CTS,
    NEWS_NONSENSE,
    NEWS_ANSWERS,
    NEWS_BACK,
    NEWS_OF_DRIVER,
    NEWS_MAX = 32
};

/* The one message that is under way. */
struct vf_mail {
    uint32_t words[MBX_WORDS];
    unsigned count; /* of words; 0: none under way */
    unsigned asks;
    bool sent; /* this ask is in the buffer */
    uint64_t deadline_us;
};

/* `owner` is vf_client.owner. */
struct vf_client_ops {
    /* Resets the function: its queues are off, and the PF's driver, told by its chip, forgets
     * what it granted. */
    void (*reset)(void *owner);
    /* The reset is over: what it let go of. */
    void (*clean)(void *owner);
    /* From here on nobody touches the queues, until settle(). */
    void (*lost)(void *owner);
    /* The queues are off without our doing: the PF resets, or (`gone`) no register answers. */
    void (*away)(void *owner, bool gone);
    /* The PF answered the greeting: the address of this VF, NULL: it has none for it. */
    void (*begin)(void *owner, const uint8_t *mac);
    /* Puts the next message that is due into `mail`; false: nothing is due any more. */
    bool (*next)(void *owner);
    void (*answered)(void *owner, bool granted);
    /* Unasked: link or policy may have changed; what was refused may be granted now. */
    void (*control)(void *owner, bool cts);
    /* Every setting was asked: called at each poll from then on. */
    void (*settle)(void *owner);
};

struct vf_client {
    const struct vf_client_ops *ops;
    void *owner;
    const char *name; /* for the log */
    uint8_t *mailbox; /* V2PMAILBOX */
    uint8_t *memory;  /* VMBMEM */
    uint64_t now_us;

    enum vf_client_state state;
    unsigned generation; /* resets of ours */
    uint64_t resume_us;  /* LOST: not before; SETTLING: until */
    uint64_t pause_us;   /* before the next reset but this one */
    uint64_t lost_us, settled_us;
    bool settled;    /* since the last reset every setting was asked */
    uint32_t events; /* of the mailbox register, cleared by reading, not yet handled */
    struct vf_mail mail;
    uint64_t timeouts, nonsense;

    uint64_t told_us[NEWS_MAX]; /* 0: never */
    uint32_t told;              /* reasons since the PF was lost, a bit each */
};

/* False: nothing to do this time. */
bool vf_client_poll(struct vf_client *c, uint64_t now_us);
/* True: the registers answer, and no reset of the PF is under way. */
bool vf_client_look(struct vf_client *c);
/* The same, without handling what it may tell. */
bool vf_client_there(struct vf_client *c);
/* Resets the function now; it greets again. */
void vf_client_reset(struct vf_client *c);
/* Back to the beginning; true when the reason is to be told. */
bool vf_client_lost(struct vf_client *c, unsigned why);
/* Milliseconds until the reset that follows. */
unsigned vf_client_pause_ms(const struct vf_client *c);
/* In settle(), with the queues on: true the first time. */
bool vf_client_settled(struct vf_client *c);
/* True when this may be told now: the PF, or whoever plays it, does not fill our log. */
bool vf_client_tells(struct vf_client *c, unsigned news);
