/* bpf.h - classic BPF: the programs that `tcpdump -ddd EXPRESSION` prints, checked and run.
 *
 * Source: unread, McCanne and Jacobson, The BSD Packet Filter; what libpcap's compiler emits, as
 * `tcpdump -d` shows it. */
#pragma once

#include "nic/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define BPF_MOST 256u /* instructions */
#define BPF_MEMORY 16u

struct bpf_instruction {
    uint16_t code;
    uint8_t jump_true, jump_false; /* so many further than the next */
    uint32_t k;
};

struct bpf_program {
    unsigned count;
    struct bpf_instruction instruction[BPF_MOST];
};

/* NULL: it ends, reads and writes nothing outside, and divides by no zero that is written in it;
 * else what is wrong, static text, and *at is the instruction's number. */
const char *bpf_verify(const struct bpf_program *program, unsigned *at);
/* "COUNT,CODE:JT:JF:K,...", as tools/capture-filter prints it.  NULL, or what is wrong with it,
 * verified too. */
const char *bpf_parse(const char *text, struct bpf_program *program);
/* How many bytes of the frame are wanted, 0: it does not match.  For verified programs. */
uint32_t bpf_run(const struct bpf_program *program, const struct packet *packet);
