/* floor.S - the least that QEMU can boot: PVH in, one line out.
 *
 * What QEMU, its firmware and its loader take by themselves; start-up times of
 * the appliance are told as multiples of this one (tools/bench).  With a
 * command line it leaves through isa-debug-exit after its line (tools/accel);
 * without one it halts.
 *
 * With ONCE_BLOCKS it first runs that many blocks of five instructions, each block
 * once, and its line ends in the TSC cycles that took (hex): what an emulator takes
 * to translate code of that size, which is the least that code can cost.
 *
 * Entry state: Xen "PVH guest start-of-day", docs/misc/pvh.pandoc: 32-bit
 * protected mode, paging off, flat segments, EBX: hvm_start_info. */

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define CMDLINE_PADDR 24            /* struct hvm_start_info: 64-bit address */
#define COM1 0x3f8
#define COM1_LSR (COM1 + 5)
#define LSR_THRE 0x20               /* 16550: transmitter holding register empty */
#define DEBUG_EXIT 0x501            /* isa-debug-exit's default port */
#define LEFT 43                     /* QEMU exits with 2 * value + 1 */

    .section .note.pvh, "a", @note
    .align 4
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long floor_start

    .text
    .code32
    .global floor_start
floor_start:
#ifdef ONCE_BLOCKS
    mov $once_stack_top, %esp
    rdtsc
    mov %eax, %ebp
    .rept ONCE_BLOCKS
    mov 8(%esp), %eax
    lea 4(%eax, %eax, 2), %ecx
    mov %ecx, 12(%esp)
    test %ecx, %ecx
    js 1f                           /* ends the block, either way */
1:
    .endr
    rdtsc
    sub %ebp, %eax
    mov $once_cycles, %edi
    mov $8, %ecx
digit:
    rol $4, %eax
    mov %eax, %edx
    and $15, %edx
    mov once_digits(%edx), %dl
    mov %dl, (%edi)
    inc %edi
    loop digit
#endif
    mov $floor_text, %esi
next:
    lodsb
    test %al, %al
    jz finished
    mov %al, %ah
    mov $COM1_LSR, %dx
full:
    in %dx, %al
    test $LSR_THRE, %al
    jz full
    mov %ah, %al
    mov $COM1, %dx
    out %al, %dx
    jmp next
finished:
    mov CMDLINE_PADDR(%ebx), %esi
    test %esi, %esi
    jz halted
    cmpb $0, (%esi)
    je halted
    mov $(LEFT / 2), %al
    mov $DEBUG_EXIT, %dx
    out %al, %dx
halted:
    cli
    hlt
    jmp halted

    .data
floor_text:
    .ascii "ready: floor"
#ifdef ONCE_BLOCKS
    .ascii " "
once_cycles:
    .ascii "        "
#endif
    .asciz "\r\n"
#ifdef ONCE_BLOCKS
once_digits:
    .ascii "0123456789abcdef"
    .bss
    .skip 64
once_stack_top:
    .skip 16
#endif
    .section .note.GNU-stack, "", @progbits
