/* capture.h - frames copied into a pcapng file in memory as they pass a port or an interface, or as
 * they are dropped.  One capture at a time; control task.
 *
 * While none runs nothing is paid for it: a port is captured by a tap (apps/forward/taps.h), an
 * interface by what its input and output lead to, drops where they are counted.  What does not fit
 * into the file any more, and what a worker could not wait for, is counted as lost. */
#pragma once

#include "apps/capture/bpf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_LIMIT_MIN 4096u
#define CAPTURE_LIMIT_MAX (1u << 30)
#define CAPTURE_LIMIT (1u << 20) /* bytes of the file, unless told */
#define CAPTURE_SNAPLEN 65535u

struct interface;
struct port;

struct capture_options {
    struct port *port;           /* of these three, one: a port, */
    struct interface *interface; /* an interface, */
    bool drops;                  /* or what is dropped anywhere */
    const struct bpf_program *filter; /* copied; NULL: all */
    uint32_t snaplen;
    size_t limit;
    const char *file;
};

struct capture_state {
    bool running;
    const char *file, *of; /* its name; what is captured; NULL: there never was one */
    uint64_t frames, lost;
    uint64_t passed; /* by a filter that did not want them */
    size_t bytes, limit;
};

/* 0, -EBUSY: one runs, or as files_make(). */
int capture_start(const struct capture_options *options);
void capture_stop(void);
void capture_read(struct capture_state *state);
