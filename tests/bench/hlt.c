/* hlt.c - the least that rests: what it takes to come back from a hlt.
 *
 * A PVH kernel of its own, 32-bit, that halts until the local APIC's periodic timer
 * wakes it.  Such a timer begins anew at once, so that its counter then says how long ago it ran
 * out: at 1 GHz where the APIC is QEMU's (nanoseconds; seen: 1,000,000,000 in its
 * APIC model), whose clock has nothing to do with the CPU's.  The worker that rests is held
 * against this (tools/bench rest).
 *
 * Registers: unread: Intel SDM vol. 3, 11.4 to 11.8; QEMU and Linux agree. */
#include <stdint.h>

#define SAMPLES 200u
#define PERIOD 20000000u /* ns */
#define VECTOR 0x40u
#define COM1 0x3f8
#define COM1_LSR (COM1 + 5)
#define LSR_THRE 0x20
#define PIC_MASK 0x21 /* and the second one's */
#define PIC2_MASK 0xa1

#define APIC 0xfee00000u
#define APIC_EOI 0xb0
#define APIC_SPURIOUS 0xf0
#define APIC_SPURIOUS_ENABLE 0x100
#define APIC_TIMER 0x320
#define APIC_TIMER_PERIODIC (1u << 17)
#define APIC_INITIAL 0x380
#define APIC_CURRENT 0x390
#define APIC_DIVIDE 0x3e0
#define APIC_DIVIDE_BY_1 0xb

struct gate {
    uint16_t low, selector, type, high;
};

static struct gate idt[VECTOR + 1];
static uint32_t late[SAMPLES];
static uint8_t stack[4096] __attribute__((aligned(16), used));

static volatile uint32_t *apic(uint32_t offset)
{
    return (volatile uint32_t *)(uintptr_t)(APIC + offset);
}

/* Xen's "PVH guest start-of-day": 32-bit, flat segments, paging off; no stack. */
__asm__(".section .note.pvh, \"a\", @note\n"
        ".align 4\n"
        ".long 4, 4, 18\n"
        ".asciz \"Xen\"\n"
        ".long start\n"
        ".text\n"
        ".global start\n"
        "start: mov $stack + 4096, %esp\n"
        "call rest\n"
        "woken: iret\n");
extern char woken[];

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %b0, %w1" : : "a"(value), "d"(port));
}

static void put(char c)
{
    uint8_t status;
    do
        __asm__ volatile("inb %w1, %b0" : "=a"(status) : "d"(COM1_LSR));
    while (!(status & LSR_THRE));
    out8(COM1, (uint8_t)c);
}

static void put_text(const char *text)
{
    while (*text)
        put(*text++);
}

static void put_number(uint32_t n)
{
    if (n > 9)
        put_number(n / 10);
    put((char)('0' + n % 10));
}

static void timer_start(void)
{
    uint32_t handler = (uint32_t)(uintptr_t)woken;
    uint16_t code;
    __asm__("mov %%cs, %0" : "=r"(code));
    idt[VECTOR] = (struct gate){ (uint16_t)handler, code, 0x8e00, (uint16_t)(handler >> 16) };
    struct {
        uint16_t limit;
        void *base;
    } __attribute__((packed)) idtr = { sizeof idt - 1, idt };
    __asm__ volatile("lidt %0" : : "m"(idtr));
    out8(PIC_MASK, 0xff); /* the firmware's timer */
    out8(PIC2_MASK, 0xff);
    *apic(APIC_SPURIOUS) = APIC_SPURIOUS_ENABLE | 0xff;
    *apic(APIC_DIVIDE) = APIC_DIVIDE_BY_1;
    *apic(APIC_TIMER) = APIC_TIMER_PERIODIC | VECTOR;
    *apic(APIC_INITIAL) = PERIOD;
}

static uint32_t percentile(uint32_t part)
{
    return late[SAMPLES * part / 100];
}

static void sort(void)
{
    for (unsigned i = 1; i < SAMPLES; i++) {
        uint32_t value = late[i];
        unsigned at = i;
        for (; at && late[at - 1] > value; at--)
            late[at] = late[at - 1];
        late[at] = value;
    }
}

__attribute__((used)) void rest(void)
{
    timer_start();
    for (unsigned i = 0; i < SAMPLES; i++) {
        __asm__ volatile("sti\n hlt\n cli" : : : "memory");
        late[i] = PERIOD - *apic(APIC_CURRENT);
        *apic(APIC_EOI) = 0;
    }
    sort();
    put_text("ready: hlt ");
    put_number(percentile(50));
    put(' ');
    put_number(percentile(99));
    put_text(" ns\r\n");
    for (;;)
        __asm__ volatile("cli\n hlt");
}
