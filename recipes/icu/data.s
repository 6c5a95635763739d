/* ICU's data as an object; what it is called is in unicode/utypes.h (U_ICUDATA_ENTRY_POINT). */
    .section .rodata.icudt, "a", %progbits
    .balign 16
    .globl icudt76_dat
    .type icudt76_dat, %object
icudt76_dat:
    .incbin "icudt76l.dat"
    .size icudt76_dat, . - icudt76_dat
    .section .note.GNU-stack, "", %progbits
