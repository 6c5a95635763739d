/*
 * What of ICU is there, for whoever compiles it and with it: collation, and conversion between the forms of Unicode.
 * Each switch is described in uconfig.h.
 */
#define UCONFIG_ONLY_COLLATION 1
#define UCONFIG_NO_LEGACY_CONVERSION 1
