#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the symbol table of backtraces: `nm -n` in, assembly out.

The table stands behind all code (section .symbols), so that it may differ in
size between the two links without moving a function.
"""
import sys

names = []
for line in sys.stdin:
    fields = line.split()
    if len(fields) == 3 and fields[1] in "tT":
        names.append((int(fields[0], 16), fields[2]))

print('        .section .symbols, "a"')
print("        .balign 4")
for label, values in (
    ("symbol_count", [len(names)]),
    ("symbol_address", [address for address, _ in names]),
):
    print(f"        .globl {label}\n{label}:")
    for value in values:
        print(f"        .long {value:#x}")
print("        .globl symbol_name\nsymbol_name:")
offset = 0
for _, name in names:
    print(f"        .long {offset}")
    offset += len(name) + 1
print("        .globl symbol_strings\nsymbol_strings:")
for _, name in names:
    print(f'        .asciz "{name}"')
print("        .byte 0")
print('        .section .note.GNU-stack, "", @progbits')
