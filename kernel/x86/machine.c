/* machine.c - what the machine is, how it ends, and what survives a reset. */
#include "kernel/machine.h"

#include "kernel/acpi.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/mmio.h"
#include "kernel/panic.h"
#include "kernel/startup.h"
#include "kernel/time.h"

#include <errno.h>
#include <string.h>

#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_PULSE_RESET 0xfe /* 8042: pulse output bit 0, the reset line */
#define RESET_CONTROL 0xcf9       /* unread: ICH9 datasheet 13.7.5: bits 1 and 2, hard reset */
#define RESET_CONTROL_HARD 0x06
#define RESET_WAIT_US 50000u

static char cpu_name[49];
static const char *boot_protocol = "";

/* The brand string, CPUID 80000002h-80000004h, without its leading blanks. */
void machine_init(const char *protocol)
{
    uint32_t words[12] = { 0 };
    boot_protocol = protocol;
    if (cpuid(0x80000000, 0).eax >= 0x80000004)
        for (unsigned i = 0; i < 3; i++) {
            struct cpuid r = cpuid(0x80000002 + i, 0);
            memcpy(words + 4 * i, &r, sizeof r);
        }
    const char *text = (const char *)words;
    size_t skip = 0;
    while (skip < sizeof words && text[skip] == ' ')
        skip++;
    memcpy(cpu_name, text + skip, sizeof words - skip);
    if (!cpu_name[0])
        memcpy(cpu_name, "unknown CPU", sizeof "unknown CPU");
}

const char *machine_cpu_name(void)
{
    return cpu_name;
}

/* CPUID 1, ECX bit 31, which no CPU of its own sets (unread: SDM vol. 2A). */
bool machine_is_guest(void)
{
    return cpuid(1, 0).ecx >> 31;
}

const char *machine_boot_protocol(void)
{
    return boot_protocol;
}

void machine_poweroff(void)
{
    console_flush();
    bool known = acpi_poweroff() != -ENOTSUP;
    log_error("poweroff: %s, and there is no other way than ACPI",
              known ? "the machine was told and stays on" : "no tables, \\_S5 or register for it");
}

void machine_reboot(void)
{
    console_flush();
    acpi_reset();
    cpu_reset();
}

void cpu_reset(void)
{
    const struct {
        uint16_t limit;
        uint64_t base;
    } PACKED nothing = { 0, 0 };
    pio_write8(RESET_CONTROL, RESET_CONTROL_HARD);
    time_delay_us(RESET_WAIT_US);
    pio_write8(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
    time_delay_us(RESET_WAIT_US);
    __asm__ volatile("lidt %0; ud2" : : "m"(nothing));
    cpu_halt();
}

/* Panics in a row ------------------------------------------------------------ */

/* A page of conventional memory that nobody writes on the way back here (tried:
 * SeaBIOS with PVH and with GRUB).  Not below 90000h: SeaBIOS clears 7000h to
 * 90000h before every boot (startBoot() in src/post.c).  Above lies its EBDA,
 * which grows down from the end.  Where the page is lost the count starts
 * again, and the machine merely goes on resetting. */
#define PANIC_RECORD 0x90000ull
#define PANIC_MAGIC 0x6d696c6c70616e63ull

struct panic_record {
    uint64_t magic, count, check; /* check = magic ^ count */
};

static struct panic_record *panic_record(void)
{
    return memory_is_ram(PANIC_RECORD, PAGE_SIZE) ? (struct panic_record *)PANIC_RECORD : NULL;
}

unsigned panic_count_up(void)
{
    struct panic_record *r = panic_record();
    if (!r)
        return 1;
    bool valid = r->magic == PANIC_MAGIC && r->check == (r->magic ^ r->count);
    r->count = valid ? r->count + 1 : 1;
    r->magic = PANIC_MAGIC;
    r->check = r->magic ^ r->count;
    return (unsigned)r->count;
}

void panic_count_clear(void)
{
    struct panic_record *r = panic_record();
    if (r)
        r->magic = 0;
}

/* Crashing on purpose (`debug crash`) ----------------------------------------- */

extern uint8_t image_start[], text_end[];

static unsigned overflow_stack(volatile unsigned *depth)
{
    volatile unsigned here[64] = { *depth + 1 };
    if (*depth == ~0u)
        return 0;
    return overflow_stack(here) + here[0];
}

void machine_crash(unsigned kind)
{
    static uint8_t code[] = { 0xc3 };
    volatile unsigned depth = 0;
    switch (kind) {
    case 0:
        *(volatile uint8_t *)(uintptr_t)depth = 1;
        break;
    case 1:
        *(volatile uint8_t *)image_start = 1;
        break;
    case 2:
        *(volatile uint8_t *)text_end = 1;
        break;
    case 3:
        ((void (*)(void))(uintptr_t)code)();
        break;
    case 4:
        *(volatile uint8_t *)0x300000000000ull = 1;
        break;
    case 5:
        overflow_stack(&depth);
        break;
    case 6:
        __asm__ volatile("ud2");
        break;
    default:
        panic("asked for by debug crash");
    }
}
