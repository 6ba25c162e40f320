/* exception.c - every exception is the end: say what is known, then reset.
 *
 * Exceptions run on stacks of their own (TSS IST 1; double faults and NMIs IST 2), so a
 * stack overflow is told like any other page fault.  One CPU tells, the others are
 * stopped.  Source: SDM vol. 3, ch. 6.
 * unread in this file: SDM. */
#include "kernel/compiler.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/machine.h"
#include "kernel/mmio.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/symbols.h"
#include "kernel/time.h"
#include "kernel/x86/percpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define VECTORS 32u
#define GATES 256u
#define VECTOR_NMI 2u
#define VECTOR_DOUBLE_FAULT 8u
#define VECTOR_PAGE_FAULT 14u
#define GATE_PRESENT_INTERRUPT 0x8e00u
#define CODE_SELECTOR 8u
#define DATA_SELECTOR 16u
#define TSS_SELECTOR 24u
#define MSR_GS_BASE 0xc0000101u
#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_DATA 0xa1
#define BACKTRACE_MAX 24u
#define RESET_AFTER_US (10 * US_PER_S)

struct exception_frame { /* as exception_entry.S pushes it */
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t vector, code, rip, cs, rflags, rsp, ss;
};

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} PACKED;

struct idt_gate {
    uint16_t offset_low, selector, flags, offset_middle;
    uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "SDM vol. 3, figure 6-8");

extern uint8_t exception_stubs[], interrupt_stub[], image_start[], text_end[];
extern uint8_t exception_stack_top[], double_fault_stack_top[];
extern uint8_t stack_guard_boot[], stack_guard_end[];
void exception_handle(const struct exception_frame *f) NORETURN;

static const uint64_t segments[] = { 0, 0x00209a0000000000ull, 0x0000920000000000ull };
static struct idt_gate idt[GATES];

static const char *const names[VECTORS] = {
    [0] = "divide error",
    [1] = "debug",
    [2] = "non-maskable interrupt",
    [3] = "breakpoint",
    [4] = "overflow",
    [5] = "bound range exceeded",
    [6] = "invalid opcode",
    [7] = "device not available",
    [8] = "double fault",
    [10] = "invalid TSS",
    [11] = "segment not present",
    [12] = "stack-segment fault",
    [13] = "general protection",
    [14] = "page fault",
    [16] = "x87 floating-point error",
    [17] = "alignment check",
    [18] = "machine check",
    [19] = "SIMD floating-point error",
    [20] = "virtualization exception",
    [21] = "control protection",
};

void exception_load(struct cpu *cpu)
{
    const struct table_pointer gdt_pointer = { sizeof cpu->gdt - 1, (uintptr_t)cpu->gdt };
    const struct table_pointer idt_pointer = { sizeof idt - 1, (uintptr_t)idt };
    uint64_t base = (uintptr_t)&cpu->tss;
    memcpy(cpu->gdt, segments, sizeof segments);
    cpu->gdt[3] =
        (sizeof cpu->tss - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    cpu->gdt[4] = base >> 32;
    cpu->tss.io_map = sizeof cpu->tss;
    cpu->self = cpu;
    __asm__ volatile("lgdt %0; lidt %1; ltr %w2; mov %w3, %%ds; mov %w3, %%es; mov %w3, %%ss"
                     :
                     : "m"(gdt_pointer), "m"(idt_pointer), "r"(TSS_SELECTOR), "r"(DATA_SELECTOR)
                     : "memory");
    wrmsr(MSR_GS_BASE, (uintptr_t)cpu);
}

static void set_gate(unsigned vector, const uint8_t *code, unsigned ist)
{
    uint64_t at = (uintptr_t)code;
    idt[vector] = (struct idt_gate){ .offset_low = at & 0xffff,
                                     .selector = CODE_SELECTOR,
                                     .flags = (uint16_t)(GATE_PRESENT_INTERRUPT | ist),
                                     .offset_middle = at >> 16 & 0xffff,
                                     .offset_high = (uint32_t)(at >> 32) };
}

void exception_init(void)
{
    pio_write8(PIC_MASTER_DATA, 0xff);
    pio_write8(PIC_SLAVE_DATA, 0xff);
    cpus[0].tss.ist[0] = (uintptr_t)exception_stack_top;
    cpus[0].tss.ist[1] = (uintptr_t)double_fault_stack_top;
    cpus[0].state = CPU_UP;
    for (unsigned v = 0; v < VECTORS; v++)
        set_gate(v, exception_stubs + 16 * v, v == VECTOR_DOUBLE_FAULT || v == VECTOR_NMI ? 2 : 1);
    exception_load(&cpus[0]);
}

void exception_add_interrupts(void)
{
    for (unsigned v = VECTORS; v < GATES; v++)
        set_gate(v, interrupt_stub, 0);
}

/* Saying it --------------------------------------------------------------- */

static void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void say(const char *fmt, ...)
{
    char line[160];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    console_write(line, strlen(line));
    console_flush();
}

static bool in_text(uint64_t address)
{
    return address >= (uintptr_t)image_start && address < (uintptr_t)text_end;
}

static void say_address(const char *what, uint64_t address)
{
    const struct symbol *best = NULL;
    for (const struct symbol *s = symbol_table; s->address && s->address <= address; s++)
        best = s;
    if (best && in_text(address))
        say("%s%016lx %s+0x%lx\n", what, (unsigned long)address, best->name,
            (unsigned long)(address - best->address));
    else
        say("%s%016lx\n", what, (unsigned long)address);
}

static bool is_in_stacks(uint64_t address)
{
    return address - STACKS_BASE < HEAP_BASE - STACKS_BASE;
}

/* The image's stacks, a task's or another CPU's. */
static bool is_frame(uint64_t rbp)
{
    if (is_in_stacks(rbp))
        return paging_is_mapped(rbp) && paging_is_mapped(rbp + 15);
    return rbp >= (uintptr_t)stack_guard_boot && rbp <= (uintptr_t)stack_guard_end - 16;
}

/* Frame pointers lie on our stacks, aligned, and climb: anything else ends it. */
static void say_backtrace(uint64_t rip, uint64_t rbp)
{
    say("backtrace:\n");
    say_address("  ", rip);
    for (unsigned i = 0; i < BACKTRACE_MAX; i++) {
        if ((rbp & 7) || !is_frame(rbp))
            break;
        const uint64_t *frame = (const uint64_t *)(uintptr_t)rbp;
        if (!in_text(frame[1]))
            break;
        say_address("  ", frame[1] - 1);
        if (frame[0] <= rbp)
            break;
        rbp = frame[0];
    }
}

static void say_registers(const struct exception_frame *f)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "rax", f->rax }, { "rbx", f->rbx }, { "rcx", f->rcx },    { "rdx", f->rdx },
        { "rsi", f->rsi }, { "rdi", f->rdi }, { "rbp", f->rbp },    { "rsp", f->rsp },
        { "r8 ", f->r8 },  { "r9 ", f->r9 },  { "r10", f->r10 },    { "r11", f->r11 },
        { "r12", f->r12 }, { "r13", f->r13 }, { "r14", f->r14 },    { "r15", f->r15 },
        { "rip", f->rip }, { "cs ", f->cs },  { "flg", f->rflags }, { "cr2", read_cr2() }
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        say("%s %016lx%s", rows[i].name, (unsigned long)rows[i].value, i % 4 == 3 ? "\n" : "  ");
}

static bool is_guard(uint64_t address)
{
    extern uint8_t stack_guard_exception[], stack_guard_double_fault[];
    const uint8_t *const guards[] = { stack_guard_boot, stack_guard_exception,
                                      stack_guard_double_fault };
    if (is_in_stacks(address))
        return !paging_is_mapped(address);
    for (unsigned i = 0; i < ARRAY_SIZE(guards); i++)
        if (address - (uintptr_t)guards[i] < PAGE_SIZE)
            return true;
    return false;
}

static void say_cpu(void)
{
    if (cpus_count() > 1 || cpu_number())
        say("on CPU %u\n", cpu_number());
}

static void say_page_fault(const struct exception_frame *f)
{
    uint64_t at = read_cr2();
    const char *what = f->code & 0x10 ? "execute" : f->code & 2 ? "write" : "read";
    const char *why = at < PAGE_SIZE ? "NULL pointer"
                      : is_guard(at) ? "stack overflow"
                      : f->code & 1  ? "not permitted"
                                     : "not mapped";
    say("panic: page fault, %s of %016lx: %s\n", what, (unsigned long)at, why);
}

/* The end ------------------------------------------------------------------ */

static bool halt_on_panic;
static unsigned panics, in_a_row;
static unsigned teller; /* the CPU that tells of its panic: its number + 1; 0: all is well */

void panic_set_halt(bool halt)
{
    halt_on_panic = halt;
}

static bool panic_stays(void)
{
    return halt_on_panic || in_a_row >= PANICS_IN_A_ROW_MAX;
}

NORETURN static void panic_end(void)
{
    if (panic_stays()) {
        say(halt_on_panic ? "halted (panic=halt)\n" : "halted: third panic in a row\n");
        cpu_halt();
    }
    say("reset in 10 s (panic %u of %u in a row)\n", in_a_row, PANICS_IN_A_ROW_MAX);
    time_delay_us(RESET_AFTER_US);
    cpu_reset();
}

/* The first CPU that panics tells of it; others end here, by a panic of their own or by the NMI
 * that the first one sends. */
static void become_teller(void)
{
    unsigned nobody = 0, me = this_cpu()->number + 1;
    if (__atomic_compare_exchange_n(&teller, &nobody, me, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST) ||
        nobody == me)
        return;
    store_release(&this_cpu()->stopped, true);
    cpu_halt();
}

/* A panic while telling of one cuts the report short, and one that comes even
 * so says nothing more: whatever happens, the machine comes back if it should. */
static void panic_begin(void)
{
    become_teller();
    if (panics++ == 0) {
        cpus_stop_others();
        in_a_row = panic_count_up();
        console_set_wait(NULL);
        console_write("\n", 1);
    } else if (panics == 2) {
        say("\npanic: another one in the report\n");
        panic_end();
    } else if (panic_stays()) {
        cpu_halt();
    } else {
        cpu_reset();
    }
}

void exception_handle(const struct exception_frame *f)
{
    panic_begin();
    if (f->vector == VECTOR_PAGE_FAULT)
        say_page_fault(f);
    else
        say("panic: %s (vector %lu, error code %lx)\n",
            f->vector < VECTORS && names[f->vector] ? names[f->vector] : "reserved exception",
            (unsigned long)f->vector, (unsigned long)f->code);
    say_cpu();
    say_registers(f);
    say_backtrace(f->rip, f->rbp);
    panic_end();
}

void panic(const char *fmt, ...)
{
    char text[128];
    va_list args;
    panic_begin();
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    say("panic: %s\n", text);
    say_cpu();
    const uint64_t *frame = __builtin_frame_address(0);
    say_backtrace(frame[1], frame[0]);
    panic_end();
}
