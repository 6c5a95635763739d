/* Each function of memory.c beside the same done byte by byte: every length up to several blocks, at every distance that overlaps. */

#include <stdio.h>
#include <stddef.h>

void *memcpy(void *restrict, const void *restrict, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
int bcmp(const void *, const void *, size_t);

enum { LONGEST = 200, ROOM = 3 * LONGEST };

static unsigned char found[ROOM], wanted[ROOM];

static void fill(void) {
  for (int at = 0; at < ROOM; at++) found[at] = wanted[at] = (unsigned char)(at * 7 + at / 31);
}

static int differs(const char *what, int size, int distance) {
  for (int at = 0; at < ROOM; at++) {
    if (found[at] != wanted[at]) {
      printf("%s of %d bytes, %d away: byte %d is %d and should be %d\n", what, size, distance, at, found[at], wanted[at]);
      return 1;
    }
  }
  return 0;
}

static int sign(int number) { return (number > 0) - (number < 0); }

static int moves(int size, int distance) {
  static volatile unsigned char kept[LONGEST];
  unsigned char *from = found + LONGEST;
  fill();
  for (int at = 0; at < size; at++) kept[at] = from[at];
  for (int at = 0; at < size; at++) wanted[LONGEST + distance + at] = kept[at];
  if (memmove(from + distance, from, (size_t)size) != from + distance) return 1;
  if (differs("memmove", size, distance)) return 1;
  if (distance < size && -distance < size) return 0;
  fill();
  for (int at = 0; at < size; at++) wanted[LONGEST + distance + at] = kept[at];
  memcpy(from + distance, from, (size_t)size);
  return differs("memcpy", size, distance);
}

static int sets(int size) {
  fill();
  for (int at = 0; at < size; at++) wanted[LONGEST + at] = 0xe7;
  if (memset(found + LONGEST, 0x1e7, (size_t)size) != found + LONGEST) return 1;
  return differs("memset", size, 0);
}

static int compares(int size) {
  fill();
  if (memcmp(found, wanted, (size_t)size) != 0 || bcmp(found, wanted, (size_t)size) != 0) return 1;
  for (int at = 0; at < size; at++) {
    unsigned char was = found[at];
    found[at] = (unsigned char)(was ^ 0x80);
    /* What comes after the first difference does not count. */
    if (at + 1 < size) found[at + 1] ^= 0xff;
    int result = memcmp(found, wanted, (size_t)size);
    if (sign(result) != (found[at] > was ? 1 : -1) || bcmp(found, wanted, (size_t)size) == 0) {
      printf("memcmp of %d bytes that differ at %d gives %d\n", size, at, result);
      return 1;
    }
    if (at + 1 < size) found[at + 1] ^= 0xff;
    found[at] = was;
  }
  return 0;
}

int main(void) {
  for (int size = 0; size <= LONGEST; size++) {
    for (int distance = -LONGEST; distance <= LONGEST; distance++) {
      if (moves(size, distance)) return 1;
    }
    if (sets(size) || compares(size)) return 1;
  }
  return 0;
}
