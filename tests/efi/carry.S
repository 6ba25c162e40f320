/* carry.S - the application under test, inside tests/efi/hostile.c. */
    .section .data, "aw"
    .balign 16
    .globl application, application_end
application:
    .incbin APPLICATION
application_end:
    .section .note.GNU-stack, "", @progbits
