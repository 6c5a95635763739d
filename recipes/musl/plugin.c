/* What recipe.yaml's test loads. */
int answer(void) { return 42; }
