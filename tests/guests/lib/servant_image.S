/* SPDX-License-Identifier: MIT */
/* The servant's ELF file, for child.c. */
    .section .rodata
    .balign 4096
    .global servant_image, servant_image_end
servant_image:
    .incbin "out/obj/guests/servant.elf"
servant_image_end:

    .section .note.GNU-stack, "", @progbits
