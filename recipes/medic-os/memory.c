/* memcpy, memmove, memset and memcmp, sixteen bytes at a time. The toolchain's own take one byte at a time, since it is told to make
   small programs: a fifth of an installation was spent in them.

   Whatever is shorter than a block, or left over beyond whole blocks, is moved by two accesses that overlap. All that an access might
   overwrite has been read by then. */

#include <stddef.h>
#include <stdint.h>

typedef unsigned char byte;
typedef unsigned char block __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t word __attribute__((aligned(1), may_alias));
typedef uint32_t half __attribute__((aligned(1), may_alias));

enum { BLOCK = sizeof(block) };

static block *block_at(byte *at) { return (block *)at; }
static block read_block(const byte *at) { return *(const block *)at; }
static word read_word(const byte *at) { return *(const word *)at; }
static half read_half(const byte *at) { return *(const half *)at; }

static void move_less_than_a_block(byte *to, const byte *from, size_t size) {
  if (size >= sizeof(word)) {
    word first = read_word(from), last = read_word(from + size - sizeof(word));
    *(word *)to = first;
    *(word *)(to + size - sizeof(word)) = last;
  } else if (size >= sizeof(half)) {
    half first = read_half(from), last = read_half(from + size - sizeof(half));
    *(half *)to = first;
    *(half *)(to + size - sizeof(half)) = last;
  } else if (size > 0) {
    byte first = from[0], middle = from[size / 2], last = from[size - 1];
    to[0] = first;
    to[size / 2] = middle;
    to[size - 1] = last;
  }
}

void *memmove(void *target, const void *source, size_t size) {
  byte *to = target;
  const byte *from = source;
  if (size < BLOCK) {
    move_less_than_a_block(to, from, size);
    return target;
  }
  block first = read_block(from), last = read_block(from + size - BLOCK);
  if ((uintptr_t)to - (uintptr_t)from >= size) {
    /* Forwards: the target begins before the source, or beyond its end. */
    size_t at = 0;
    for (; at + 4 * BLOCK < size; at += 4 * BLOCK) {
      block a = read_block(from + at), b = read_block(from + at + BLOCK);
      block c = read_block(from + at + 2 * BLOCK), d = read_block(from + at + 3 * BLOCK);
      *block_at(to + at) = a;
      *block_at(to + at + BLOCK) = b;
      *block_at(to + at + 2 * BLOCK) = c;
      *block_at(to + at + 3 * BLOCK) = d;
    }
    for (; at + BLOCK < size; at += BLOCK) *block_at(to + at) = read_block(from + at);
    *block_at(to + size - BLOCK) = last;
  } else {
    for (size_t at = size; at > BLOCK; at -= BLOCK) *block_at(to + at - BLOCK) = read_block(from + at - BLOCK);
    *block_at(to) = first;
  }
  return target;
}

void *memcpy(void *restrict target, const void *restrict source, size_t size) {
  return memmove(target, source, size);
}

void *memset(void *target, int value, size_t size) {
  byte *to = target;
  word eight = (byte)value * 0x0101010101010101u;
  if (size >= BLOCK) {
    block whole = (block){0} + (byte)value;
    for (size_t at = 0; at + BLOCK < size; at += BLOCK) *block_at(to + at) = whole;
    *block_at(to + size - BLOCK) = whole;
  } else if (size >= sizeof(word)) {
    *(word *)to = eight;
    *(word *)(to + size - sizeof(word)) = eight;
  } else if (size >= sizeof(half)) {
    *(half *)to = (half)eight;
    *(half *)(to + size - sizeof(half)) = (half)eight;
  } else if (size > 0) {
    to[0] = to[size / 2] = to[size - 1] = (byte)value;
  }
  return target;
}

int memcmp(const void *left, const void *right, size_t size) {
  const byte *a = left, *b = right;
  size_t at = 0;
  while (at + sizeof(word) <= size && read_word(a + at) == read_word(b + at)) at += sizeof(word);
  for (; at < size; at++) {
    if (a[at] != b[at]) return a[at] - b[at];
  }
  return 0;
}

int bcmp(const void *left, const void *right, size_t size) { return memcmp(left, right, size); }
