/* string.c - memcpy(), memset() and memchr(), in place of newlib's.
 *
 * newlib's write everything from 256 bytes on past the caches (movnti), and what is below 16, or
 * left over, byte by byte (rep movsb).  What is copied here is read next: a burst's pointers, a
 * frame's octets.  Its memchr() looks at each byte by itself; firmware's tables are long. */
#include "kernel/compiler.h"

#include <emmintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t two_words __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t word __attribute__((aligned(1), may_alias));
typedef uint32_t half_word __attribute__((aligned(1), may_alias));

#define PIECE sizeof(two_words)
#define STEP (4 * PIECE)

/* Or the compiler sees what the loop is and calls the function that it is in. */
static ALWAYS_INLINE void not_a_call(void)
{
    __asm__ volatile("" : : : "memory");
}

/* Below PIECE: its first and its last octets, which may be the same ones. */
static void copy_little(uint8_t *to, const uint8_t *from, size_t n)
{
    if (n >= sizeof(word)) {
        word first = *(const word *)from, last = *(const word *)(from + n - sizeof(word));
        *(word *)to = first;
        *(word *)(to + n - sizeof(word)) = last;
    } else if (n >= sizeof(half_word)) {
        half_word first = *(const half_word *)from,
                  last = *(const half_word *)(from + n - sizeof(half_word));
        *(half_word *)to = first;
        *(half_word *)(to + n - sizeof(half_word)) = last;
    } else {
        for (size_t i = 0; i < n; i++, not_a_call())
            to[i] = from[i];
    }
}

void *memcpy(void *restrict out, const void *restrict in, size_t n)
{
    uint8_t *to = out, *end = to + n;
    const uint8_t *from = in;
    if (n < PIECE) {
        copy_little(to, from, n);
        return out;
    }
    for (; (size_t)(end - to) > STEP; to += STEP, from += STEP, not_a_call()) {
        const two_words *piece = (const two_words *)from;
        two_words a = piece[0], b = piece[1], c = piece[2], d = piece[3];
        ((two_words *)to)[0] = a;
        ((two_words *)to)[1] = b;
        ((two_words *)to)[2] = c;
        ((two_words *)to)[3] = d;
    }
    for (; (size_t)(end - to) > PIECE; to += PIECE, from += PIECE, not_a_call())
        *(two_words *)to = *(const two_words *)from;
    *(two_words *)(end - PIECE) = *(const two_words *)((const uint8_t *)in + n - PIECE);
    return out;
}

void *memset(void *out, int value, size_t n)
{
    uint8_t *to = out, *end = to + n;
    uint64_t all = 0x0101010101010101ull * (uint8_t)value;
    two_words both = { all, all };
    if (n < PIECE) {
        for (; (size_t)(end - to) >= sizeof(word); to += sizeof(word), not_a_call())
            *(word *)to = all;
        for (; to < end; to++, not_a_call())
            *to = (uint8_t)value;
        return out;
    }
    for (; (size_t)(end - to) > STEP; to += STEP, not_a_call())
        for (unsigned i = 0; i < STEP / PIECE; i++)
            ((two_words *)to)[i] = both;
    for (; (size_t)(end - to) > PIECE; to += PIECE, not_a_call())
        *(two_words *)to = both;
    *(two_words *)(end - PIECE) = both;
    return out;
}

void *memchr(const void *in, int value, size_t n)
{
    const uint8_t *at = in, *end = at + n;
    const __m128i wanted = _mm_set1_epi8((char)value);
    for (; (size_t)(end - at) >= PIECE; at += PIECE) {
        __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)at), wanted);
        int found = _mm_movemask_epi8(same);
        if (found)
            return (void *)(at + __builtin_ctz((unsigned)found));
    }
    for (; at < end; at++)
        if (*at == (uint8_t)value)
            return (void *)at;
    return NULL;
}
