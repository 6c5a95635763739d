/* What Rust's library asks of an unwinder, for programs that have no unwind tables: a stack with nothing on it. A panic
   ends the program and says where it arose; without tables there is nothing more to tell, and LLVM's unwinder with the
   formatted output it brings along would be 33 kB of a program.

   The names and types are those of the C++ ABI for Itanium, "Exception Handling", level I
   <https://itanium-cxx-abi.github.io/cxx-abi/abi-eh.html>. Only `_Unwind_Backtrace` is ever called. */

typedef unsigned long word;

enum { END_OF_STACK = 5 };

int _Unwind_Backtrace(void *trace, void *argument) {
  (void)trace;
  (void)argument;
  return END_OF_STACK;
}

word _Unwind_GetIP(void *context) {
  (void)context;
  return 0;
}

word _Unwind_GetIPInfo(void *context, int *before) {
  (void)context;
  *before = 0;
  return 0;
}

word _Unwind_GetLanguageSpecificData(void *context) {
  (void)context;
  return 0;
}

word _Unwind_GetRegionStart(void *context) {
  (void)context;
  return 0;
}

word _Unwind_GetTextRelBase(void *context) {
  (void)context;
  return 0;
}

word _Unwind_GetDataRelBase(void *context) {
  (void)context;
  return 0;
}

void _Unwind_SetGR(void *context, int index, word value) {
  (void)context;
  (void)index;
  (void)value;
}

void _Unwind_SetIP(void *context, word value) {
  (void)context;
  (void)value;
}
