/* bpf.c - checks and runs classic BPF (bpf.h). */
#include "apps/capture/bpf.h"

#include "kernel/endian.h"

#include <stdlib.h>
#include <string.h>

/* A code is a class and what the class has: size and mode, operation and operand. */
#define CLASS(code) ((code)&0x07u)
#define LD 0x00u
#define LDX 0x01u
#define ST 0x02u
#define STX 0x03u
#define ALU 0x04u
#define JMP 0x05u
#define RET 0x06u
#define MISC 0x07u
#define SIZE(code) ((code)&0x18u)
#define WORD 0x00u
#define HALF 0x08u
#define BYTE 0x10u
#define MODE(code) ((code)&0xe0u)
#define IMM 0x00u
#define ABS 0x20u
#define IND 0x40u
#define MEM 0x60u
#define LEN 0x80u
#define MSH 0xa0u
#define OPERATION(code) ((code)&0xf0u)
#define ADD 0x00u
#define SUB 0x10u
#define MUL 0x20u
#define DIV 0x30u
#define OR 0x40u
#define AND 0x50u
#define LSH 0x60u
#define RSH 0x70u
#define NEG 0x80u
#define MOD 0x90u
#define XOR 0xa0u
#define JA 0x00u
#define JEQ 0x10u
#define JGT 0x20u
#define JGE 0x30u
#define JSET 0x40u
#define X 0x08u /* the operand is X, not k */
#define RET_A 0x10u
#define TAX 0x00u
#define TXA 0x80u

/* Offsets from here on mean other things to Linux: its own notes about a packet. */
#define ANCILLARY 0xfff00000u

/* Checking ----------------------------------------------------------------------- */

static const char *verify_load(const struct bpf_instruction *i)
{
    bool x = CLASS(i->code) == LDX;
    switch (MODE(i->code)) {
    case IMM:
    case LEN:
        return SIZE(i->code) == WORD ? NULL : "a load of no known size";
    case MEM:
        if (SIZE(i->code) != WORD)
            return "a load of no known size";
        return i->k < BPF_MEMORY ? NULL : "a place in memory that is not there";
    case ABS:
    case IND:
        if (x || SIZE(i->code) == 0x18)
            return "a load that there is not";
        return i->k < ANCILLARY ? NULL : "a look at what only Linux knows of a packet";
    case MSH:
        return x && SIZE(i->code) == BYTE ? NULL : "a load that there is not";
    default:
        return "a load of no known mode";
    }
}

static const char *verify_alu(const struct bpf_instruction *i)
{
    unsigned operation = OPERATION(i->code);
    if (operation > XOR)
        return "no known operation";
    if ((operation == DIV || operation == MOD) && !(i->code & X) && !i->k)
        return "a division by zero";
    if ((operation == LSH || operation == RSH) && !(i->code & X) && i->k > 31)
        return "a shift by more than a word";
    return NULL;
}

/* Jumps go forward alone, so that every program ends. */
static const char *verify_jump(const struct bpf_instruction *i, unsigned left)
{
    if (OPERATION(i->code) == JA)
        return i->k < left ? NULL : "a jump behind the end";
    if (OPERATION(i->code) > JSET)
        return "no known jump";
    return i->jump_true < left && i->jump_false < left ? NULL : "a jump behind the end";
}

static const char *verify_one(const struct bpf_instruction *i, unsigned left)
{
    if (i->code > 0xff)
        return "no known instruction";
    switch (CLASS(i->code)) {
    case LD:
    case LDX:
        return verify_load(i);
    case ST:
    case STX:
        if (i->code & ~7u)
            return "no known instruction";
        return i->k < BPF_MEMORY ? NULL : "a place in memory that is not there";
    case ALU:
        return verify_alu(i);
    case JMP:
        return verify_jump(i, left);
    case RET:
        return i->code == RET || i->code == (RET | RET_A) ? NULL : "no known return";
    default:
        return i->code == (MISC | TAX) || i->code == (MISC | TXA) ? NULL : "no known instruction";
    }
}

const char *bpf_verify(const struct bpf_program *p, unsigned *at)
{
    *at = 0;
    if (!p->count || p->count > BPF_MOST)
        return "no instructions, or too many";
    for (*at = 0; *at < p->count; ++*at) {
        const char *wrong = verify_one(&p->instruction[*at], p->count - 1 - *at);
        if (wrong)
            return wrong;
    }
    *at = p->count - 1;
    return CLASS(p->instruction[*at].code) == RET ? NULL : "no return at the end";
}

/* Text ----------------------------------------------------------------------------- */

/* A decimal number up to `most` and the character behind it; false: something else. */
static bool take(const char **text, char behind, uint64_t most, uint64_t *value)
{
    const char *digit = *text;
    *value = 0;
    if (*digit < '0' || *digit > '9')
        return false;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        *value = *value * 10 + (uint64_t)(*digit - '0');
        if (*value > most)
            return false;
    }
    if (*digit != behind)
        return false;
    *text = digit + (behind != 0);
    return true;
}

static bool take_instruction(const char **text, bool last, struct bpf_instruction *i)
{
    uint64_t code, yes, no, k;
    if (!take(text, ':', UINT16_MAX, &code) || !take(text, ':', UINT8_MAX, &yes) ||
        !take(text, ':', UINT8_MAX, &no) || !take(text, last ? 0 : ',', UINT32_MAX, &k))
        return false;
    *i = (struct bpf_instruction){ (uint16_t)code, (uint8_t)yes, (uint8_t)no, (uint32_t)k };
    return true;
}

const char *bpf_parse(const char *text, struct bpf_program *p)
{
    uint64_t count;
    unsigned at;
    if (!take(&text, ',', BPF_MOST, &count) || !count)
        return "not as tools/capture-filter prints it";
    for (p->count = 0; p->count < count; p->count++)
        if (!take_instruction(&text, p->count + 1 == count, &p->instruction[p->count]))
            return "not as tools/capture-filter prints it";
    return bpf_verify(p, &at);
}

/* Running --------------------------------------------------------------------------- */

struct machine {
    const struct packet *packet;
    uint32_t a, x, memory[BPF_MEMORY];
    bool outside; /* a load reached behind the frame: it does not match */
};

static uint32_t load(struct machine *m, uint64_t offset, unsigned size)
{
    const struct packet *p = m->packet;
    uint8_t bytes[4];
    const uint8_t *at = bytes;
    unsigned n = size == WORD ? 4 : size == HALF ? 2 : 1;
    if (offset + n <= p->length)
        at = p->data + offset;
    else if (offset + n > p->frame_length || !packet_read(p, (uint32_t)offset, bytes, n))
        m->outside = true;
    if (m->outside)
        return 0;
    return n == 4 ? load_be32(at) : n == 2 ? load_be16(at) : *at;
}

static uint32_t value_of(struct machine *m, const struct bpf_instruction *i)
{
    switch (MODE(i->code)) {
    case IMM:
        return i->k;
    case LEN:
        return m->packet->frame_length;
    case MEM:
        return m->memory[i->k];
    case ABS:
        return load(m, i->k, SIZE(i->code));
    case IND:
        return load(m, (uint64_t)m->x + i->k, SIZE(i->code));
    default:
        return (load(m, i->k, BYTE) & 0xf) * 4;
    }
}

/* Of a division by an X that is zero nothing comes out: the frame does not match. */
static uint32_t compute(struct machine *m, uint16_t code, uint32_t b)
{
    uint32_t a = m->a;
    unsigned operation = OPERATION(code);
    if ((operation == DIV || operation == MOD) && !b) {
        m->outside = true;
        return 0;
    }
    switch (operation) {
    case ADD:
        return a + b;
    case SUB:
        return a - b;
    case MUL:
        return a * b;
    case DIV:
        return a / b;
    case MOD:
        return a % b;
    case OR:
        return a | b;
    case AND:
        return a & b;
    case XOR:
        return a ^ b;
    case LSH:
        return b > 31 ? 0 : a << b;
    case RSH:
        return b > 31 ? 0 : a >> b;
    case NEG:
    default: /* bpf_verify() lets no other pass */
        return -a;
    }
}

static unsigned jump(const struct bpf_instruction *i, uint32_t a, uint32_t b)
{
    bool yes;
    switch (OPERATION(i->code)) {
    case JA:
        return i->k;
    case JEQ:
        yes = a == b;
        break;
    case JGT:
        yes = a > b;
        break;
    case JGE:
        yes = a >= b;
        break;
    default:
        yes = a & b;
    }
    return yes ? i->jump_true : i->jump_false;
}

uint32_t bpf_run(const struct bpf_program *p, const struct packet *packet)
{
    struct machine m = { .packet = packet };
    for (unsigned at = 0; !m.outside && at < p->count; at++) {
        const struct bpf_instruction *i = &p->instruction[at];
        uint32_t operand = i->code & X ? m.x : i->k;
        switch (CLASS(i->code)) {
        case LD:
            m.a = value_of(&m, i);
            break;
        case LDX:
            m.x = value_of(&m, i);
            break;
        case ST:
            m.memory[i->k] = m.a;
            break;
        case STX:
            m.memory[i->k] = m.x;
            break;
        case ALU:
            m.a = compute(&m, i->code, operand);
            break;
        case JMP:
            at += jump(i, m.a, operand);
            break;
        case RET:
            return i->code & RET_A ? m.a : i->k;
        default:
            if (i->code & TXA)
                m.a = m.x;
            else
                m.x = m.a;
        }
    }
    return 0;
}
